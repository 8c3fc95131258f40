//! What workers wrote about tasks.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use crate::db::log::LogRow;

/// A line that a worker wrote to a task's log.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLog {
    /// The time when the line was written.
    pub at: DateTime<Utc>,
    /// The attempt that wrote the line, counted from 1.
    pub attempt: i32,
    /// The text of the line, at most 2000 characters.
    pub line: String,
}

impl From<LogRow> for TaskLog {
    fn from(row: LogRow) -> Self {
        Self {
            at: row.at,
            attempt: row.attempt.into(),
            line: row.line,
        }
    }
}
