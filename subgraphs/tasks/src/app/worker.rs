//! External workers: they register, and go again.

use std::collections::BTreeMap;

use atelier_contracts::tasks::Worker;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::Id,
    page::{Page, PageArgs, PageRequest},
    transaction::ReadConnection,
};
use chrono::TimeDelta;
use serde_json::Value;

use super::{ADMIN, WORKER, check};
use crate::{
    db::{self, worker::WorkerRow},
    engine::{Engine, MAX_PAYLOAD, Registration},
    error::{Outcome, TaskErrorCode},
};

/// A worker that has not been heard of for so long is not listed.
const LISTED: TimeDelta = TimeDelta::hours(1);

/// What a worker says about itself.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// A name for people.
    pub name: String,
    /// The queues it works on.
    pub queues: Vec<String>,
    /// The types it knows; empty for all that its credential was granted.
    pub types: Vec<String>,
    /// What it has.
    pub capabilities: Value,
    /// Tasks it works on at the same time.
    pub concurrency: i32,
}

pub(super) fn capabilities(value: &Value) -> Outcome<BTreeMap<String, String>> {
    let wrong = || {
        check::invalid(
            "input.capabilities",
            "An object of at most 50 texts, numbers or truth values.",
        )
    };
    let Value::Object(entries) = value else {
        return Err(wrong());
    };
    if entries.len() > 50 {
        return Err(wrong());
    }
    let text = |value: &Value| match value {
        Value::String(text) if text.len() <= 200 => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    entries
        .iter()
        .map(|(name, value)| Ok((name.clone(), text(value).ok_or_else(wrong)?)))
        .collect()
}

/// Registers a worker for what its credential was granted.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_GRANTED`, `QUEUE_RESERVED`, `INVALID_INPUT`.
pub async fn register(engine: &Engine, actor: &Actor, worker: NewWorker) -> Outcome<WorkerRow> {
    actor.require_scope(WORKER)?;
    if worker.name.is_empty() || worker.name.len() > 200 || worker.name.contains('\0') {
        return Err(check::invalid("input.name", "A name has 1 to 200 bytes."));
    }
    if !(1..=50).contains(&worker.queues.len()) || worker.types.len() > 200 {
        return Err(check::invalid(
            "input.queues",
            "A worker has 1 to 50 queues and at most 200 types.",
        ));
    }
    check::names(&worker.queues, "input.queues")?;
    check::names(&worker.types, "input.types")?;
    let (grant, token) = super::grant::of(engine, actor).await?;
    for (at, queue) in worker.queues.iter().enumerate() {
        super::grant::covers_queue(engine, &grant, queue, &format!("input.queues.{at}"))?;
    }
    for (at, name) in worker.types.iter().enumerate() {
        super::grant::covers_type(&grant, name, &format!("input.types.{at}"))?;
    }
    check::json(&worker.capabilities, "input.capabilities", MAX_PAYLOAD)?;
    let capabilities = capabilities(&worker.capabilities)?;
    if !(1..=1000).contains(&worker.concurrency) {
        return Err(check::invalid(
            "input.concurrency",
            "Between 1 and 1000 tasks at the same time.",
        ));
    }
    let registration = Registration {
        name: worker.name,
        owner: actor.user_id(),
        access_token: Some(token),
        queues: worker.queues,
        types: if worker.types.is_empty() {
            grant.types
        } else {
            worker.types
        },
        capabilities,
        concurrency: worker.concurrency,
    };
    Ok(engine.register(registration).await?)
}

/// The caller's worker, which has just been heard of.
pub(super) async fn own(engine: &Engine, actor: &Actor, id: Id<Worker>) -> Outcome<WorkerRow> {
    let worker = engine
        .worker_seen(id)
        .await?
        .filter(|worker| worker.owner == actor.user_id());
    worker.ok_or_else(|| Fail::refused(TaskErrorCode::UnknownWorker, "input.workerId"))
}

/// Tells a worker to take no more tasks: itself, or somebody else's for administrators.
///
/// # Errors
/// `FORBIDDEN` without one of the scopes; `UNKNOWN_WORKER`.
pub async fn drain(engine: &Engine, actor: &Actor, id: Id<Worker>) -> Outcome<WorkerRow> {
    if !actor.has_scope(ADMIN) {
        actor.require_scope(WORKER)?;
        own(engine, actor, id).await?;
    }
    engine
        .drain(id)
        .await?
        .ok_or_else(|| Fail::refused(TaskErrorCode::UnknownWorker, "input.workerId"))
}

/// A page of the workers heard of lately, newest first.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(
    engine: &Engine,
    actor: &Actor,
    page: &PageArgs,
) -> Result<Page<WorkerRow>, Error> {
    actor.require_scope(ADMIN)?;
    let since = engine.now() - LISTED;
    let rows = async |connection: &mut ReadConnection, page: &PageRequest<Id<Worker>>| {
        Ok(db::worker::page(connection, since, page).await?)
    };
    let count =
        async |connection: &mut ReadConnection| Ok(db::worker::count(connection, since).await?);
    page.fetch(engine.deps(), rows, count).await
}

loader!(
    /// How many tasks workers have.
    RunningTasks: Id<Worker> => i64,
    |connection, keys| db::worker::loads(connection, &keys),
    |rows| rows.into_iter().map(|row| (row.worker, row.running)).collect()
);
