//! Tasks: the durable engine behind all background work, and its part of the graph.
//!
//! * Entities: `Task` (`tsk_`), `Worker` (`wrk_`); contributes `Viewer.tasks`.
//! * Tables (PostgreSQL schema `tasks`): `task`, `task_step`, `task_log`, `queue`, `worker`,
//!   `schedule`, `task_type`.
//! * Events: `task.succeeded`, `task.partially_succeeded`, `task.failed`, `task.cancelled` for every
//!   task, and `task.scheduled`, `task.queued`, `task.started`, `task.retrying` for those that belong
//!   to a user; the payload is [`engine::TaskFact`]. Progress has a Redis stream of its own.
//!
//! Domains ask for work with [`atelier_kit::jobs::enqueue`]; [`worker::Worker`] does it in our
//! processes, and others through the worker API (`workerRegister`, `taskLease`, …).

mod app;
mod background;
mod db;
pub mod engine;
mod graphql;
mod jobs;
pub mod worker;

use std::sync::Arc;

use atelier_kit::{Deps, Subgraph};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use engine::{Engine, EngineConfig};
pub use graphql::TaskErrorCode;
pub use worker::{Worker, WorkerConfig};

/// The domain's name, which is also its PostgreSQL schema.
pub const NAME: &str = "tasks";
/// The domain's migrations.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/tasks");

/// How the domain behaves.
#[derive(Debug, Clone, Default)]
pub struct TasksConfig {
    /// How tasks are treated.
    pub engine: EngineConfig,
    /// How often the background work looks around.
    pub background: background::BackgroundConfig,
}

pub use background::BackgroundConfig;

/// The domain, ready to be served.
pub fn subgraph(deps: Deps, config: TasksConfig) -> Subgraph {
    let engine = Engine::new(deps.clone(), config.engine);
    Subgraph {
        name: NAME,
        service: graphql::service(engine.clone()),
        routes: axum::Router::new(),
        consumers: vec![Arc::new(jobs::Intake::new(engine.clone()))],
        handlers: Vec::new(),
        background: background::all(&engine, config.background),
        deps,
    }
}
