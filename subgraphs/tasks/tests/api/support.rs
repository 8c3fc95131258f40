//! A domain of one's own, and what tests do with it.

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Response, Variables};
use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    Subgraph,
    actor::Actor,
    clock::ManualClock,
    event::{Event, Fact},
    id::{Id, Task, User},
    jobs::NewTask,
    supervise::Supervisor,
};
use atelier_tasks::{
    Engine, EngineConfig, MIGRATIONS, NAME, TasksConfig,
    engine::{Enqueued, Leased, Wanted},
    subgraph,
};
use atelier_testing::{TestDeps, deps};
use chrono::TimeDelta;
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// How long a test waits for something that must come.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The domain with nothing running in the background.
pub struct World {
    pub subgraph: Subgraph,
    pub engine: Engine,
    pub clock: ManualClock,
    test: Arc<TestDeps>,
    supervisor: Supervisor,
}

impl Drop for World {
    fn drop(&mut self) {
        self.supervisor.stop().cancel();
    }
}

pub async fn world() -> World {
    world_with(EngineConfig::default()).await
}

pub async fn world_with(config: EngineConfig) -> World {
    World::on(Arc::new(deps(NAME, &MIGRATIONS).await), config)
}

impl World {
    fn on(test: Arc<TestDeps>, config: EngineConfig) -> Self {
        let config = EngineConfig {
            arrival: Duration::from_secs(2),
            ..config
        };
        let engine = Engine::new(test.deps.clone(), config.clone());
        let subgraph = subgraph(
            test.deps.clone(),
            TasksConfig {
                engine: config,
                ..TasksConfig::default()
            },
        );
        World {
            subgraph,
            engine,
            clock: test.clock.clone(),
            test,
            supervisor: Supervisor::default(),
        }
    }

    /// The domain once more on the same servers, otherwise configured.
    pub fn again(&self, config: EngineConfig) -> Self {
        Self::on(Arc::clone(&self.test), config)
    }

    pub fn clock_now(&self) -> chrono::DateTime<chrono::Utc> {
        self.engine.deps().clock.now()
    }

    /// Starts the relay, the intake and the background work.
    pub fn start(&mut self) {
        self.subgraph.start(&[NAME.to_owned()], &self.supervisor);
    }

    pub fn stop(&self) -> CancellationToken {
        self.supervisor.stop().child_token()
    }

    pub fn user(&self) -> Id<User> {
        self.engine.deps().new_id()
    }

    /// A new task of type `test.work` in queue `work`.
    pub fn task(&self, owner: Option<Id<User>>) -> NewTask {
        NewTask {
            owner,
            ..NewTask::new(
                self.engine.deps().new_id(),
                "test.work",
                "work",
                json!({"n": 1}),
            )
        }
    }

    /// Hands facts that another domain told to the consumer of that name, as they come together.
    pub async fn consume<F: Fact>(&self, consumer: &str, facts: &[F]) {
        let events: Vec<Event> = facts.iter().map(|fact| self.event(fact)).collect();
        self.consume_events(consumer, events).await;
    }

    pub async fn consume_events(&self, consumer: &str, events: Vec<Event>) {
        let mut consumers = self.subgraph.consumers().iter();
        let consumer = consumers.find(|known| known.name() == consumer).unwrap();
        consumer.handle(self.engine.deps(), events).await.unwrap();
    }

    /// A fact as another domain's stream holds it.
    pub fn event<F: Fact>(&self, fact: &F) -> Event {
        Event {
            id: self.engine.deps().new_uuid(),
            domain: F::DOMAIN.unwrap_or("media").to_owned(),
            topic: fact.topic().to_owned(),
            key: fact.key(),
            concerns: fact.concerns(),
            payload: fact.payload().unwrap(),
            trace: None,
            occurred_at: self.clock_now(),
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

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub async fn execute(&self, actor: &Actor, query: &str, variables: Value) -> Response {
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(Arc::new(actor.clone()));
        self.subgraph.service.execute(request).await
    }

    /// The data of an operation that must not fail.
    pub async fn data(&self, actor: &Actor, query: &str, variables: Value) -> Value {
        let response = self.execute(actor, query, variables).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()
    }

    /// The code of the one top-level error of an operation.
    pub async fn error(&self, actor: &Actor, query: &str, variables: Value) -> String {
        code(&self.execute(actor, query, variables).await)
    }

    /// The codes in the payload of a mutation, which must have changed nothing else in it.
    pub async fn refusals(&self, actor: &Actor, mutation: &str, variables: Value) -> Vec<String> {
        let data = self.data(actor, mutation, variables).await;
        let payload = data.as_object().unwrap().values().next().unwrap();
        let errors = payload["userErrors"].as_array().unwrap().iter();
        let others = payload
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "userErrors");
        for (name, value) in others {
            assert!(value.is_null(), "{name} is {value}");
        }
        errors
            .map(|error| error["code"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn status(&self, id: Id<Task>) -> String {
        let admin = admin(self);
        let data = self
            .data(
                &admin,
                "query($id: ID!) { task(id: $id) { status } }",
                json!({"id": id}),
            )
            .await;
        data["task"]["status"].as_str().unwrap_or("none").to_owned()
    }

    /// Waits until the task stands at `status`.
    pub async fn reaches(&self, id: Id<Task>, status: TaskStatus) {
        until(async || self.status(id).await == status.as_str()).await;
    }

    pub fn subscribe(
        &self,
        actor: &Actor,
        query: &str,
        variables: Value,
    ) -> BoxStream<'static, Response> {
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(Arc::new(actor.clone()));
        self.subgraph.service.execute_stream(request)
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

/// The code of the one top-level error.
pub fn code(response: &Response) -> String {
    let [error] = &response.errors[..] else {
        panic!("one error: {response:?}")
    };
    let extensions = serde_json::to_value(error.extensions.as_ref().unwrap()).unwrap();
    extensions["code"].as_str().unwrap().to_owned()
}

pub fn admin(world: &World) -> Actor {
    Actor::user(world.user(), &["admin:tasks"])
}

/// Waits until a condition holds.
pub async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait)
        .await
        .expect("the condition comes true in time");
}

/// The next event of a subscription.
pub async fn event(stream: &mut BoxStream<'static, Response>) -> Option<Value> {
    let response = tokio::time::timeout(DEADLINE, stream.next())
        .await
        .expect("an event comes in time")?;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let data = response.data.into_json().unwrap();
    Some(data.as_object().unwrap().values().next().unwrap().clone())
}

/// All events until the subscription ends.
pub async fn events(stream: &mut BoxStream<'static, Response>) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(event) = event(stream).await {
        events.push(event);
    }
    events
}
