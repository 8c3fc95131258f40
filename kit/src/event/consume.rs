//! Handling the events of other domains, each once.
//!
//! Events that are fetched together are handled in one transaction. Should that fail, each gets a
//! transaction of its own.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use tokio_util::sync::CancellationToken;

use super::{Event, stream_of};
use crate::{
    Deps,
    db::Connection,
    error::Error,
    stream::{ConsumerConfig, HandlerError, StreamEntry, consume_together},
};

/// Handles events of other domains.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Its name, unique in its domain and never changed: what it has handled is kept by it.
    fn name(&self) -> &'static str;

    /// The topics it wants.
    fn topics(&self) -> &'static [&'static str];

    /// Handles an event in the transaction that also notes it as handled.
    ///
    /// # Errors
    /// The event comes again later; after many failures it is parked.
    async fn handle(&self, connection: &mut Connection, event: &Event) -> Result<(), Error>;

    /// Handles events that came together, in their order, in one transaction that also notes them as
    /// handled. Worth overriding where several events can be done with the statements of one.
    ///
    /// # Errors
    /// Nothing is done then, and the events come again one by one, to [`Consumer::handle`].
    async fn handle_all(&self, connection: &mut Connection, events: &[Event]) -> Result<(), Error> {
        for event in events {
            self.handle(connection, event).await?;
        }
        Ok(())
    }

    /// Called after a transaction has committed: wake-ups, nothing that matters.
    fn committed(&self) {}
}

/// Runs a domain's consumer on the streams of `domains` until `stop`.
pub async fn run_consumers(
    deps: Deps,
    consumer: Arc<dyn Consumer>,
    domains: &[String],
    stop: CancellationToken,
) {
    let runs = domains.iter().map(|domain| {
        let (deps, consumer, stop) = (deps.clone(), Arc::clone(&consumer), stop.clone());
        async move {
            let group = format!("{}.{}", deps.domain, consumer.name());
            let member = deps.new_uuid().to_string();
            let stream = stream_of(domain);
            let redis = deps.redis.clone();
            let together = |entries: Vec<StreamEntry>| {
                let (deps, consumer) = (deps.clone(), Arc::clone(&consumer));
                async move { handle(&deps, &*consumer, &entries).await }
            };
            let one = |entry: StreamEntry| {
                let (deps, consumer) = (deps.clone(), Arc::clone(&consumer));
                async move { handle(&deps, &*consumer, &[entry]).await }
            };
            let config = ConsumerConfig::new(stream, group, member);
            consume_together(redis, config, together, one, stop).await;
        }
    });
    futures::future::join_all(runs).await;
}

async fn handle(
    deps: &Deps,
    consumer: &dyn Consumer,
    entries: &[StreamEntry],
) -> Result<(), HandlerError> {
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let event: Event = serde_json::from_slice(&entry.payload).map_err(HandlerError::reject)?;
        if consumer.topics().contains(&event.topic.as_str()) {
            events.push(event);
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
async fn handle_once(
    deps: &Deps,
    consumer: &dyn Consumer,
    mut events: Vec<Event>,
) -> Result<(), Error> {
    // Always in the order of their ids, so that two members never wait for each other here.
    let mut ids: Vec<uuid::Uuid> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    let mut connection = deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let statement = format!(
                "INSERT INTO {}.inbox (consumer, event_id) SELECT $1, unnest($2) ON CONFLICT DO NOTHING RETURNING event_id",
                deps.domain
            );
            let taken: Vec<Taken> = diesel::sql_query(statement)
                .bind::<Text, _>(consumer.name())
                .bind::<Array<SqlUuid>, _>(ids)
                .load(connection)
                .await
                .map_err(Failure::from)?;
            let mut first: HashSet<_> = taken.into_iter().map(|row| row.event_id).collect();
            events.retain(|event| first.remove(&event.id));
            match events.as_slice() {
                [] => Ok(()),
                [event] => consumer.handle(connection, event).await.map_err(Failure),
                all => consumer.handle_all(connection, all).await.map_err(Failure),
            }
        })
        .await
        .map_err(|Failure(error)| error)?;
    drop(connection);
    consumer.committed();
    Ok(())
}

/// Lets diesel's own failures and ours leave a transaction by the same door.
struct Failure(Error);

impl From<diesel::result::Error> for Failure {
    fn from(cause: diesel::result::Error) -> Self {
        Self(cause.into())
    }
}
