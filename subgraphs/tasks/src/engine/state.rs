//! The states of a task.
//!
//! ```text
//! SCHEDULED ──due──▶ QUEUED ──lease──▶ RUNNING ──▶ SUCCEEDED | PARTIALLY_SUCCEEDED
//!                      ▲                 │  │
//!                      ├──lease expired──┘  ├──▶ RETRYING ──due──▶ QUEUED
//!                      └──replay── FAILED ◀─┘
//! ```
//!
//! Everything that is not final can become CANCELLED. A task that waits for its children after its
//! own work is RUNNING without a lease.

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    pg::{Pg, PgValue},
    sql_types::Text,
};
use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, FromSqlRow)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It waits for its time.
    Scheduled,
    /// It waits for a worker.
    Queued,
    /// It is being worked on, or waits for its children.
    Running,
    /// An attempt failed; it waits for the next one.
    Retrying,
    /// It is done.
    Succeeded,
    /// It is done, but some of its children are not.
    PartiallySucceeded,
    /// It failed for good: a dead letter, until somebody replays it.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

impl Status {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in the database and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Retrying => "RETRYING",
            Self::Succeeded => "SUCCEEDED",
            Self::PartiallySucceeded => "PARTIALLY_SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether nothing happens any more, unless somebody replays it.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::Cancelled
        )
    }

    /// The topic of the event that tells other domains that a task came here.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Scheduled => "task.scheduled",
            Self::Queued => "task.queued",
            Self::Running => "task.started",
            Self::Retrying => "task.retrying",
            Self::Succeeded => "task.succeeded",
            Self::PartiallySucceeded => "task.partially_succeeded",
            Self::Failed => "task.failed",
            Self::Cancelled => "task.cancelled",
        }
    }
}

impl FromSql<Text, Pg> for Status {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let name = <String as FromSql<Text, Pg>>::from_sql(bytes)?;
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| format!("unknown task status {name}").into())
    }
}
