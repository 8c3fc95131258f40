//! Queues as administrators see and steer them.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
};

use super::{ADMIN, Outcome, TaskErrorCode};
use crate::{
    db::{self, history::TypeRow, queue::QueueRow},
    engine::Engine,
};

/// All queues with what is in them.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<QueueRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().db.read().await?;
    Ok(db::queue::list(&mut connection, None).await?)
}

/// What is known of the types of tasks.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn types(engine: &Engine, actor: &Actor) -> Result<Vec<TypeRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().db.read().await?;
    Ok(db::history::list(&mut connection, None).await?)
}

async fn get(engine: &Engine, name: &str) -> Outcome<QueueRow> {
    let mut connection = engine.deps().db.read().await?;
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
