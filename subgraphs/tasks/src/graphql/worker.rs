//! Workers.

use async_graphql::{Context, InputObject, Json, Object, Result};
use atelier_contracts::{stub::User, tasks};
use atelier_kit::{
    graphql::{actor, directive::authenticated, load, mutation},
    id::Id,
    page::{Connection, PageArgs},
    payload,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::engine;
use crate::{
    app::{
        self,
        worker::{NewWorker, RunningTasks},
    },
    db::worker::WorkerRow,
    error::TaskUserError,
};

/// A worker, as the schema shows it.
#[derive(Debug, Clone)]
pub struct Worker(WorkerRow);

/// A program that works on tasks: a process of the system itself, or an external one.
#[Object]
impl Worker {
    /// The id of the worker.
    async fn id(&self) -> Id<tasks::Worker> {
        self.0.id
    }

    /// The name of the worker, for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The account whose credential the worker registered with; null for workers of the system itself.
    async fn owner(&self) -> Option<User> {
        self.0.owner.map(|id| User { id })
    }

    /// The queues that the worker takes tasks from, at most 50.
    async fn queues(&self) -> &[String] {
        &self.0.queues
    }

    /// The types of tasks that the worker can do, at most 200; if empty, all types.
    async fn types(&self) -> &[String] {
        &self.0.types
    }

    /// The capabilities of the worker, which tasks may require.
    async fn capabilities(&self) -> Json<&Value> {
        Json(&self.0.capabilities)
    }

    /// The number of tasks that the worker works on at the same time.
    async fn concurrency(&self) -> i32 {
        self.0.concurrency
    }

    /// The number of tasks that the worker holds now.
    async fn running(&self, ctx: &Context<'_>) -> Result<i32> {
        let running = load(ctx, || RunningTasks(engine(ctx).clone()), self.0.id).await?;
        Ok(i32::try_from(running.unwrap_or(0)).unwrap_or(i32::MAX))
    }

    /// The time when the worker registered.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.0.registered_at
    }

    /// The time when the worker last made itself heard.
    async fn seen_at(&self) -> DateTime<Utc> {
        self.0.seen_at
    }

    /// Whether the worker was told to take no more tasks.
    async fn draining(&self) -> bool {
        self.0.drained_at.is_some()
    }
}

/// The input of `workerRegister`.
#[derive(InputObject)]
pub struct WorkerRegisterInput {
    /// The name of the worker, for people; 1 to 200 bytes.
    name: String,
    /// The queues that the worker takes tasks from, 1 to 50.
    queues: Vec<String>,
    /// The types of tasks that the worker can do, at most 200; by default, all that its credential was
    /// granted.
    #[graphql(default)]
    types: Vec<String>,
    /// The capabilities of the worker: an object of at most 50 strings, numbers and booleans. A task is
    /// handed out only to workers that have every capability that the task requires, with the same
    /// value.
    capabilities: Option<Json<Value>>,
    /// The number of tasks that the worker works on at the same time, from 1 to 1000.
    #[graphql(default = 1)]
    concurrency: i32,
}

impl From<WorkerRegisterInput> for NewWorker {
    fn from(input: WorkerRegisterInput) -> Self {
        Self {
            name: input.name,
            queues: input.queues,
            types: input.types,
            capabilities: input
                .capabilities
                .map_or_else(|| json!({}), |Json(value)| value),
            concurrency: input.concurrency,
        }
    }
}

/// The input of `workerDrain`.
#[derive(InputObject)]
pub struct WorkerDrainInput {
    /// The id of the worker.
    worker_id: Id<tasks::Worker>,
}

payload! {
    /// The result of registering a worker.
    pub struct WorkerRegisterPayload, TaskUserError {
        /// The new worker. Its id is needed to lease tasks.
        worker: Worker,
    }

    /// The result of draining a worker.
    pub struct WorkerDrainPayload, TaskUserError {
        /// The worker, which takes no more tasks.
        worker: Worker,
    }
}

/// How workers are found.
#[derive(Default)]
pub struct WorkerQuery;

#[atelier_kit::object]
impl WorkerQuery {
    /// The workers that made themselves heard in the last hour, newest first.
    #[graphql(requires_scopes = "admin:tasks", tag = "admin")]
    async fn workers(&self, ctx: &Context<'_>, page: PageArgs) -> Result<Connection<Worker>> {
        let rows = app::worker::list(engine(ctx), actor(ctx), &page).await?;
        Ok(rows.connection(Worker))
    }
}

/// How workers are changed.
#[derive(Default)]
pub struct WorkerMutation;

#[Object]
impl WorkerMutation {
    /// Registers an external worker for queues and types of tasks that its credential was granted.
    #[graphql(requires_scopes = "worker", tag = "worker")]
    async fn worker_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker to register.")] input: WorkerRegisterInput,
    ) -> Result<WorkerRegisterPayload> {
        let registered = app::worker::register(engine(ctx), actor(ctx), input.into()).await;
        mutation(ctx, registered.map(Worker))
    }

    /// Tells a worker to take no more tasks. Workers do so for themselves before they stop;
    /// administrators may do so for any worker.
    #[graphql(directive = authenticated::apply(), tag = "worker")]
    async fn worker_drain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker to drain.")] input: WorkerDrainInput,
    ) -> Result<WorkerDrainPayload> {
        let drained = app::worker::drain(engine(ctx), actor(ctx), input.worker_id).await;
        mutation(ctx, drained.map(Worker))
    }
}
