//! What external workers say.

use async_graphql::{InputObject, Json};
use atelier_kit::{graphql::Long, id::Id};
use serde_json::Value;

use super::worker::Lease;
use crate::engine::Worker as WorkerEntity;

/// What a worker says about itself.
#[derive(InputObject)]
pub struct WorkerRegisterInput {
    /// A name for people.
    pub name: String,
    /// The queues it works on, 1 to 50.
    pub queues: Vec<String>,
    /// The types it knows, at most 200; empty for all that its credential was granted.
    #[graphql(default)]
    pub types: Vec<String>,
    /// What it has: an object of texts, numbers and truth values. A task is handed out only to a
    /// worker that has everything the task requires, with the same value.
    pub capabilities: Option<Json<Value>>,
    /// Tasks it works on at the same time.
    #[graphql(default = 1)]
    pub concurrency: i32,
}

/// What a worker wants.
#[derive(InputObject)]
pub struct TaskLeaseInput {
    /// The worker's id, from `workerRegister`.
    pub worker_id: Id<WorkerEntity>,
    /// Only of these of its queues.
    pub queues: Option<Vec<String>>,
    /// What it has now, instead of what it registered with.
    pub capabilities: Option<Json<Value>>,
    /// The most tasks, up to 100.
    #[graphql(default = 1)]
    pub max: i32,
    /// How long the leases are to hold without a heartbeat, from 5 to 3600 seconds.
    pub lease_seconds: Option<i32>,
}

/// What a worker tells about a task.
#[derive(InputObject)]
pub struct TaskHeartbeatInput {
    /// The lease.
    pub lease_id: Id<Lease>,
    /// How much is done, from 0 to 1.
    pub progress: Option<f64>,
    /// The step it is in.
    pub step: Option<String>,
    /// What is left, by the worker's reckoning, in milliseconds.
    pub eta_ms: Option<Long>,
    /// New lines for the task's log, at most 100.
    #[graphql(default)]
    pub log: Vec<String>,
    /// How long the lease is to hold from now, from 5 to 3600 seconds.
    pub lease_seconds: Option<i32>,
}

/// What came out of a task.
#[derive(InputObject)]
pub struct TaskCompleteInput {
    /// The lease.
    pub lease_id: Id<Lease>,
    /// The result, at most 64 KiB; larger things go to storage.
    pub result: Option<Json<Value>>,
}

/// Why a task was not done.
#[derive(InputObject)]
pub struct TaskFailInput {
    /// The lease.
    pub lease_id: Id<Lease>,
    /// Stable code to match on: letters, digits, dots, dashes and underscores.
    #[graphql(default_with = "\"FAILED\".to_owned()")]
    pub code: String,
    /// What went wrong; the task's owner reads it.
    pub message: String,
    /// Whether it may work later; if not, the task has failed for good.
    #[graphql(default = true)]
    pub retryable: bool,
    /// The worker stopped because the task is to be cancelled.
    #[graphql(default)]
    pub cancelled: bool,
}

/// Which worker.
#[derive(InputObject)]
pub struct WorkerDrainInput {
    /// The worker's id.
    pub worker_id: Id<WorkerEntity>,
}
