//! Schedules.

use async_graphql::{Enum, InputObject, Json, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    db::schedule::ScheduleRow,
    engine::{self, MissedRuns},
};

/// What is done about runs whose time passed while nobody was there to start them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "MissedRuns", remote = "MissedRuns")]
pub enum MissedRunPolicy {
    /// They are left out.
    Skip,
    /// One run makes up for all of them.
    RunOnce,
    /// Each of them is made up for, at most a hundred at a time.
    RunAll,
}

/// A task that is asked for again and again.
#[derive(Debug, Clone)]
pub struct Schedule(pub ScheduleRow);

/// Runs of a calendar.
const UPCOMING: usize = 10;

/// A task that is asked for again and again, at the times of a cron pattern.
#[Object]
impl Schedule {
    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// When: minute, hour, day, month, weekday; or six fields with seconds in front.
    async fn cron(&self) -> &str {
        &self.0.cron
    }

    /// The IANA time zone in which the pattern is meant.
    async fn timezone(&self) -> &str {
        &self.0.timezone
    }

    /// Type of its tasks.
    #[graphql(name = "type")]
    async fn task_type(&self) -> &str {
        &self.0.task_type
    }

    /// Queue of its tasks.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// Priority of its tasks.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// What the workers of its tasks are told.
    async fn payload(&self) -> Option<Json<&Value>> {
        Some(&self.0.payload)
            .filter(|payload| !payload.is_null())
            .map(Json)
    }

    /// Attempts that each task has.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts.into()
    }

    /// What is done about missed runs.
    async fn missed_runs(&self) -> MissedRunPolicy {
        self.0.missed_runs().into()
    }

    /// Whether a task may be asked for while the one before is not finished.
    async fn overlap(&self) -> bool {
        self.0.overlap
    }

    /// Whether anything happens at all.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// When it runs next.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_run_at.filter(|_| self.0.enabled)
    }

    /// When it runs next and after that: the next ten times.
    async fn upcoming_runs(&self) -> Vec<DateTime<Utc>> {
        self.0.upcoming(UPCOMING)
    }

    /// When it ran last.
    async fn last_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_run_at
    }
}

/// A schedule as it is wanted.
#[derive(Debug, Clone, InputObject)]
pub struct ScheduleUpsertInput {
    /// Its name; a schedule of that name is changed.
    pub name: String,
    /// When: minute, hour, day, month, weekday; or six fields with seconds in front.
    #[graphql(validator(max_length = 200))]
    pub cron: String,
    /// The IANA time zone in which the pattern is meant.
    #[graphql(default_with = "\"UTC\".to_owned()", validator(max_length = 100))]
    pub timezone: String,
    /// Type of its tasks.
    #[graphql(name = "type")]
    pub task_type: String,
    /// Queue of its tasks.
    pub queue: String,
    /// Priority of its tasks.
    #[graphql(default)]
    pub priority: i32,
    /// What the workers of its tasks are told; at most 64 KiB.
    pub payload: Option<Json<Value>>,
    /// Attempts that each task has.
    #[graphql(default = 5)]
    pub max_attempts: i32,
    /// What is done about missed runs.
    #[graphql(default_with = "MissedRunPolicy::RunOnce")]
    pub missed_runs: MissedRunPolicy,
    /// Whether a task may be asked for while the one before is not finished.
    #[graphql(default)]
    pub overlap: bool,
    /// Whether anything happens at all.
    #[graphql(default = true)]
    pub enabled: bool,
}

impl From<ScheduleUpsertInput> for engine::Schedule {
    fn from(input: ScheduleUpsertInput) -> Self {
        // Out of 16 bits is out of bounds too, and refused as such.
        let narrow = |number: i32| i16::try_from(number).unwrap_or(i16::MAX);
        Self {
            name: input.name,
            cron: input.cron,
            timezone: input.timezone,
            task_type: input.task_type,
            queue: input.queue,
            priority: narrow(input.priority),
            payload: input.payload.map_or(Value::Null, |Json(payload)| payload),
            max_attempts: narrow(input.max_attempts),
            missed_runs: input.missed_runs.into(),
            overlap: input.overlap,
            enabled: input.enabled,
        }
    }
}
