//! Handling the events of other domains, each once.
//!
//! Events that are fetched together are handled in one transaction. Should that fail, each gets a
//! transaction of its own.

use std::{borrow::Cow, collections::HashSet, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use tokio_util::sync::CancellationToken;

use super::{Event, Fact, Told, stream_of};
use crate::{
    Deps,
    db::Tx,
    error::Error,
    stream::{ConsumerConfig, HandlerError, StreamEntry, consume_together},
};

/// Consumes facts of other domains.
#[async_trait]
pub trait Consume<F: Fact>: Send + Sync + 'static {
    /// Handles facts that came together, in their order, in one transaction that also notes them as
    /// handled. Each comes once, unless the transaction fails: then they come again, one by one.
    ///
    /// # Errors
    /// Nothing is done then. A fact that fails by itself comes again later; after many failures it is
    /// parked.
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
    /// Gives facts to a consumer. What it has handled is kept under `name`, which is unique in its
    /// domain and never changes.
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

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The topics it wants.
    pub const fn topics(&self) -> &'static [&'static str] {
        self.topics
    }

    /// Handles events at once, as if they had just come: for tests.
    ///
    /// # Errors
    /// As [`Consume::consume`].
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

/// Runs a domain's consumer until `stop`, on the stream of the domain whose facts it wants; if any
/// domain may tell them, on the streams of `domains`.
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

/// Handles those of the events that were not handled before.
async fn handle_once(deps: &Deps, consumer: &Consumer, events: Vec<Event>) -> Result<(), Error> {
    // Always in the order of their ids, so that two members never wait for each other here.
    let mut ids: Vec<uuid::Uuid> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    let statement = format!(
        "INSERT INTO {}.inbox (consumer, event_id) SELECT $1, unnest($2) ON CONFLICT DO NOTHING RETURNING event_id",
        deps.domain
    );
    deps.transaction(async |tx| {
        let taken: Vec<Taken> = diesel::sql_query(&statement)
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

/// Whether an entry is one of the facts that a consumer wants; only those are read whole.
fn is_wanted(consumer: &Consumer, entry: &StreamEntry) -> Result<bool, HandlerError> {
    #[derive(serde::Deserialize)]
    struct Topic<'a> {
        #[serde(borrow)]
        topic: Cow<'a, str>,
    }
    let Topic { topic } = serde_json::from_slice(&entry.payload).map_err(HandlerError::reject)?;
    Ok(consumer.topics.contains(&&*topic))
}
