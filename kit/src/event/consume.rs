//! Handling the events of other domains, each once.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use tokio_util::sync::CancellationToken;

use super::{Event, stream_of};
use crate::{
    Deps,
    db::Connection,
    error::Error,
    stream::{ConsumerConfig, HandlerError, StreamEntry, consume},
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

    /// Called after the transaction has committed: wake-ups, nothing that matters.
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
            let handler = move |entry: StreamEntry| {
                let (deps, consumer) = (deps.clone(), Arc::clone(&consumer));
                async move { handle(&deps, &*consumer, &entry).await }
            };
            consume(
                redis,
                ConsumerConfig::new(stream, group, member),
                handler,
                stop,
            )
            .await;
        }
    });
    futures::future::join_all(runs).await;
}

async fn handle(
    deps: &Deps,
    consumer: &dyn Consumer,
    entry: &StreamEntry,
) -> Result<(), HandlerError> {
    let event: Event = serde_json::from_slice(&entry.payload).map_err(HandlerError::reject)?;
    if !consumer.topics().contains(&event.topic.as_str()) {
        return Ok(());
    }
    handle_once(deps, consumer, &event).await.map_err(|error| {
        HandlerError::retry(error.cause_chain().unwrap_or_else(|| error.to_string()))
    })
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = SqlUuid)]
    #[expect(dead_code, reason = "only whether a row came back matters")]
    event_id: uuid::Uuid,
}

async fn handle_once(deps: &Deps, consumer: &dyn Consumer, event: &Event) -> Result<(), Error> {
    let mut connection = deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let statement = format!(
                "INSERT INTO {}.inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id",
                deps.domain
            );
            let first: Vec<Taken> = diesel::sql_query(statement)
                .bind::<Text, _>(consumer.name())
                .bind::<SqlUuid, _>(event.id)
                .load(connection)
                .await
                .map_err(Failure::from)?;
            if first.is_empty() {
                return Ok(());
            }
            consumer.handle(connection, event).await.map_err(Failure)
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
