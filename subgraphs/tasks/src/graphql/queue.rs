//! Queues and types of tasks.

use async_graphql::SimpleObject;
use atelier_kit::graphql::Long;
use chrono::{DateTime, Utc};

use crate::db::{history::TypeRow, queue::QueueRow};

/// Where tasks wait for workers.
#[derive(Debug, Clone, SimpleObject)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Since when its tasks are not handed out; null if they are.
    pub paused_at: Option<DateTime<Utc>>,
    /// Tasks that wait for their time.
    pub scheduled: Long,
    /// Tasks that wait for a worker.
    pub queued: Long,
    /// Tasks that are being worked on.
    pub running: Long,
    /// Tasks that wait for another attempt.
    pub retrying: Long,
    /// Tasks that failed for good.
    pub dead_letters: Long,
    /// Since when its longest waiting task could have started.
    pub oldest_queued_at: Option<DateTime<Utc>>,
}

impl From<QueueRow> for Queue {
    fn from(row: QueueRow) -> Self {
        Self {
            name: row.name,
            paused_at: row.paused_at,
            scheduled: row.scheduled.into(),
            queued: row.queued.into(),
            running: row.running.into(),
            retrying: row.retrying.into(),
            dead_letters: row.dead.into(),
            oldest_queued_at: row.oldest_queued_at,
        }
    }
}

/// What is known of a type of task.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskType {
    /// Its name.
    pub name: String,
    /// The queue of its tasks.
    pub queue: String,
    /// Tasks that the figures are from.
    pub samples: i32,
    /// Half of the tasks took no longer, in milliseconds.
    pub median_ms: Long,
    /// Nineteen of twenty tasks took no longer, in milliseconds.
    pub p95_ms: Long,
}

impl From<TypeRow> for TaskType {
    fn from(row: TypeRow) -> Self {
        Self {
            name: row.name,
            queue: row.queue,
            samples: row.samples,
            median_ms: row.median_ms.into(),
            p95_ms: row.p95_ms.into(),
        }
    }
}
