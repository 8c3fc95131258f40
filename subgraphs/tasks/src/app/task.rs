//! Tasks as people see and steer them.

use atelier_kit::{
    actor::{Actor, Identity},
    error::{Error, ErrorCode, Fail, Refusal},
    id::{Id, Task},
    page::PageRequest,
};
use serde_json::Value;

use super::{ADMIN, Outcome, TaskErrorCode};
use crate::{
    db::{self, TaskRow, task::Filter},
    engine::{Engine, MAX_PAYLOAD, Status},
};

/// Whether somebody may know of a task: its owner, who holds the scope for it, and parts of the
/// system. Every way to a task asks here.
pub fn may_see(actor: &Actor, task: &TaskRow) -> bool {
    let owns = actor.user_id().is_some() && actor.user_id() == task.owner;
    owns || sees_all(actor)
}

/// Whether somebody may know of every task.
pub fn sees_all(actor: &Actor) -> bool {
    actor.has_scope(ADMIN) || matches!(actor.identity, Identity::Service { .. })
}

/// The caller's own tasks, by a filter.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody.
pub fn own(actor: &Actor, filter: Filter) -> Result<Filter, Error> {
    Ok(Filter {
        owner: Some(actor.require_user()?),
        ..filter
    })
}

/// Everybody's tasks, by a filter.
///
/// # Errors
/// `UNAUTHENTICATED` or `FORBIDDEN` without the scope.
pub fn all(actor: &Actor, filter: Filter) -> Result<Filter, Error> {
    if !sees_all(actor) {
        actor.require_scope(ADMIN)?;
    }
    Ok(filter)
}

/// A page of a list that one of the functions above allowed, with its length if it is wanted.
///
/// # Errors
/// `UNAVAILABLE` if the database does not answer.
pub async fn list(
    engine: &Engine,
    filter: &Filter,
    page: &PageRequest<Id<Task>>,
    count: bool,
) -> Result<(Vec<TaskRow>, Option<i64>), Error> {
    let mut connection = engine.deps().db.read().await?;
    let rows = db::task::page(&mut connection, filter, page).await?;
    let total = if count {
        Some(db::task::count(&mut connection, filter).await?)
    } else {
        None
    };
    Ok((rows, total))
}

/// The task, if it exists and the caller may know.
async fn visible(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    if matches!(actor.identity, Identity::Anonymous) && !actor.has_scope(ADMIN) {
        return Err(Error::new(ErrorCode::Unauthenticated).into());
    }
    let mut connection = engine.deps().db.read().await?;
    let task = db::task::find(&mut connection, id)
        .await?
        .filter(|task| may_see(actor, task));
    task.ok_or_else(|| Fail::refused(TaskErrorCode::NotFound, "input.id"))
}

async fn again(engine: &Engine, id: Id<Task>) -> Outcome<TaskRow> {
    let mut connection = engine.deps().db.read().await?;
    db::task::find(&mut connection, id)
        .await?
        .ok_or_else(|| Fail::refused(TaskErrorCode::NotFound, "input.id"))
}

/// Cancels a task of the caller's (an administrator: any).
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_FINISHED`.
pub async fn cancel(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    let task = visible(engine, actor, id).await?;
    if !task.status.is_final() {
        // Asking twice is as good as once.
        let changed = engine.cancel(&[id]).await?;
        if changed.iter().any(|changed| changed.id == id) || task.cancel_requested_at.is_some() {
            return again(engine, id).await;
        }
    }
    Err(Fail::refused(TaskErrorCode::AlreadyFinished, "input.id"))
}

/// Tries a failed or cancelled task of the caller's again, or the failed parts of one.
///
/// # Errors
/// `NOT_FOUND`, `NOT_RETRYABLE`.
pub async fn retry(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    let task = visible(engine, actor, id).await?;
    let refused = || Fail::refused(TaskErrorCode::NotRetryable, "input.id");
    let again_ids = match task.status {
        Status::Failed | Status::Cancelled | Status::PartiallySucceeded
            if task.children_total > 0 =>
        {
            let children = engine.failed_children(id).await?;
            if children.is_empty() {
                vec![id]
            } else {
                children
            }
        }
        Status::Failed | Status::Cancelled => vec![id],
        _ => return Err(refused()),
    };
    if engine.replay(&again_ids, None).await?.is_empty() {
        return Err(refused());
    }
    again(engine, id).await
}

/// Changes the priority of a task that is not finished.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`, `ALREADY_FINISHED`, `INVALID_INPUT`.
pub async fn set_priority(
    engine: &Engine,
    actor: &Actor,
    id: Id<Task>,
    priority: i32,
) -> Outcome<TaskRow> {
    actor.require_scope(ADMIN)?;
    let priority = i16::try_from(priority)
        .ok()
        .filter(|priority| (-100..=100).contains(priority));
    let Some(priority) = priority else {
        let refusal = Refusal::new(TaskErrorCode::InvalidInput, "input.priority");
        return Err(refusal
            .with("reason", "The priority is between -100 and 100.")
            .into());
    };
    visible(engine, actor, id).await?;
    let mut connection = engine.deps().db.read().await?;
    let changed = db::replay::set_priority(&mut connection, id, priority).await?;
    drop(connection);
    if changed == 0 {
        return Err(Fail::refused(TaskErrorCode::AlreadyFinished, "input.id"));
    }
    again(engine, id).await
}

/// Which dead letters to replay.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    /// These; else the oldest of a queue and type.
    pub ids: Option<Vec<Id<Task>>>,
    /// Of this queue.
    pub queue: Option<String>,
    /// Of this type.
    pub task_type: Option<String>,
    /// At most so many.
    pub limit: i32,
    /// What their workers are to know instead of what they knew.
    pub payload: Option<Value>,
}

/// The most dead letters that are replayed at once.
const MOST: i32 = 1000;

/// Replays dead letters.
///
/// # Errors
/// `FORBIDDEN` without the scope; `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`.
pub async fn replay(engine: &Engine, actor: &Actor, which: DeadLetters) -> Outcome<Vec<TaskRow>> {
    actor.require_scope(ADMIN)?;
    let invalid = |path: &str, reason: &str| {
        Fail::from(Refusal::new(TaskErrorCode::InvalidInput, path).with("reason", reason))
    };
    if !(1..=MOST).contains(&which.limit) {
        return Err(invalid("input.limit", "Between 1 and 1000 at a time."));
    }
    if which.ids.as_ref().is_some_and(|ids| ids.len() > 1000) {
        return Err(invalid("input.ids", "At most 1000 at a time."));
    }
    if let Some(payload) = &which.payload {
        if which.ids.as_ref().is_none_or(|ids| ids.len() != 1) {
            return Err(invalid(
                "input.payload",
                "A new payload goes with exactly one id.",
            ));
        }
        super::worker::check_json(payload, "input.payload", MAX_PAYLOAD)?;
    }
    let ids = match which.ids {
        Some(ids) => ids,
        None => {
            engine
                .dead_letters(
                    which.queue.as_deref(),
                    which.task_type.as_deref(),
                    which.limit,
                )
                .await?
        }
    };
    let replayed: Vec<_> = engine
        .replay(&ids, which.payload.as_ref())
        .await?
        .into_iter()
        .map(|task| task.id)
        .collect();
    let mut connection = engine.deps().db.read().await?;
    let mut rows = db::task::by_ids(&mut connection, &replayed).await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}
