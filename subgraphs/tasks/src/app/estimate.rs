//! How long a task will probably take.

use atelier_contracts::tasks::TaskStatus;
use chrono::{DateTime, Utc};

use crate::db::{TaskRow, task::Place};

/// From here on, what a task says about its own progress counts.
const TELLING: f64 = 0.02;

/// Milliseconds until a task is done: `None` when nothing is known.
///
/// For a running task, its own pace and the history of its type are mixed by how far it is: early on
/// history knows better, in the end the task does. A waiting one waits for those before it to be
/// worked off by as many workers as its queue has now.
pub fn remaining_ms(
    task: &TaskRow,
    median_ms: Option<i64>,
    place: Option<&Place>,
    now: DateTime<Utc>,
) -> Option<i64> {
    match task.status {
        TaskStatus::Running => {
            let elapsed = (now - task.started_at?).num_milliseconds().max(0);
            let by_history = median_ms.map(|median| (median - elapsed).max(0));
            let by_pace = (task.progress >= TELLING)
                .then(|| elapsed as f64 * (1.0 - task.progress) / task.progress);
            match (by_history, by_pace) {
                (Some(history), Some(pace)) => Some(
                    (pace * task.progress + history as f64 * (1.0 - task.progress)).round() as i64,
                ),
                (Some(history), None) => Some(history),
                (None, Some(pace)) => Some(pace.round() as i64),
                (None, None) => None,
            }
        }
        TaskStatus::Queued => {
            let place = place.filter(|place| !place.paused)?;
            let median = median_ms?;
            Some(median + median * place.ahead / place.running.max(1))
        }
        TaskStatus::Scheduled | TaskStatus::Retrying => {
            median_ms.map(|median| median + (task.run_at - now).num_milliseconds().max(0))
        }
        _ => None,
    }
}
