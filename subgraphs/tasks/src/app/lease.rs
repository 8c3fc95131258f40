//! External workers at work: they take tasks, tell how far they are, and end them.

use std::time::Duration;

use atelier_contracts::tasks::Worker;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::Id,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    WORKER, check, grant,
    worker::{self, capabilities},
};
use crate::{
    db::{self, TaskRow, lease::HolderRow},
    engine::{Engine, Leased, MAX_PAYLOAD, Mismatch, Outcome as End, Report, Shape, Wanted},
    error::{Outcome, TaskErrorCode},
};

/// Tasks that one call may lease.
const MOST_LEASES: i32 = 100;
/// Bounds of what a worker may ask its leases to hold for.
const LEASE: std::ops::RangeInclusive<i32> = 5..=3600;
/// Log lines of one heartbeat.
const MOST_LINES: usize = 100;

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

/// How long a lease is to hold.
fn duration(engine: &Engine, seconds: Option<i32>) -> Outcome<Duration> {
    match seconds {
        None => Ok(engine.config().lease),
        Some(seconds) if LEASE.contains(&seconds) => {
            Ok(Duration::from_secs(seconds.unsigned_abs().into()))
        }
        Some(_) => Err(check::invalid(
            "input.leaseSeconds",
            "A lease holds between 5 seconds and an hour.",
        )),
    }
}

/// Leases tasks to a worker; none if there are none, or if the worker is to go.
///
/// # Errors
/// `FORBIDDEN` without the scope; `UNKNOWN_WORKER`, `NOT_GRANTED`, `QUEUE_RESERVED`, `INVALID_INPUT`.
pub async fn lease(engine: &Engine, actor: &Actor, request: LeaseRequest) -> Outcome<Leases> {
    actor.require_scope(WORKER)?;
    if !(1..=MOST_LEASES).contains(&request.max) {
        return Err(check::invalid(
            "input.max",
            "Between 1 and 100 tasks at a time.",
        ));
    }
    let duration = duration(engine, request.lease_seconds)?;
    let worker = worker::own(engine, actor, request.worker).await?;
    let (grant, token) = grant::of(engine, actor).await?;
    if worker.access_token != Some(token.uuid()) {
        // A worker of another credential: what that one was granted is not this one's.
        return Err(Fail::refused(
            TaskErrorCode::UnknownWorker,
            "input.workerId",
        ));
    }
    if worker.drained_at.is_some() {
        return Ok(Leases {
            tasks: Vec::new(),
            draining: true,
        });
    }
    let queues = match request.queues {
        // Only what it registered for: a token for one queue's worker is not one for all.
        Some(queues) if queues.iter().any(|queue| !worker.queues.contains(queue)) => {
            return Err(check::invalid(
                "input.queues",
                "The worker did not register for one of these queues.",
            ));
        }
        Some(queues) => {
            for (at, queue) in queues.iter().enumerate() {
                grant::covers_queue(engine, &grant, queue, &format!("input.queues.{at}"))?;
            }
            queues
        }
        None => grant::queues(engine, &grant, worker.queues),
    };
    let types: Vec<String> = worker
        .types
        .into_iter()
        .filter(|name| grant.types.contains(name))
        .collect();
    if queues.is_empty() || types.is_empty() {
        return Err(grant::refused("input.workerId"));
    }
    let capabilities = match request.capabilities {
        Some(value) => json!(capabilities(&value)?),
        None => worker.capabilities,
    };
    let wanted = Wanted {
        queues,
        types: Some(types),
        capabilities,
        max: usize::try_from(request.max).unwrap_or(1),
        lease: duration,
        worker: Some(worker.id),
        owner: grant.owner,
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

/// The lease, if it is held by a worker of the caller's credential, for what that is bound to still.
async fn held(engine: &Engine, actor: &Actor, lease: Uuid) -> Outcome<HolderRow> {
    // Not from a replica: what was leased or taken away counts at once.
    let holder: Option<HolderRow> = engine
        .deps()
        .statement(async |tx| Ok::<_, Error>(db::lease::holder(tx, lease).await?))
        .await?;
    let token = actor.access_token.map(Id::uuid);
    // Somebody else's lease is as good as none.
    let holder = holder.filter(|holder| token.is_some() && holder.access_token == token);
    match holder {
        Some(holder) if holder.granted => Ok(holder),
        Some(_) => Err(grant::refused("input.leaseId")),
        None => Err(lost()),
    }
}

/// Extends a lease and takes up what the worker tells.
///
/// # Errors
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `NOT_GRANTED`, `INVALID_INPUT`.
pub async fn heartbeat(engine: &Engine, actor: &Actor, beat: Heartbeat) -> Outcome<LeaseState> {
    actor.require_scope(WORKER)?;
    if beat
        .progress
        .is_some_and(|progress| !(0.0..=1.0).contains(&progress))
    {
        return Err(check::invalid(
            "input.progress",
            "Progress is between 0 and 1.",
        ));
    }
    if beat.log.len() > MOST_LINES {
        return Err(check::invalid("input.log", "At most 100 lines at a time."));
    }
    let duration = duration(engine, beat.lease_seconds)?;
    held(engine, actor, beat.lease).await?;
    let held = engine.heartbeat(&[beat.lease], duration).await?;
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
    let mut connection = engine.deps().read().await?;
    db::task::find(&mut connection, ended.task)
        .await?
        .ok_or_else(lost)
}

/// Whether a result looks as its type demands.
fn check_result(shape: Option<&Value>, result: &Value) -> Outcome<()> {
    let shape = shape.map_or_else(
        || Err("nobody has declared what it looks like".to_owned()),
        Shape::parse,
    );
    let mismatch = match shape.map(|shape| shape.check(result)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(mismatch)) => mismatch,
        Err(reason) => Mismatch {
            path: Vec::new(),
            reason,
        },
    };
    let at = mismatch.path.join(".");
    let (path, reason) = match at.as_str() {
        "" => ("input.result".to_owned(), mismatch.reason),
        at => (
            format!("input.result.{at}"),
            format!("{at}: {}", mismatch.reason),
        ),
    };
    Err(Refusal::new(TaskErrorCode::ResultInvalid, &path)
        .with("reason", reason)
        .into())
}

/// Ends a task with a result. With one that is not what the type demands nothing happens: the worker
/// has the task still.
///
/// # Errors
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `NOT_GRANTED`, `RESULT_INVALID`, `PAYLOAD_TOO_LARGE`,
/// `INVALID_INPUT`.
pub async fn complete(
    engine: &Engine,
    actor: &Actor,
    lease: Uuid,
    result: Value,
) -> Outcome<TaskRow> {
    actor.require_scope(WORKER)?;
    check::json(&result, "input.result", MAX_PAYLOAD)?;
    let held = held(engine, actor, lease).await?;
    check_result(held.shape.as_ref(), &result)?;
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
/// `FORBIDDEN` without the scope; `LEASE_LOST`, `NOT_GRANTED`, `INVALID_INPUT`.
pub async fn fail(engine: &Engine, actor: &Actor, failure: Failure) -> Outcome<TaskRow> {
    actor.require_scope(WORKER)?;
    check::name(&failure.code, "input.code")?;
    held(engine, actor, failure.lease).await?;
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
