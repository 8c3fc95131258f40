//! Consuming the facts of other domains, each once.
//!
//! Events that are fetched together are handled in one transaction. If it fails, each gets a
//! transaction of its own.

use std::{borrow::Cow, collections::HashSet, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use tokio_util::sync::CancellationToken;

use crate::{
    Deps,
    db::prepared,
    error::Error,
    event::{Event, Fact, Told, stream_of},
    stream::{ConsumerConfig, HandlerError, StreamEntry, consume_together},
    transaction::Tx,
};

/// Consumes facts of other domains.
#[async_trait]
pub trait Consume<F: Fact>: Send + Sync + 'static {
    /// Handles facts that were fetched together, in their order, in a transaction that also records
    /// them as handled. Each fact comes once, unless the transaction fails: then they come again,
    /// one at a time.
    ///
    /// # Errors
    /// Nothing is changed. A fact that fails on its own comes again later; after many failures it
    /// is parked.
    async fn consume(&self, tx: &mut Tx, facts: &[Told<F>]) -> Result<(), Error>;

    /// Called after a transaction has committed: wake-ups, nothing that matters.
    fn committed(&self) {}
}

/// A registered consumer.
#[derive(Clone)]
pub struct Consumer {
    name: &'static str,
    domain: Option<&'static str>,
    topics: &'static [&'static str],
    consume: Arc<dyn ConsumeEvents>,
}

impl Consumer {
    /// Registers a consumer. What it has handled is recorded under `name`, which must be unique in
    /// its domain and must never change.
    pub fn new<F: Fact>(name: &'static str, consume: impl Consume<F>) -> Self {
        Self {
            name,
            domain: F::DOMAIN,
            topics: F::TOPICS,
            consume: Arc::new(Typed {
                consume,
                fact: PhantomData::<fn() -> F>,
            }),
        }
    }

    /// Returns the consumer's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the topics that it consumes.
    pub const fn topics(&self) -> &'static [&'static str] {
        self.topics
    }

    /// Handles events immediately, as if they had just arrived; for tests.
    ///
    /// # Errors
    /// Those of [`Consume::consume`].
    pub async fn handle(&self, deps: &Deps, events: Vec<Event>) -> Result<(), Error> {
        handle_once(deps, self, events).await
    }
}

/// A consumer without the type of its facts.
#[async_trait]
trait ConsumeEvents: Send + Sync + 'static {
    async fn consume(&self, tx: &mut Tx, events: &[Event]) -> Result<(), Error>;
    fn committed(&self);
}

struct Typed<F, C> {
    consume: C,
    fact: PhantomData<fn() -> F>,
}

#[async_trait]
impl<F: Fact, C: Consume<F>> ConsumeEvents for Typed<F, C> {
    async fn consume(&self, tx: &mut Tx, events: &[Event]) -> Result<(), Error> {
        let mut facts = Vec::with_capacity(events.len());
        for event in events {
            facts.extend(Told::of(event)?);
        }
        self.consume.consume(tx, &facts).await
    }

    fn committed(&self) {
        self.consume.committed();
    }
}

/// Runs a domain's consumer until `stop`, on the stream of the domain whose facts it consumes; if
/// any domain may emit them, on the streams of all `domains`.
pub async fn run_consumer(
    deps: Deps,
    consumer: Consumer,
    domains: Vec<String>,
    stop: CancellationToken,
) {
    let wanted = match consumer.domain {
        Some(domain) => vec![domain.to_owned()],
        None => domains,
    };
    let runs = wanted.iter().map(|domain| {
        let (deps, consumer, stop) = (deps.clone(), consumer.clone(), stop.clone());
        async move {
            let group = format!("{}.{}", deps.domain, consumer.name);
            let member = deps.new_uuid().to_string();
            let stream = stream_of(domain);
            let redis = deps.redis.clone();
            let together = |entries: Vec<StreamEntry>| {
                let (deps, consumer) = (deps.clone(), consumer.clone());
                async move { handle(&deps, &consumer, &entries).await }
            };
            let one = |entry: StreamEntry| {
                let (deps, consumer) = (deps.clone(), consumer.clone());
                async move { handle(&deps, &consumer, &[entry]).await }
            };
            let config = ConsumerConfig::new(stream, group, member);
            consume_together(redis, config, together, one, stop).await;
        }
    });
    futures::future::join_all(runs).await;
}

async fn handle(
    deps: &Deps,
    consumer: &Consumer,
    entries: &[StreamEntry],
) -> Result<(), HandlerError> {
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        if is_wanted(consumer, entry)? {
            events.push(serde_json::from_slice(&entry.payload).map_err(HandlerError::reject)?);
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    handle_once(deps, consumer, events).await.map_err(|error| {
        HandlerError::retry(error.cause_chain().unwrap_or_else(|| error.to_string()))
    })
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = SqlUuid)]
    event_id: uuid::Uuid,
}

/// Handles those events that have not been handled before.
async fn handle_once(deps: &Deps, consumer: &Consumer, events: Vec<Event>) -> Result<(), Error> {
    // Always in the order of their ids, so that two members cannot deadlock here.
    let mut ids: Vec<uuid::Uuid> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    let statement = format!(
        "INSERT INTO {}.inbox (consumer, event_id) SELECT $1, unnest($2) ON CONFLICT DO NOTHING RETURNING event_id",
        deps.domain
    );
    deps.transaction(async |tx| {
        let taken: Vec<Taken> = prepared(statement.clone())
            .bind::<Text, _>(consumer.name)
            .bind::<Array<SqlUuid>, _>(&ids)
            .load(tx)
            .await?;
        let mut first: HashSet<_> = taken.into_iter().map(|row| row.event_id).collect();
        let events: Vec<Event> = events
            .iter()
            .filter(|event| first.remove(&event.id))
            .cloned()
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        consumer.consume.consume(tx, &events).await
    })
    .await?;
    consumer.consume.committed();
    Ok(())
}

/// Whether an entry is a fact that a consumer consumes; only those are parsed completely.
fn is_wanted(consumer: &Consumer, entry: &StreamEntry) -> Result<bool, HandlerError> {
    #[derive(serde::Deserialize)]
    struct Topic<'a> {
        #[serde(borrow)]
        topic: Cow<'a, str>,
    }
    let Topic { topic } = serde_json::from_slice(&entry.payload).map_err(HandlerError::reject)?;
    Ok(consumer.topics.contains(&&*topic))
}
