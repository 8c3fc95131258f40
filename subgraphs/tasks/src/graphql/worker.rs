//! Workers and what they hold.

use async_graphql::{ID, Json, Object, SimpleObject};
use atelier_kit::id::{Id, Task as TaskEntity};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::task::UserReference;
use crate::{
    app::lease::LeaseState,
    db::worker::WorkerRow,
    engine::{self, Leased},
};

/// Who works on tasks.
#[derive(Debug, Clone)]
pub struct Worker {
    /// What it said about itself.
    pub row: WorkerRow,
    /// Tasks it has.
    pub running: i64,
}

/// Who works on tasks: a process of the system, or an external one.
#[Object]
impl Worker {
    /// The worker's id.
    async fn id(&self) -> Id<engine::Worker> {
        self.row.id
    }

    /// A name for people.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The account whose token it came with; null for workers of the system.
    async fn owner(&self) -> Option<UserReference> {
        self.row.owner.map(|id| UserReference { id })
    }

    /// The queues it works on, at most 50.
    async fn queues(&self) -> &[String] {
        &self.row.queues
    }

    /// The types it knows, at most 200; empty for all.
    async fn types(&self) -> &[String] {
        &self.row.types
    }

    /// What it has, which tasks may require.
    async fn capabilities(&self) -> Json<&Value> {
        Json(&self.row.capabilities)
    }

    /// Tasks it works on at the same time.
    async fn concurrency(&self) -> i32 {
        self.row.concurrency
    }

    /// Tasks it has now.
    async fn running(&self) -> i32 {
        i32::try_from(self.running).unwrap_or(i32::MAX)
    }

    /// When it came.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.row.registered_at
    }

    /// When it was last heard of.
    async fn seen_at(&self) -> DateTime<Utc> {
        self.row.seen_at
    }

    /// Whether it was told to take no more tasks.
    async fn draining(&self) -> bool {
        self.row.drained_at.is_some()
    }
}

/// A task that a worker has leased.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLease {
    /// The fencing token: every word about the task needs it, and once the lease is lost it is good
    /// for nothing.
    pub lease_id: ID,
    /// The task's id.
    pub task_id: Id<TaskEntity>,
    /// What kind of work it is.
    #[graphql(name = "type")]
    pub task_type: String,
    /// The queue it was in.
    pub queue: String,
    /// What is to be done; null if its type says it all.
    pub payload: Option<Json<Value>>,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Attempts before the task has failed for good.
    pub max_attempts: i32,
    /// For whom it is done.
    pub owner: Option<UserReference>,
    /// The id of the thing it is about.
    pub subject_id: Option<ID>,
    /// Until when the lease holds without a heartbeat.
    pub expires_at: DateTime<Utc>,
    /// W3C trace context of the cause, to be carried on.
    pub traceparent: Option<String>,
}

impl From<Leased> for TaskLease {
    fn from(row: Leased) -> Self {
        Self {
            lease_id: lease_id(row.lease_id),
            task_id: row.id,
            task_type: row.task_type,
            queue: row.queue,
            // GraphQL's null is no value: where one is demanded it takes the whole answer with it.
            payload: Some(row.payload)
                .filter(|payload| !payload.is_null())
                .map(Json),
            attempt: row.attempt.into(),
            max_attempts: row.max_attempts.into(),
            owner: row.owner.map(|id| UserReference { id }),
            subject_id: row.subject.map(ID),
            expires_at: row.lease_expires_at,
            traceparent: row.trace,
        }
    }
}

atelier_kit::entity!(
    /// A worker's hold on a task.
    pub Lease, "lse"
);

fn lease_id(lease: Uuid) -> ID {
    ID(Id::<Lease>::from_uuid(lease).to_string())
}

/// A lease that holds.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLeaseState {
    /// Until when, without another heartbeat.
    pub expires_at: DateTime<Utc>,
    /// Whether the task is to be cancelled: stop, and say so with `taskFail`. The lease is not
    /// extended any more.
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

/// Tasks that were leased, and whether the worker is to take no more.
#[derive(Debug, Clone, SimpleObject)]
pub struct TaskLeases {
    /// The tasks, most urgent first; at most 100.
    pub leases: Vec<TaskLease>,
    /// Whether the worker is to finish what it has and go.
    pub draining: bool,
}
