//! The progress stream in Redis: updates of all tasks that somebody may watch, bounded.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    id::{Id, Task},
    redis::{Redis, RedisError},
    stream::{StreamCursor, StreamWriter},
};
use chrono::{DateTime, Utc};
use redis::streams::StreamRangeReply;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::db::TaskRow;

/// The Redis stream (without prefix) of the updates of all tasks.
pub const STREAM: &str = "tasks:progress";
/// Updates that the stream keeps, about: some minutes of a busy system. Who was away for longer
/// gets the present state and goes on from there.
const LENGTH: usize = 50_000;

/// Orders the updates of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Grows with every change of state.
    pub revision: i32,
    /// Grows with every progress between two changes of state.
    pub seq: i32,
}

/// The progress of a task at some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgressUpdate {
    /// The task.
    pub task: Id<Task>,
    /// Orders the updates of the task.
    pub version: Version,
    /// The state it was in.
    pub status: TaskStatus,
    /// The part that was done, from 0 to 1.
    pub progress: f64,
    /// The step it was in.
    pub step: Option<String>,
    /// The worker's estimate of the remaining time, in milliseconds.
    pub eta_ms: Option<i64>,
    /// The attempt it was at.
    pub attempt: i16,
    /// When this was so.
    pub at: DateTime<Utc>,
}

impl From<&TaskRow> for ProgressUpdate {
    fn from(task: &TaskRow) -> Self {
        Self {
            task: task.id,
            version: Version {
                revision: task.revision,
                seq: task.progress_seq,
            },
            status: task.status,
            progress: task.progress,
            step: task.current_step.clone(),
            eta_ms: task.eta_ms,
            attempt: task.attempt,
            at: task
                .finished_at
                .or(task.eta_at)
                .or(task.started_at)
                .unwrap_or(task.created_at),
        }
    }
}

/// Writes and reads the progress stream.
#[derive(Clone)]
pub struct ProgressStream {
    redis: Redis,
    writer: StreamWriter,
}

impl ProgressStream {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            writer: StreamWriter::new(redis.clone()),
            redis,
        }
    }

    /// Appends updates. Lost updates are not missed for long: who watches looks at the task itself
    /// from time to time.
    pub(super) async fn publish(&self, updates: &[ProgressUpdate]) {
        let entries: Vec<(String, Vec<u8>)> = updates
            .iter()
            .map(|update| {
                (
                    update.task.to_string(),
                    serde_json::to_vec(update).unwrap_or_default(),
                )
            })
            .collect();
        if let Err(error) = self.writer.append(STREAM, &entries, LENGTH).await {
            tracing::debug!(error = %error, "task progress was not published");
        }
    }

    /// The end of the stream at this moment.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn end(&self) -> Result<StreamCursor, RedisError> {
        let mut command = redis::cmd("XREVRANGE");
        command
            .arg(self.redis.key(STREAM))
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1);
        let newest: StreamRangeReply = self.redis.query(&command).await?;
        Ok(newest
            .ids
            .first()
            .and_then(|entry| entry.id.parse().ok())
            .unwrap_or(StreamCursor::START))
    }
}

impl Engine {
    /// The progress stream.
    pub fn progress_stream(&self) -> ProgressStream {
        ProgressStream::new(self.inner.deps.redis.clone())
    }
}
