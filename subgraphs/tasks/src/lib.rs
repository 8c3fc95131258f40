//! Tasks: the durable engine behind all background work, and its part of the graph.
//!
//! * Entities: `Task` (`tsk_`), `Worker` (`wrk_`); contributes `Viewer.tasks`.
//! * Tables (PostgreSQL schema `tasks`): `task`, `task_step`, `task_log`, `queue`, `worker`,
//!   `worker_grant`, `result_shape`, `schedule`, `task_type`, `deleted_user`.
//! * Facts: [`TaskFact`] for the end of every task, and for every change of state of those that belong
//!   to a user. Progress has a Redis stream of its own.
//! * Consumes [`TaskOrder`] (a domain wants a task, or wants it no more) and [`UserDeleted`].
//!
//! Domains ask for work with [`Tx::enqueue`]; [`worker::Worker`] does it in our processes, and others
//! through the worker API (`workerRegister`, `taskLease`, …).
//!
//! Once an account is deleted, its unfinished tasks are cancelled and its finished ones made anonymous:
//! owner, subject, payload, result, message, steps and log go; type, queue, state, error code and times
//! stay for statistics until the task is old enough to be deleted. Its workers and their grants are
//! deleted.
//!
//! [`TaskFact`]: atelier_contracts::tasks::TaskFact
//! [`Tx::enqueue`]: atelier_kit::transaction::Tx::enqueue

mod app;
mod config;
mod db;
pub mod engine;
mod error;
mod graphql;
mod kinds;
pub mod worker;

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{Deps, Subgraph, jobs::TaskOrder};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use config::{BackgroundConfig, TasksConfig};
pub use engine::{Engine, EngineConfig};
pub use error::TaskErrorCode;
pub use worker::{Worker, WorkerConfig};

/// The domain's name, which is also its PostgreSQL schema.
pub const NAME: &str = "tasks";
/// The domain's migrations.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/tasks");

/// The domain, ready to be served.
pub fn subgraph(deps: Deps, config: TasksConfig) -> Subgraph {
    let engine = Engine::new(deps.clone(), config.engine);
    let periods = config.background;
    Subgraph::new(NAME, deps, graphql::service(engine.clone()))
        .on::<TaskOrder>("intake", app::intake::Intake(engine.clone()))
        .on::<UserDeleted>("forget_user", app::forget_user::ForgetUser(engine.clone()))
        .every(
            periods.due,
            "due",
            each(&engine, |engine| async move {
                engine.promote_due().await?;
                engine.run_schedules().await.map(drop)
            }),
        )
        .every(
            periods.rescue,
            "rescue",
            each(
                &engine,
                |engine| async move { engine.rescue().await.map(drop) },
            ),
        )
        .every(
            periods.measure,
            "measure",
            each(&engine, |engine| async move { engine.measure().await }),
        )
        .every(
            periods.learn,
            "learn",
            each(&engine, |engine| async move { engine.learn().await }),
        )
        .every(
            periods.forget,
            "forget_deleted_users",
            each(&engine, |engine| async move {
                engine.forget_deleted_users().await.map(drop)
            }),
        )
        .every(
            periods.sweep,
            "sweep",
            each(
                &engine,
                |engine| async move { engine.sweep().await.map(drop) },
            ),
        )
}

/// Work that is given the engine each time.
fn each<W, F>(engine: &Engine, work: W) -> impl Fn() -> F + use<W, F>
where
    W: Fn(Engine) -> F,
{
    let engine = engine.clone();
    move || work(engine.clone())
}
