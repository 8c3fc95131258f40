//! Cancelling tasks, trying them again, and changing their priority.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::{Id, Task},
};
use serde_json::Value;

use super::{find, find_visible};
use crate::{
    app::{ADMIN, check},
    db::{self, TaskRow},
    engine::{Engine, MAX_PAYLOAD},
    error::{Outcome, TaskErrorCode},
};

/// Cancels a task of the caller's (an administrator: any).
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_FINISHED`.
pub async fn cancel(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    let task = find_visible(engine, actor, id).await?;
    if !task.status.is_final() {
        // Asking twice is as good as once.
        let changed = engine.cancel(&[id]).await?;
        if changed.iter().any(|changed| changed.id == id) || task.cancel_requested_at.is_some() {
            return find(engine, id).await;
        }
    }
    Err(Fail::refused(TaskErrorCode::AlreadyFinished, "input.id"))
}

/// Tries a failed or cancelled task of the caller's again, or the failed parts of one.
///
/// # Errors
/// `NOT_FOUND`, `NOT_RETRYABLE`.
pub async fn retry(engine: &Engine, actor: &Actor, id: Id<Task>) -> Outcome<TaskRow> {
    let task = find_visible(engine, actor, id).await?;
    let refused = || Fail::refused(TaskErrorCode::NotRetryable, "input.id");
    let tasks = match task.status {
        TaskStatus::Failed | TaskStatus::Cancelled | TaskStatus::PartiallySucceeded
            if task.children_total > 0 =>
        {
            let children = engine.failed_children(id).await?;
            if children.is_empty() {
                vec![id]
            } else {
                children
            }
        }
        TaskStatus::Failed | TaskStatus::Cancelled => vec![id],
        _ => return Err(refused()),
    };
    if engine.replay(&tasks, None).await?.is_empty() {
        return Err(refused());
    }
    find(engine, id).await
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
        return Err(check::invalid(
            "input.priority",
            "The priority is between -100 and 100.",
        ));
    };
    find_visible(engine, actor, id).await?;
    let changed: usize = engine
        .deps()
        .statement(async |tx| Ok::<_, Error>(db::replay::set_priority(tx, id, priority).await?))
        .await?;
    if changed == 0 {
        return Err(Fail::refused(TaskErrorCode::AlreadyFinished, "input.id"));
    }
    find(engine, id).await
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
    if !(1..=MOST).contains(&which.limit) {
        return Err(check::invalid(
            "input.limit",
            "Between 1 and 1000 at a time.",
        ));
    }
    if which.ids.as_ref().is_some_and(|ids| ids.len() > 1000) {
        return Err(check::invalid("input.ids", "At most 1000 at a time."));
    }
    if let Some(payload) = &which.payload {
        if which.ids.as_ref().is_none_or(|ids| ids.len() != 1) {
            return Err(check::invalid(
                "input.payload",
                "A new payload goes with exactly one id.",
            ));
        }
        check::json(payload, "input.payload", MAX_PAYLOAD)?;
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
    let mut connection = engine.deps().read().await?;
    let mut rows = db::task::by_ids(&mut connection, &replayed).await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}
