//! Telling others what became of tasks: events in the outbox, words through Redis.

use std::collections::BTreeSet;

use atelier_kit::{
    db::Connection,
    error::Error,
    event::{NewEvent, emit_all},
    id::{Id, Task, User},
    telemetry::catalog,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Engine, Moment, Status, Version};
use crate::db::Changed;

/// The payload of the events `task.succeeded`, `task.failed`, `task.cancelled` and of those in
/// between; see [`Status::topic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskFact {
    /// The task.
    pub id: Id<Task>,
    /// Its type.
    #[serde(rename = "type")]
    pub task_type: String,
    /// Its queue.
    pub queue: String,
    /// Where it stands now.
    pub status: Status,
    /// For whom it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Id<User>>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The task it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Id<Task>>,
    /// The attempt it is at.
    pub attempt: i16,
    /// What came out; only of a task that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

impl From<&Changed> for TaskFact {
    fn from(task: &Changed) -> Self {
        let succeeded = matches!(task.status, Status::Succeeded | Status::PartiallySucceeded);
        let unsuccessful = matches!(
            task.status,
            Status::Failed | Status::Retrying | Status::Cancelled
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
    /// Writes changes of state to the outbox. Ends concern other domains whoever the task is for;
    /// what is in between concerns only its owner, so tasks of nobody save it.
    pub(super) async fn emit(
        &self,
        connection: &mut Connection,
        changed: &[Changed],
    ) -> Result<(), Error> {
        let events = changed
            .iter()
            .filter(|task| task.status.is_final() || task.owner.is_some())
            .map(|task| NewEvent {
                topic: task.status.topic(),
                key: task.id.to_string(),
                concerns: task.owner.iter().map(ToString::to_string).collect(),
                payload: TaskFact::from(task),
            })
            .collect();
        emit_all(connection, &self.inner.deps, events).await
    }

    /// After the commit: wakes workers, and tells those who watch.
    pub(super) fn tell(&self, changed: &[Changed]) {
        let ready: BTreeSet<&str> = changed
            .iter()
            .filter(|task| task.status == Status::Queued)
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
        // Whoever watches a task of nobody hears at once of its end, too.
        let moments: Vec<Moment> = changed
            .iter()
            .filter(|task| task.status.is_final() || task.owner.is_some())
            .map(|task| self.moment(task))
            .collect();
        self.inner.board.announce(moments);
    }

    fn moment(&self, task: &Changed) -> Moment {
        Moment {
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

    /// Tells the progress of parents, which changes with the ends of their children.
    pub(super) fn tell_progress(&self, parents: &[Changed]) {
        let watched = parents.iter().filter(|task| task.owner.is_some());
        self.inner
            .board
            .announce(watched.map(|task| self.moment(task)).collect());
    }
}
