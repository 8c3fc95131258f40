//! The worker API: external workers take tasks, tell how far they are, and end them.

use std::{collections::BTreeMap, time::Duration};

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::Id,
    page::PageRequest,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ADMIN, Outcome, TaskErrorCode, WORKER};
use crate::{
    db::{
        self, TaskRow,
        worker::{Load, WorkerRow},
    },
    engine::{Engine, Leased, MAX_PAYLOAD, Outcome as End, Registration, Report, Wanted, Worker},
};

/// Tasks that one call may lease.
const MOST_LEASES: i32 = 100;
/// Bounds of what a worker may ask its leases to hold for.
const LEASE: std::ops::RangeInclusive<i32> = 5..=3600;
/// Log lines of one heartbeat.
const MOST_LINES: usize = 100;
/// A worker that has not been heard of for so long is not listed.
const LISTED: TimeDelta = TimeDelta::hours(1);

fn invalid(path: &str, reason: &str) -> Fail<TaskErrorCode> {
    Refusal::new(TaskErrorCode::InvalidInput, path)
        .with("reason", reason)
        .into()
}

/// Checks a name of a queue, a type or a schedule.
pub fn check_name(text: &str, path: &str) -> Outcome<()> {
    let good = !text.is_empty()
        && text.len() <= 100
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if good {
        Ok(())
    } else {
        Err(invalid(
            path,
            "A name has 1 to 100 letters, digits, dots, dashes and underscores.",
        ))
    }
}

/// Checks a JSON value that is to be stored.
pub fn check_json(value: &Value, path: &str, most: usize) -> Outcome<()> {
    let text = value.to_string();
    if text.len() > most {
        let refusal = Refusal::new(TaskErrorCode::PayloadTooLarge, path);
        return Err(refusal.with("max", most).with("actual", text.len()).into());
    }
    // PostgreSQL's JSON cannot hold NUL.
    if text.contains("\\u0000") {
        return Err(invalid(path, "The value holds a NUL character."));
    }
    Ok(())
}

/// What a worker says about itself.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// A name for people.
    pub name: String,
    /// The queues it works on.
    pub queues: Vec<String>,
    /// The types it knows; empty for all.
    pub types: Vec<String>,
    /// What it has.
    pub capabilities: Value,
    /// Tasks it works on at the same time.
    pub concurrency: i32,
}

fn capabilities(value: &Value) -> Outcome<BTreeMap<String, String>> {
    let wrong = || {
        invalid(
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

/// Registers a worker.
///
/// # Errors
/// `FORBIDDEN` without the scope; `INVALID_INPUT`.
pub async fn register(engine: &Engine, actor: &Actor, worker: NewWorker) -> Outcome<WorkerRow> {
    actor.require_scope(WORKER)?;
    if worker.name.is_empty() || worker.name.len() > 200 || worker.name.contains('\0') {
        return Err(invalid("input.name", "A name has 1 to 200 bytes."));
    }
    if !(1..=50).contains(&worker.queues.len()) || worker.types.len() > 200 {
        return Err(invalid(
            "input.queues",
            "A worker has 1 to 50 queues and at most 200 types.",
        ));
    }
    for (at, queue) in worker.queues.iter().enumerate() {
        check_name(queue, &format!("input.queues.{at}"))?;
    }
    for (at, name) in worker.types.iter().enumerate() {
        check_name(name, &format!("input.types.{at}"))?;
    }
    check_json(&worker.capabilities, "input.capabilities", MAX_PAYLOAD)?;
    let capabilities = capabilities(&worker.capabilities)?;
    if !(1..=1000).contains(&worker.concurrency) {
        return Err(invalid(
            "input.concurrency",
            "Between 1 and 1000 tasks at the same time.",
        ));
    }
    let registration = Registration {
        name: worker.name,
        owner: actor.user_id(),
        queues: worker.queues,
        types: worker.types,
        capabilities,
        concurrency: worker.concurrency,
    };
    Ok(engine.register(registration).await?)
}

/// What a worker wants to lease.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// Which worker it is.
    pub worker: Id<Worker>,
    /// Of these queues of its; all of them, without.
    pub queues: Option<Vec<String>>,
    /// With these capabilities instead of those it registered.
    pub capabilities: Option<Value>,
    /// The most tasks.
    pub max: i32,
    /// How long the leases are to hold without a heartbeat, in seconds.
    pub lease_seconds: Option<i32>,
}

/// Tasks that were leased, and whether the worker is to take no more.
#[derive(Debug, Clone)]
pub struct Leases {
    /// The tasks.
    pub tasks: Vec<Leased>,
    /// Whether somebody wants the worker to go.
    pub draining: bool,
}

async fn own_worker(engine: &Engine, actor: &Actor, id: Id<Worker>) -> Outcome<WorkerRow> {
    let worker = engine
        .worker_seen(id)
        .await?
        .filter(|worker| worker.owner == actor.user_id());
    worker.ok_or_else(|| Fail::refused(TaskErrorCode::UnknownWorker, "input.workerId"))
}

/// Leases tasks to a worker; none if there are none, or if the worker is to go.
///
/// # Errors
/// `FORBIDDEN` without the scope; `UNKNOWN_WORKER`, `INVALID_INPUT`.
pub async fn lease(engine: &Engine, actor: &Actor, request: LeaseRequest) -> Outcome<Leases> {
    actor.require_scope(WORKER)?;
    if !(1..=MOST_LEASES).contains(&request.max) {
        return Err(invalid("input.max", "Between 1 and 100 tasks at a time."));
    }
    if request
        .lease_seconds
        .is_some_and(|seconds| !LEASE.contains(&seconds))
    {
        return Err(invalid(
            "input.leaseSeconds",
            "A lease holds between 5 seconds and an hour.",
        ));
    }
    let worker = own_worker(engine, actor, request.worker).await?;
    if worker.drained_at.is_some() {
        return Ok(Leases {
            tasks: Vec::new(),
            draining: true,
        });
    }
    let queues = match request.queues {
        // Only what it registered for: a token for one queue's worker is not one for all.
        Some(queues) if queues.iter().any(|queue| !worker.queues.contains(queue)) => {
            return Err(invalid(
                "input.queues",
                "The worker did not register for one of these queues.",
            ));
        }
        Some(queues) => queues,
        None => worker.queues,
    };
    let capabilities = match request.capabilities {
        Some(value) => json!(capabilities(&value)?),
        None => worker.capabilities,
    };
    let lease = request
        .lease_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Duration::from_secs);
    let wanted = Wanted {
        queues,
        types: (!worker.types.is_empty()).then_some(worker.types),
        capabilities,
        max: usize::try_from(request.max).unwrap_or(1),
        lease: lease.unwrap_or(engine.config().lease),
        worker: Some(worker.id),
    };
    Ok(Leases {
        tasks: engine.lease(&wanted).await?,
        draining: false,
    })
}

/// What a worker tells about a task.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// The lease it holds the task by.
    pub lease: Uuid,
    /// How much is done, from 0 to 1.
    pub progress: Option<f64>,
    /// The step it is in.
    pub step: Option<String>,
    /// What it thinks is left, in milliseconds.
    pub eta_ms: Option<i64>,
    /// New lines for the log.
    pub log: Vec<String>,
    /// How long the lease is to hold from now, in seconds.
    pub lease_seconds: Option<i32>,
}

/// A lease that holds.
#[derive(Debug, Clone, Copy)]
pub struct LeaseState {
    /// Until when, without another heartbeat.
    pub expires_at: DateTime<Utc>,
    /// Whether the task is to be cancelled: the lease is not extended any more.
    pub cancel_requested: bool,
}

fn lost() -> Fail<TaskErrorCode> {
    Fail::refused(TaskErrorCode::LeaseLost, "input.leaseId")
}

/// Extends a lease and takes up what the worker tells.
///
/// # Errors
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `INVALID_INPUT`.
pub async fn heartbeat(engine: &Engine, actor: &Actor, beat: Heartbeat) -> Outcome<LeaseState> {
    actor.require_scope(WORKER)?;
    if beat
        .progress
        .is_some_and(|progress| !(0.0..=1.0).contains(&progress))
    {
        return Err(invalid("input.progress", "Progress is between 0 and 1."));
    }
    if beat.log.len() > MOST_LINES {
        return Err(invalid("input.log", "At most 100 lines at a time."));
    }
    if beat
        .lease_seconds
        .is_some_and(|seconds| !LEASE.contains(&seconds))
    {
        return Err(invalid(
            "input.leaseSeconds",
            "A lease holds between 5 seconds and an hour.",
        ));
    }
    let lease = beat
        .lease_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Duration::from_secs);
    let held = engine
        .heartbeat(&[beat.lease], lease.unwrap_or(engine.config().lease))
        .await?;
    let Some(held) = held.into_iter().next() else {
        return Err(lost());
    };
    if beat.progress.is_some()
        || beat.step.is_some()
        || beat.eta_ms.is_some()
        || !beat.log.is_empty()
    {
        engine.report(Report {
            task: held.id,
            lease: beat.lease,
            revision: held.revision,
            attempt: held.attempt,
            started_at: held.started_at,
            progress: beat.progress,
            step: beat.step,
            eta_ms: beat.eta_ms,
            lines: beat.log,
        });
    }
    Ok(LeaseState {
        expires_at: held.lease_expires_at,
        cancel_requested: held.cancel_requested,
    })
}

async fn end(engine: &Engine, lease: Uuid, end: End) -> Outcome<TaskRow> {
    let ended = engine.finish(vec![(lease, end)]).await?;
    let Some(ended) = ended.first() else {
        return Err(lost());
    };
    let mut connection = engine.deps().db.read().await?;
    db::task::find(&mut connection, ended.task)
        .await?
        .ok_or_else(lost)
}

/// Ends a task with a result.
///
/// # Errors
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `PAYLOAD_TOO_LARGE`, `INVALID_INPUT`.
pub async fn complete(
    engine: &Engine,
    actor: &Actor,
    lease: Uuid,
    result: Value,
) -> Outcome<TaskRow> {
    actor.require_scope(WORKER)?;
    check_json(&result, "input.result", MAX_PAYLOAD)?;
    end(engine, lease, End::Succeeded(result)).await
}

/// Why a worker could not do a task.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The lease it held the task by.
    pub lease: Uuid,
    /// Whether it may work later.
    pub retry: bool,
    /// Stable code, for clients.
    pub code: String,
    /// In words, for people.
    pub message: String,
    /// It stopped because the task is to be cancelled.
    pub cancelled: bool,
}

/// Ends an attempt without a result.
///
/// # Errors
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `INVALID_INPUT`.
pub async fn fail(engine: &Engine, actor: &Actor, failure: Failure) -> Outcome<TaskRow> {
    actor.require_scope(WORKER)?;
    check_name(&failure.code, "input.code")?;
    let outcome = if failure.cancelled {
        End::Stopped
    } else {
        End::Failed {
            retry: failure.retry,
            code: failure.code,
            message: failure.message,
        }
    };
    end(engine, failure.lease, outcome).await
}

/// Tells a worker to take no more tasks: itself, or somebody else's for administrators.
///
/// # Errors
/// `FORBIDDEN` without one of the scopes; `UNKNOWN_WORKER`.
pub async fn drain(engine: &Engine, actor: &Actor, id: Id<Worker>) -> Outcome<WorkerRow> {
    if !actor.has_scope(ADMIN) {
        actor.require_scope(WORKER)?;
        own_worker(engine, actor, id).await?;
    }
    engine
        .drain(id)
        .await?
        .ok_or_else(|| Fail::refused(TaskErrorCode::UnknownWorker, "input.workerId"))
}

/// A page of the workers heard of lately.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(
    engine: &Engine,
    actor: &Actor,
    page: &PageRequest<Id<Worker>>,
) -> Result<Vec<(WorkerRow, i64)>, Error> {
    actor.require_scope(ADMIN)?;
    let since = engine.deps().clock.now() - LISTED;
    let mut connection = engine.deps().db.read().await?;
    let workers = db::worker::page(&mut connection, since, page).await?;
    let ids: Vec<_> = workers.iter().map(|worker| worker.id).collect();
    let loads: Vec<Load> = db::worker::loads(&mut connection, &ids).await?;
    let load = |id: Id<Worker>| {
        loads
            .iter()
            .find(|load| load.worker == id)
            .map_or(0, |load| load.running)
    };
    Ok(workers
        .into_iter()
        .map(|worker| (worker.clone(), load(worker.id)))
        .collect())
}
