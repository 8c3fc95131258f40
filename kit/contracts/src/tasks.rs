//! The contract of tasks: the progress of background work.
//!
//! Tasks are requested with [`atelier_kit::transaction::Tx::enqueue`].

use atelier_kit::{
    entity,
    event::{Concern, Fact},
    id::{Id, Task, User},
    text_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

entity!(
    /// A program that works on tasks: a process of this system, or an external one.
    pub Worker, "wrk"
);
entity!(
    /// A worker's hold on a task.
    pub Lease, "lse"
);

text_enum! {
    /// The state of a task.
    pub enum TaskStatus {
        /// It waits for its start time.
        Scheduled = "SCHEDULED",
        /// It waits for a worker.
        Queued = "QUEUED",
        /// A worker is working on it, or it waits for its children.
        Running = "RUNNING",
        /// An attempt failed, and it waits for the next one.
        Retrying = "RETRYING",
        /// It is done.
        Succeeded = "SUCCEEDED",
        /// It is done, but some of its children failed or were cancelled.
        PartiallySucceeded = "PARTIALLY_SUCCEEDED",
        /// It failed and has no attempts left. It stays a dead letter until somebody replays it.
        Failed = "FAILED",
        /// It was cancelled.
        Cancelled = "CANCELLED",
    }
}

impl TaskStatus {
    /// Whether the task has ended: nothing happens to it any more unless somebody replays it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::Cancelled
        )
    }
}

/// A change of a task's state. The end of every task is reported; other changes only if the task
/// has an owner.
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
    /// Its state.
    pub status: TaskStatus,
    /// The user for whom the task runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Id<User>>,
    /// The wire id of the object that the task is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The parent task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Id<Task>>,
    /// The number of the current attempt.
    pub attempt: i16,
    /// Its result, if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The code of the error, if it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The error message, if it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

impl TaskFact {
    /// Whether subscribers find facts by this subject: if it can be a wire id, which has no spaces.
    pub fn routes_by_subject(subject: &str) -> bool {
        !subject.is_empty() && !subject.contains(char::is_whitespace)
    }
}

impl Fact for TaskFact {
    const DOMAIN: Option<&'static str> = Some("tasks");
    const TOPICS: &'static [&'static str] = &[
        "task.scheduled",
        "task.queued",
        "task.started",
        "task.retrying",
        "task.succeeded",
        "task.partially_succeeded",
        "task.failed",
        "task.cancelled",
    ];

    fn topic(&self) -> &'static str {
        let all = TaskStatus::ALL.iter().zip(Self::TOPICS);
        let mut own = all.filter(|(status, _)| **status == self.status);
        own.next().map_or("task.failed", |(_, topic)| topic)
    }

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn concerns(&self) -> Vec<String> {
        let mut ids = Vec::new();
        self.owner.name(&mut ids);
        self.parent.name(&mut ids);
        let subject = self.subject.clone();
        ids.extend(subject.filter(|subject| Self::routes_by_subject(subject)));
        ids
    }

    fn payload(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn read(_: &str, payload: &Value) -> serde_json::Result<Self> {
        Self::deserialize(payload)
    }
}
