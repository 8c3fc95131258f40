//! Schedules.

use async_graphql::{Context, InputObject, Json, Object, Result};
use atelier_kit::{
    graphql::{actor, mutation},
    payload,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::engine;
use crate::{
    app, db::schedule::ScheduleRow, engine::Schedule as NewSchedule, error::TaskUserError,
    kinds::MissedRuns,
};

/// The number of runs in a calendar.
const UPCOMING: usize = 10;

/// A schedule, as the schema shows it.
#[derive(Debug, Clone)]
pub struct Schedule(ScheduleRow);

/// A schedule that enqueues a task again and again, at the times of a cron pattern.
#[Object]
impl Schedule {
    /// The unique name of the schedule.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The cron pattern: minute, hour, day, month and weekday, or six fields with seconds in front.
    async fn cron(&self) -> &str {
        &self.0.cron
    }

    /// The IANA time zone of the pattern.
    async fn timezone(&self) -> &str {
        &self.0.timezone
    }

    /// The type of its tasks.
    #[graphql(name = "type")]
    async fn task_type(&self) -> &str {
        &self.0.task_type
    }

    /// The queue of its tasks.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// The priority of its tasks, from -100 to 100. Tasks with a higher priority start first.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// The input that its tasks give to their worker; null if there is none.
    async fn payload(&self) -> Option<Json<&Value>> {
        let payload = Some(&self.0.payload);
        payload.filter(|payload| !payload.is_null()).map(Json)
    }

    /// The number of attempts that each task has.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts.into()
    }

    /// What the schedule does about missed runs.
    async fn missed_runs(&self) -> MissedRuns {
        self.0.missed_runs
    }

    /// Whether a task may be enqueued while the previous one has not ended.
    async fn overlap(&self) -> bool {
        self.0.overlap
    }

    /// Whether the schedule enqueues tasks.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// The time of the next run; null if the schedule is disabled.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_run_at.filter(|_| self.0.enabled)
    }

    /// The times of the next ten runs; empty if the schedule is disabled.
    async fn upcoming_runs(&self) -> Vec<DateTime<Utc>> {
        self.0.upcoming(UPCOMING)
    }

    /// The time of the last run.
    async fn last_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_run_at
    }
}

/// The input of `scheduleUpsert`.
#[derive(Debug, Clone, InputObject)]
pub struct ScheduleUpsertInput {
    /// The name of the schedule. If a schedule with this name exists, it is replaced.
    name: String,
    /// The cron pattern: minute, hour, day, month and weekday, or six fields with seconds in front.
    #[graphql(validator(max_length = 200))]
    cron: String,
    /// The IANA time zone of the pattern.
    #[graphql(default_with = "\"UTC\".to_owned()", validator(max_length = 100))]
    timezone: String,
    /// The type of its tasks.
    #[graphql(name = "type")]
    task_type: String,
    /// The queue of its tasks.
    queue: String,
    /// The priority of its tasks, from -100 to 100. Tasks with a higher priority start first.
    #[graphql(default)]
    priority: i32,
    /// The input that its tasks give to their worker, at most 64 KiB.
    payload: Option<Json<Value>>,
    /// The number of attempts that each task has, from 1 to 100.
    #[graphql(default = 5)]
    max_attempts: i32,
    /// What the schedule does about missed runs.
    #[graphql(default_with = "MissedRuns::RunOnce")]
    missed_runs: MissedRuns,
    /// Whether a task may be enqueued while the previous one has not ended.
    #[graphql(default)]
    overlap: bool,
    /// Whether the schedule enqueues tasks.
    #[graphql(default = true)]
    enabled: bool,
}

impl From<ScheduleUpsertInput> for NewSchedule {
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
            missed_runs: input.missed_runs,
            overlap: input.overlap,
            enabled: input.enabled,
        }
    }
}

/// The input of `scheduleDelete`.
#[derive(InputObject)]
pub struct ScheduleDeleteInput {
    /// The name of the schedule.
    name: String,
}

payload! {
    /// The result of creating or replacing a schedule.
    pub struct ScheduleUpsertPayload, TaskUserError {
        /// The new schedule.
        schedule: Schedule,
    }

    /// The result of deleting a schedule.
    pub struct ScheduleDeletePayload, TaskUserError {
        /// The name of the deleted schedule.
        deleted_name: String,
    }
}

/// How schedules are found.
#[derive(Default)]
pub struct ScheduleQuery;

#[Object]
impl ScheduleQuery {
    /// The schedules, sorted by name; at most 500.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedules(&self, ctx: &Context<'_>) -> Result<Vec<Schedule>> {
        let rows = app::schedule::list(engine(ctx), actor(ctx)).await?;
        Ok(rows.into_iter().map(Schedule).collect())
    }
}

/// How schedules are changed.
#[derive(Default)]
pub struct ScheduleMutation;

#[Object]
impl ScheduleMutation {
    /// Creates a schedule, or replaces the one with the same name.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedule_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule to create or replace.")] input: ScheduleUpsertInput,
    ) -> Result<ScheduleUpsertPayload> {
        let written = app::schedule::upsert(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, written.map(Schedule))
    }

    /// Deletes a schedule. Tasks that it has enqueued are not affected.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn schedule_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule to delete.")] input: ScheduleDeleteInput,
    ) -> Result<ScheduleDeletePayload> {
        let deleted = app::schedule::delete(engine(ctx), actor(ctx), &input.name).await;
        mutation(ctx, deleted)
    }
}
