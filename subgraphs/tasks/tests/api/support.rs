//! A domain of one's own, and what tests do with it.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    Deps,
    actor::Actor,
    id::{Id, Task, User},
    jobs::NewTask,
};
use atelier_tasks::{
    Engine, EngineConfig, MIGRATIONS, NAME, TasksConfig,
    engine::{Enqueued, Leased, Wanted},
    subgraph,
};
use atelier_testing::{Harness, deps, until};
use serde_json::json;

/// The domain, and the engine behind it.
pub struct World {
    pub engine: Engine,
    harness: Harness,
}

impl Deref for World {
    type Target = Harness;

    fn deref(&self) -> &Harness {
        &self.harness
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Harness {
        &mut self.harness
    }
}

pub async fn world() -> World {
    world_with(EngineConfig::default()).await
}

pub async fn world_with(config: EngineConfig) -> World {
    let test = deps(NAME, &MIGRATIONS).await;
    let (engine, config) = engine(&test.deps, config);
    World {
        engine,
        harness: Harness::new(test, |deps| subgraph(deps, config)),
    }
}

/// An engine, and a domain's configuration that has another of the same kind.
fn engine(deps: &Deps, config: EngineConfig) -> (Engine, TasksConfig) {
    let config = EngineConfig {
        arrival: Duration::from_secs(2),
        ..config
    };
    let engine = Engine::new(deps.clone(), config.clone());
    let config = TasksConfig {
        engine: config,
        ..TasksConfig::default()
    };
    (engine, config)
}

impl World {
    /// From now on the domain is configured otherwise.
    pub fn configure(&mut self, config: EngineConfig) {
        let (engine, config) = engine(self.deps(), config);
        self.engine = engine;
        self.subgraph = subgraph(self.deps().clone(), config);
    }

    pub fn user(&self) -> Id<User> {
        self.deps().new_id()
    }

    /// A new task of type `test.work` in queue `work`.
    pub fn task(&self, owner: Option<Id<User>>) -> NewTask {
        NewTask {
            owner,
            ..NewTask::new(self.deps().new_id(), "test.work", "work", json!({"n": 1}))
        }
    }

    pub async fn enqueue(&self, task: NewTask) -> Id<Task> {
        let id = task.id;
        assert_eq!(
            self.engine.enqueue(&[task]).await.unwrap(),
            [Enqueued::Accepted]
        );
        id
    }

    pub async fn lease(&self, max: usize) -> Vec<Leased> {
        self.engine.lease(&wanted(max)).await.unwrap()
    }

    pub async fn status(&self, id: Id<Task>) -> String {
        let query = "query($id: ID!) { task(id: $id) { status } }";
        let data = self.data(&admin(self), query, json!({"id": id})).await;
        data["task"]["status"].as_str().unwrap_or("none").to_owned()
    }

    /// Waits until the task stands at `status`.
    pub async fn reaches(&self, id: Id<Task>, status: TaskStatus) {
        until(async || self.status(id).await == status.as_str()).await;
    }
}

pub fn wanted(max: usize) -> Wanted {
    Wanted {
        queues: vec!["work".to_owned()],
        types: None,
        capabilities: json!({}),
        max,
        lease: Duration::from_secs(30),
        worker: None,
        owner: None,
    }
}

pub fn admin(world: &World) -> Actor {
    Actor::user(world.user(), &["admin:tasks"])
}
