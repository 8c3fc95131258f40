//! Schedules as administrators see and steer them.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
};

use super::{ADMIN, Outcome, TaskErrorCode};
use crate::{
    db::{self, schedule::ScheduleRow},
    engine::{Engine, MAX_PAYLOAD, Schedule, ScheduleProblem},
};

/// All schedules.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<ScheduleRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().db.read().await?;
    Ok(db::schedule::list(&mut connection).await?)
}

/// Creates or changes a schedule.
///
/// # Errors
/// `FORBIDDEN` without the scope; `INVALID_CRON`, `UNKNOWN_TIMEZONE`, `PAYLOAD_TOO_LARGE`,
/// `INVALID_INPUT`.
pub async fn upsert(engine: &Engine, actor: &Actor, schedule: Schedule) -> Outcome<ScheduleRow> {
    actor.require_scope(ADMIN)?;
    for (text, path) in [
        (&schedule.name, "input.name"),
        (&schedule.task_type, "input.type"),
        (&schedule.queue, "input.queue"),
    ] {
        super::worker::check_name(text, path)?;
    }
    super::worker::check_json(&schedule.payload, "input.payload", MAX_PAYLOAD)?;
    if !(1..=100).contains(&schedule.max_attempts) || !(-100..=100).contains(&schedule.priority) {
        let refusal = Refusal::new(TaskErrorCode::InvalidInput, "input");
        return Err(refusal
            .with(
                "reason",
                "Attempts are between 1 and 100, the priority between -100 and 100.",
            )
            .into());
    }
    match engine.schedule(schedule).await? {
        Ok(row) => Ok(row),
        Err(ScheduleProblem::Cron(reason)) => {
            Err(Refusal::new(TaskErrorCode::InvalidCron, "input.cron")
                .with("reason", reason)
                .into())
        }
        Err(ScheduleProblem::Timezone) => Err(Fail::refused(
            TaskErrorCode::UnknownTimezone,
            "input.timezone",
        )),
    }
}

/// Removes a schedule; its tasks stay.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`.
pub async fn delete(engine: &Engine, actor: &Actor, name: &str) -> Outcome<String> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().db.read().await?;
    if db::schedule::delete(&mut connection, name).await? {
        Ok(name.to_owned())
    } else {
        Err(Fail::refused(TaskErrorCode::NotFound, "input.name"))
    }
}
