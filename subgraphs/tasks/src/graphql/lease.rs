//! External workers at work: leases of tasks, heartbeats, ends.

use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use atelier_contracts::{
    stub::User,
    tasks::{Lease, TaskStatus, Worker},
};
use atelier_kit::{
    graphql::{Long, actor, mutation},
    id::{Id, Task},
    payload,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::engine;
use crate::{
    app::lease::{self, Failure, Heartbeat, LeaseRequest, LeaseState, Leases},
    db::TaskRow,
    engine::Leased,
    error::TaskUserError,
};

/// A task that a worker has leased.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLease {
    /// The fencing token. Every call about the task needs it, and it is worthless once the lease is
    /// lost.
    pub lease_id: ID,
    /// The id of the task.
    pub task_id: Id<Task>,
    /// The type of the task.
    #[graphql(name = "type")]
    pub task_type: String,
    /// The queue that the task waited in.
    pub queue: String,
    /// The input of the task; null if it has none.
    pub payload: Option<Json<Value>>,
    /// The number of this attempt, counted from 1.
    pub attempt: i32,
    /// The number of attempts after which the task has failed.
    pub max_attempts: i32,
    /// The user for whom the task is done; null if it belongs to nobody.
    pub owner: Option<User>,
    /// The id of the entity that the task is about.
    pub subject_id: Option<ID>,
    /// The time when the lease expires unless there is a heartbeat.
    pub expires_at: DateTime<Utc>,
    /// The W3C trace context of the request that caused the task, to be continued.
    pub traceparent: Option<String>,
}

impl From<Leased> for TaskLease {
    fn from(row: Leased) -> Self {
        Self {
            lease_id: ID(Id::<Lease>::from_uuid(row.lease_id).to_string()),
            task_id: row.id,
            task_type: row.task_type,
            queue: row.queue,
            // GraphQL's null is no value: where one is demanded it takes the whole answer with it.
            payload: Some(row.payload)
                .filter(|payload| !payload.is_null())
                .map(Json),
            attempt: row.attempt.into(),
            max_attempts: row.max_attempts.into(),
            owner: row.owner.map(|id| User { id }),
            subject_id: row.subject.map(ID),
            expires_at: row.lease_expires_at,
            traceparent: row.trace,
        }
    }
}

/// The tasks that were leased to a worker.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLeases {
    /// The leased tasks, the most urgent first; at most 100.
    pub leases: Vec<TaskLease>,
    /// Whether the worker was told to finish its tasks and take no more.
    pub draining: bool,
}

impl From<Leases> for TaskLeases {
    fn from(leases: Leases) -> Self {
        Self {
            leases: leases.tasks.into_iter().map(Into::into).collect(),
            draining: leases.draining,
        }
    }
}

/// The state of a lease.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLeaseState {
    /// The time when the lease expires unless there is another heartbeat.
    pub expires_at: DateTime<Utc>,
    /// Whether the task is to be cancelled. The worker should stop and call `taskFail` with `cancelled`;
    /// the lease is not extended any more.
    pub cancel_requested: bool,
}

impl From<LeaseState> for TaskLeaseState {
    fn from(state: LeaseState) -> Self {
        Self {
            expires_at: state.expires_at,
            cancel_requested: state.cancel_requested,
        }
    }
}

/// A task as its worker sees it after it has ended an attempt.
#[derive(Debug, Clone, SimpleObject)]
pub struct WorkedTask {
    /// The id of the task.
    pub id: Id<Task>,
    /// The state of the task.
    pub status: TaskStatus,
    /// The number of the attempt, counted from 1.
    pub attempt: i32,
    /// The time when the next attempt may start; null if there is none.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

impl From<TaskRow> for WorkedTask {
    fn from(row: TaskRow) -> Self {
        Self {
            id: row.id,
            status: row.status,
            attempt: row.attempt.into(),
            next_attempt_at: Some(row.run_at).filter(|_| row.status == TaskStatus::Retrying),
        }
    }
}

/// The input of `taskLease`.
#[derive(InputObject)]
pub struct TaskLeaseInput {
    /// The id of the worker, from `workerRegister`.
    worker_id: Id<Worker>,
    /// The queues to lease from; by default, all queues of the worker.
    queues: Option<Vec<String>>,
    /// The capabilities of the worker; by default, those it registered with.
    capabilities: Option<Json<Value>>,
    /// The maximum number of tasks to lease, from 1 to 100.
    #[graphql(default = 1)]
    max: i32,
    /// The duration of the leases without a heartbeat, from 5 to 3600 seconds; by default, 30 seconds.
    lease_seconds: Option<i32>,
}

impl From<TaskLeaseInput> for LeaseRequest {
    fn from(input: TaskLeaseInput) -> Self {
        Self {
            worker: input.worker_id,
            queues: input.queues,
            capabilities: input.capabilities.map(|Json(value)| value),
            max: input.max,
            lease_seconds: input.lease_seconds,
        }
    }
}

/// The input of `taskHeartbeat`.
#[derive(InputObject)]
pub struct TaskHeartbeatInput {
    /// The id of the lease.
    lease_id: Id<Lease>,
    /// The part of the task that is done, from 0 to 1.
    progress: Option<f64>,
    /// The step that the task is in; cut after 100 characters.
    step: Option<String>,
    /// The worker's estimate of the remaining time, in milliseconds.
    eta_ms: Option<Long>,
    /// New lines for the task's log, at most 100; each is cut after 2000 characters.
    #[graphql(default)]
    log: Vec<String>,
    /// The duration of the lease from now, from 5 to 3600 seconds; by default, 30 seconds.
    lease_seconds: Option<i32>,
}

impl From<TaskHeartbeatInput> for Heartbeat {
    fn from(input: TaskHeartbeatInput) -> Self {
        Self {
            lease: input.lease_id.uuid(),
            progress: input.progress,
            step: input.step,
            eta_ms: input.eta_ms.map(|Long(eta)| eta),
            log: input.log,
            lease_seconds: input.lease_seconds,
        }
    }
}

/// The input of `taskComplete`.
#[derive(InputObject)]
pub struct TaskCompleteInput {
    /// The id of the lease.
    lease_id: Id<Lease>,
    /// The result of the task, at most 64 KiB.
    result: Option<Json<Value>>,
}

/// The input of `taskFail`.
#[derive(InputObject)]
pub struct TaskFailInput {
    /// The id of the lease.
    lease_id: Id<Lease>,
    /// The stable code of the error: 1 to 100 letters, digits, dots, dashes and underscores.
    #[graphql(default_with = "\"FAILED\".to_owned()")]
    code: String,
    /// The description of the error, which the task's owner can read; cut after 2000 characters.
    message: String,
    /// Whether another attempt may succeed. If not, the task has failed.
    #[graphql(default = true)]
    retryable: bool,
    /// Whether the worker stopped because the task is to be cancelled.
    #[graphql(default)]
    cancelled: bool,
}

impl From<TaskFailInput> for Failure {
    fn from(input: TaskFailInput) -> Self {
        Self {
            lease: input.lease_id.uuid(),
            retry: input.retryable,
            code: input.code,
            message: input.message,
            cancelled: input.cancelled,
        }
    }
}

payload! {
    /// The result of leasing tasks.
    pub struct TaskLeasePayload, TaskUserError {
        /// The leased tasks.
        granted: TaskLeases,
    }

    /// The result of a heartbeat.
    pub struct TaskHeartbeatPayload, TaskUserError {
        /// The new state of the lease.
        lease: TaskLeaseState,
    }

    /// The result of completing a task.
    pub struct TaskCompletePayload, TaskUserError {
        /// The task, which has ended unless it waits for its children.
        task: WorkedTask,
    }

    /// The result of ending an attempt without success.
    pub struct TaskFailPayload, TaskUserError {
        /// The task, which has ended unless there is another attempt.
        task: WorkedTask,
    }
}

/// How leases are changed.
#[derive(Default)]
pub struct LeaseMutation;

#[Object]
impl LeaseMutation {
    /// Leases waiting tasks to a worker. The worker must send a heartbeat for each before its lease
    /// expires.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_lease(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker and what it can take.")] input: TaskLeaseInput,
    ) -> Result<TaskLeasePayload> {
        let leases = lease::lease(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, leases.map(Into::into))
    }

    /// Extends a lease, and reports the progress of its task.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_heartbeat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lease and the progress.")] input: TaskHeartbeatInput,
    ) -> Result<TaskHeartbeatPayload> {
        let held = lease::heartbeat(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, held.map(Into::into))
    }

    /// Completes a task with a result. A result without the shape declared for its type is refused, and
    /// the worker keeps the lease.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lease and the result.")] input: TaskCompleteInput,
    ) -> Result<TaskCompletePayload> {
        let result = input.result.map_or(Value::Null, |Json(value)| value);
        let lease = input.lease_id.uuid();
        let ended = lease::complete(engine(ctx), actor(ctx), lease, result).await;
        mutation(ctx, ended.map(Into::into))
    }

    /// Ends an attempt without a result. The task is tried again later if it is retryable and has
    /// attempts left.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn task_fail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lease and the error.")] input: TaskFailInput,
    ) -> Result<TaskFailPayload> {
        let ended = lease::fail(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, ended.map(Into::into))
    }
}
