//! A subgraph as its callers see it.

use std::{collections::VecDeque, sync::Arc, task::Poll};

use async_graphql::{Request, Response, ServerError, Variables};
use atelier_kit::{
    Deps, Subgraph,
    actor::Actor,
    clock::ManualClock,
    delivery::Relay,
    error::Error,
    event::{Event, Fact},
    supervise::Supervisor,
};
use chrono::TimeDelta;
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, TestDatabase, TestDeps, wait::PAUSE};

/// A subgraph on surroundings of its own. What it runs in the background ends with this value.
pub struct Harness {
    /// The surroundings, whose clock stands still.
    pub test: TestDeps,
    /// The domain under test.
    pub subgraph: Subgraph,
    stop: CancellationToken,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Harness {
    /// Builds the domain on `test`. Nothing runs in the background yet.
    pub fn new(test: TestDeps, build: impl FnOnce(Deps) -> Subgraph) -> Self {
        Self {
            subgraph: build(test.deps.clone()),
            test,
            stop: CancellationToken::new(),
        }
    }

    /// What the domain works with.
    pub fn deps(&self) -> &Deps {
        &self.test.deps
    }

    /// The domain's database, past the domain.
    pub fn database(&self) -> &TestDatabase {
        &self.test.database
    }

    /// The domain's clock.
    pub fn clock(&self) -> &ManualClock {
        &self.test.clock
    }

    /// Moves the domain's clock.
    pub fn advance(&self, seconds: i64) {
        self.test.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Ends what [`Harness::start`] has started; a child of it ends what a test starts by itself.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts the relay, the consumers of the events of `domains`, and the background work.
    pub fn start(&mut self, domains: &[&str]) {
        let domains: Vec<_> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let supervisor = Supervisor::new(self.stop.clone());
        self.subgraph.start(&domains, &supervisor);
    }

    /// Publishes what is in the outbox, once.
    ///
    /// # Panics
    /// If Redis or PostgreSQL does not answer.
    pub async fn publish(&self) {
        let drained = Relay::new(self.test.deps.clone()).drain().await;
        drained.expect("the outbox can be published");
    }

    /// Hands a fact of another domain to this domain's consumers, as if it had just been told.
    ///
    /// # Panics
    /// If a consumer fails.
    pub async fn told<F: Fact>(&self, domain: &str, fact: &F) {
        self.told_together(domain, std::slice::from_ref(fact)).await;
    }

    /// Hands facts to this domain's consumers that were told one after the other and come together.
    ///
    /// # Panics
    /// If a consumer fails.
    pub async fn told_together<F: Fact>(&self, domain: &str, facts: &[F]) {
        let events: Vec<_> = facts.iter().map(|fact| self.event(domain, fact)).collect();
        let handled = self.consume(&events).await;
        handled.unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// A fact as the stream of `domain` holds it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn event<F: Fact>(&self, domain: &str, fact: &F) -> Event {
        let deps = self.deps();
        Event {
            id: deps.new_uuid(),
            domain: domain.to_owned(),
            topic: fact.topic().to_owned(),
            key: fact.key(),
            concerns: fact.concerns(),
            payload: fact.payload().expect("a fact is JSON"),
            trace: None,
            occurred_at: deps.clock.now(),
        }
    }

    /// Hands events that come together to this domain's consumers, each those of its topics.
    ///
    /// # Errors
    /// That of the first consumer that fails.
    pub async fn consume(&self, events: &[Event]) -> Result<(), Error> {
        for consumer in self.subgraph.consumers() {
            let wanted = |event: &&Event| consumer.topics().contains(&event.topic.as_str());
            let events: Vec<_> = events.iter().filter(wanted).cloned().collect();
            if !events.is_empty() {
                consumer.handle(self.deps(), events).await?;
            }
        }
        Ok(())
    }

    /// The whole answer to a query or mutation.
    pub async fn ask(&self, actor: &Actor, operation: &str, variables: Value) -> Response {
        let request = request(actor, operation, variables);
        self.subgraph.service.execute(request).await
    }

    /// The answer's data.
    ///
    /// # Panics
    /// If there is any error, with all of them.
    pub async fn data(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let response = self.ask(actor, operation, variables).await;
        assert!(response.errors.is_empty(), "{operation}: {response:#?}");
        json_of(response)
    }

    /// The payload of a mutation that has worked.
    ///
    /// # Panics
    /// If there is any error, or `userErrors` were asked for and are there.
    pub async fn done(&self, actor: &Actor, mutation: &str, variables: Value) -> Value {
        done(self.data(actor, mutation, variables).await)
    }

    /// The codes with which an operation was refused: those of the errors, or of the `userErrors` of
    /// its only field, whose payload must hold nothing else then.
    ///
    /// # Panics
    /// If it was not refused.
    pub async fn refused(&self, actor: &Actor, operation: &str, variables: Value) -> Vec<String> {
        let response = self.ask(actor, operation, variables).await;
        if response.errors.is_empty() {
            codes(json_of(response))
        } else {
            response.errors.iter().map(code).collect()
        }
    }

    /// What `asked` answers, and how many statements the domain ran for it.
    pub async fn counted<T>(&self, asked: impl Future<Output = T>) -> (T, u64) {
        let before = self.test.deps.db.statements();
        let answer = asked.await;
        (answer, self.test.deps.db.statements() - before)
    }

    /// The events of a subscription with one field.
    pub fn subscribe(&self, actor: &Actor, operation: &str, variables: Value) -> Events {
        let request = request(actor, operation, variables);
        Events {
            stream: self.subgraph.service.execute_stream(request),
            early: VecDeque::new(),
        }
    }

    /// The events of a subscription that follows facts: when this returns, nothing that is told from
    /// now on can be missed.
    ///
    /// # Panics
    /// If it does not begin to follow within [`DEADLINE`], or ends before.
    pub async fn follow(&self, actor: &Actor, operation: &str, variables: Value) -> Events {
        let before = self.test.deps.hub.attached();
        let mut events = self.subscribe(actor, operation, variables);
        let begun = async {
            while self.test.deps.hub.attached() == before {
                if let Poll::Ready(event) = futures::poll!(events.stream.next()) {
                    events
                        .early
                        .push_back(event.expect("the subscription goes on"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(DEADLINE, begun)
            .await
            .expect("the subscription begins in time");
        events
    }
}

/// The events of a subscription.
pub struct Events {
    stream: BoxStream<'static, Response>,
    /// What came before the test asked for it.
    early: VecDeque<Response>,
}

impl Events {
    /// The next event, whole; `None` when the subscription has ended.
    ///
    /// # Panics
    /// If nothing comes within [`DEADLINE`].
    pub async fn response(&mut self) -> Option<Response> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        tokio::time::timeout(DEADLINE, self.stream.next())
            .await
            .expect("an event comes in time, or the end")
    }

    /// The value of the next event's only field; `None` when the subscription has ended.
    ///
    /// # Panics
    /// If nothing comes within [`DEADLINE`], or an error.
    pub async fn next(&mut self) -> Option<Value> {
        let response = self.response().await?;
        assert!(response.errors.is_empty(), "{response:#?}");
        Some(payload(json_of(response)))
    }

    /// All events until the subscription ends.
    ///
    /// # Panics
    /// As [`Events::next`].
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The codes of the error with which the subscription goes on or ends.
    ///
    /// # Panics
    /// If the next event is none.
    pub async fn refused(&mut self) -> Vec<String> {
        let response = self.response().await.expect("the subscription goes on");
        assert!(!response.errors.is_empty(), "not refused: {response:#?}");
        response.errors.iter().map(code).collect()
    }
}

/// The value of the only field of an operation.
///
/// # Panics
/// If there is not exactly one.
pub fn payload(mut data: Value) -> Value {
    match data.as_object_mut().map(|fields| fields.values_mut()) {
        Some(mut fields) if fields.len() == 1 => fields.next().map(Value::take).unwrap_or_default(),
        _ => panic!("one field: {data}"),
    }
}

/// The payload of a mutation that has worked.
///
/// # Panics
/// If it has `userErrors`.
pub fn done(data: Value) -> Value {
    let payload = payload(data);
    let errors = &payload["userErrors"];
    assert!(errors.is_null() || *errors == json!([]), "{payload}");
    payload
}

/// The codes of a mutation that was refused.
///
/// # Panics
/// If it was not, or its payload holds anything besides.
pub fn codes(data: Value) -> Vec<String> {
    let payload = payload(data);
    let errors = payload["userErrors"].as_array();
    let errors = errors.unwrap_or_else(|| panic!("not refused: {payload}"));
    assert!(!errors.is_empty(), "not refused: {payload}");
    for (field, value) in payload.as_object().into_iter().flatten() {
        assert!(
            field == "userErrors" || value.is_null(),
            "a refusal holds {field}: {value}"
        );
    }
    let codes = errors.iter().map(|error| error["code"].as_str());
    codes
        .map(|code| code.expect("the code was asked for").to_owned())
        .collect()
}

/// What an error of the answer is called.
fn code(error: &ServerError) -> String {
    let extensions = serde_json::to_value(&error.extensions).unwrap_or_default();
    match extensions["code"].as_str() {
        Some(code) => code.to_owned(),
        None => panic!("an error without a code: {error:?}"),
    }
}

fn request(actor: &Actor, operation: &str, variables: Value) -> Request {
    Request::new(operation)
        .variables(Variables::from_json(variables))
        .data(Arc::new(actor.clone()))
}

fn json_of(response: Response) -> Value {
    response.data.into_json().expect("data is JSON")
}
