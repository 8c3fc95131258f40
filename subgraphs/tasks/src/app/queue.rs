//! Queues as administrators see and steer them.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
};

use super::ADMIN;
use crate::{
    db::{self, queue::QueueRow},
    engine::Engine,
    error::{Outcome, TaskErrorCode},
};

/// All queues with what is in them.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<QueueRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().read().await?;
    Ok(db::queue::list(&mut connection, None).await?)
}

async fn get(engine: &Engine, name: &str) -> Outcome<QueueRow> {
    let mut connection = engine.deps().read().await?;
    let found = db::queue::list(&mut connection, Some(&[name.to_owned()]))
        .await?
        .pop();
    found.ok_or_else(|| Fail::refused(TaskErrorCode::NotFound, "input.name"))
}

/// Pauses a queue: its tasks wait, those at work go on.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`.
pub async fn pause(engine: &Engine, actor: &Actor, name: &str) -> Outcome<QueueRow> {
    actor.require_scope(ADMIN)?;
    engine.pause(name).await?;
    get(engine, name).await
}

/// Resumes a queue.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`.
pub async fn resume(engine: &Engine, actor: &Actor, name: &str) -> Outcome<QueueRow> {
    actor.require_scope(ADMIN)?;
    engine.resume(name).await?;
    get(engine, name).await
}
