//! Telling others what became of tasks: facts in the outbox, wake-ups and progress through Redis.

use std::collections::BTreeSet;

use atelier_contracts::tasks::{TaskFact, TaskStatus};
use atelier_kit::{telemetry::catalog, transaction::Tx};

use super::{Engine, ProgressUpdate, Version, operation::Changes};
use crate::db::Changed;

impl From<&Changed> for TaskFact {
    fn from(task: &Changed) -> Self {
        let succeeded = matches!(
            task.status,
            TaskStatus::Succeeded | TaskStatus::PartiallySucceeded
        );
        let unsuccessful = matches!(
            task.status,
            TaskStatus::Failed | TaskStatus::Retrying | TaskStatus::Cancelled
        );
        Self {
            id: task.id,
            task_type: task.task_type.clone(),
            queue: task.queue.clone(),
            status: task.status,
            owner: task.owner,
            subject: task.subject.clone(),
            parent: task.parent,
            attempt: task.attempt,
            result: task.result.clone().filter(|_| succeeded),
            error_code: task.error_code.clone().filter(|_| unsuccessful),
            error_message: task.error_message.clone().filter(|_| unsuccessful),
        }
    }
}

impl Engine {
    /// Tells of changes with the transaction that makes them: facts with its commit, the rest after it.
    ///
    /// Ends concern other domains whoever the task is for; what is in between concerns only its owner,
    /// so tasks of nobody save it.
    pub(super) fn announce(&self, tx: &mut Tx, changes: &Changes) {
        let facts: Vec<TaskFact> = changes
            .states
            .iter()
            .filter(|task| is_watched(task))
            .map(TaskFact::from)
            .collect();
        tx.emit_all(&facts);
        let (engine, changes) = (self.clone(), changes.clone());
        tx.after_commit(move || {
            engine.notify(&changes.states);
            engine.publish_progress(&changes.parents);
        });
    }

    /// Wakes workers, counts ends, and publishes the new states to those who watch.
    pub(super) fn notify(&self, changed: &[Changed]) {
        let ready: BTreeSet<&str> = changed
            .iter()
            .filter(|task| task.status == TaskStatus::Queued)
            .map(|task| task.queue.as_str())
            .collect();
        self.inner.wake.wake(ready);
        let now = self.now();
        for task in changed.iter().filter(|task| task.status.is_final()) {
            let labels = [
                ("kind", task.task_type.clone()),
                ("outcome", task.status.as_str().to_ascii_lowercase()),
            ];
            metrics::counter!(catalog::TASKS_FINISHED, &labels).increment(1);
            if let Some(started_at) = task.started_at {
                let seconds = (now - started_at).num_milliseconds() as f64 / 1000.0;
                metrics::histogram!(catalog::TASK_DURATION, "kind" => task.task_type.clone())
                    .record(seconds);
            }
        }
        // Whoever watches a task of nobody hears of its end at once, too.
        let watched = changed.iter().filter(|task| is_watched(task));
        let updates = watched.map(|task| self.update(task)).collect();
        self.inner.progress.publish(updates);
    }

    fn update(&self, task: &Changed) -> ProgressUpdate {
        ProgressUpdate {
            task: task.id,
            version: Version {
                revision: task.revision,
                seq: task.progress_seq,
            },
            status: task.status,
            progress: task.progress,
            step: task.current_step.clone(),
            eta_ms: None,
            attempt: task.attempt,
            at: self.now(),
        }
    }

    /// Publishes the progress of parents, which changes with the ends of their children.
    fn publish_progress(&self, parents: &[Changed]) {
        let watched = parents.iter().filter(|task| task.owner.is_some());
        let updates = watched.map(|task| self.update(task)).collect();
        self.inner.progress.publish(updates);
    }
}

/// Whether others are told of a change.
fn is_watched(task: &Changed) -> bool {
    task.status.is_final() || task.owner.is_some()
}
