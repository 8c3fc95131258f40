//! Schedules as administrators see and steer them.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
};

use super::{ADMIN, check};
use crate::{
    db::{self, schedule::ScheduleRow},
    engine::{Engine, MAX_PAYLOAD, Schedule, ScheduleProblem},
    error::{Outcome, TaskErrorCode},
};

/// All schedules.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<ScheduleRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().read().await?;
    Ok(db::schedule::list(&mut connection).await?)
}

/// Creates or changes a schedule.
///
/// # Errors
/// `FORBIDDEN` without the scope; `INVALID_CRON`, `UNKNOWN_TIMEZONE`, `PAYLOAD_TOO_LARGE`,
/// `INVALID_INPUT`.
pub async fn upsert(engine: &Engine, actor: &Actor, schedule: Schedule) -> Outcome<ScheduleRow> {
    actor.require_scope(ADMIN)?;
    check::name(&schedule.name, "input.name")?;
    check::name(&schedule.task_type, "input.type")?;
    check::name(&schedule.queue, "input.queue")?;
    check::json(&schedule.payload, "input.payload", MAX_PAYLOAD)?;
    if !(1..=100).contains(&schedule.max_attempts) || !(-100..=100).contains(&schedule.priority) {
        return Err(check::invalid(
            "input",
            "Attempts are between 1 and 100, the priority between -100 and 100.",
        ));
    }
    engine
        .schedule(schedule)
        .await?
        .map_err(|problem| match problem {
            ScheduleProblem::Cron(reason) => Refusal::new(TaskErrorCode::InvalidCron, "input.cron")
                .with("reason", reason)
                .into(),
            ScheduleProblem::Timezone => {
                Fail::refused(TaskErrorCode::UnknownTimezone, "input.timezone")
            }
        })
}

/// Deletes a schedule; its tasks stay.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`.
pub async fn delete(engine: &Engine, actor: &Actor, name: &str) -> Outcome<String> {
    actor.require_scope(ADMIN)?;
    let deleted: bool = engine
        .deps()
        .statement(async |tx| Ok::<_, Error>(db::schedule::delete(tx, name).await?))
        .await?;
    if deleted {
        Ok(name.to_owned())
    } else {
        Err(Fail::refused(TaskErrorCode::NotFound, "input.name"))
    }
}
