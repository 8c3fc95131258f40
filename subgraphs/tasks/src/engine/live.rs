//! The progress stream: every moment of every watched task, bounded, for whoever looks on.

use atelier_kit::{
    id::{Id, Task},
    redis::{Redis, RedisError},
    stream::{StreamCursor, StreamWriter},
};
use chrono::{DateTime, Utc};
use redis::streams::StreamRangeReply;
use serde::{Deserialize, Serialize};

use super::{Engine, Status};
use crate::db::TaskRow;

/// The Redis stream (without prefix) of the moments of all tasks.
pub const STREAM: &str = "tasks:progress";
/// Moments that the stream keeps, about: some minutes of a busy system. Who was away for longer
/// gets the present state and goes on from there.
const LENGTH: usize = 50_000;

/// Orders the moments of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Grows with every change of state.
    pub revision: i32,
    /// Grows with every progress between two changes of state.
    pub seq: i32,
}

/// How far a task was at some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The task.
    pub task: Id<Task>,
    /// Orders the moments of the task.
    pub version: Version,
    /// Where it stood.
    pub status: Status,
    /// How much was done, from 0 to 1.
    pub progress: f64,
    /// The step it was in.
    pub step: Option<String>,
    /// What the worker thought was left, in milliseconds.
    pub eta_ms: Option<i64>,
    /// The attempt it was at.
    pub attempt: i16,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<&TaskRow> for Moment {
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
pub struct Live {
    redis: Redis,
    writer: StreamWriter,
}

impl Live {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            writer: StreamWriter::new(redis.clone()),
            redis,
        }
    }

    /// Appends moments. Lost moments are not missed for long: who watches looks at the task itself
    /// from time to time.
    pub(super) async fn publish(&self, moments: &[Moment]) {
        let entries: Vec<(String, Vec<u8>)> = moments
            .iter()
            .map(|moment| {
                (
                    moment.task.to_string(),
                    serde_json::to_vec(moment).unwrap_or_default(),
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
    pub fn live(&self) -> Live {
        Live::new(self.inner.deps.redis.clone())
    }
}
