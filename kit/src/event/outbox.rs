//! Writing events in the transaction that makes them true.

use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use uuid::Uuid;

use crate::{Deps, db::Connection, error::Error, telemetry};

/// A fact to be published.
#[derive(Debug, Clone)]
pub struct NewEvent<'a, P> {
    /// What happened: `asset.created`.
    pub topic: &'a str,
    /// What it happened to or for.
    pub key: String,
    /// Further ids to which it matters, none with a space in it.
    pub concerns: Vec<String>,
    /// The details.
    pub payload: P,
}

/// Writes an event to the domain's outbox, on the connection of the transaction it belongs to.
///
/// # Errors
/// Whatever the insert fails with; the transaction is lost then.
pub async fn emit<P: Serialize>(
    connection: &mut Connection,
    deps: &Deps,
    event: NewEvent<'_, P>,
) -> Result<(), Error> {
    emit_all(connection, deps, vec![event]).await
}

/// Writes several events in one statement.
///
/// # Errors
/// Whatever the insert fails with; the transaction is lost then.
pub async fn emit_all<P: Serialize>(
    connection: &mut Connection,
    deps: &Deps,
    events: Vec<NewEvent<'_, P>>,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let trace = telemetry::propagate::traceparent();
    let mut ids = Vec::with_capacity(events.len());
    let mut topics = Vec::with_capacity(events.len());
    let mut keys = Vec::with_capacity(events.len());
    // PostgreSQL has no arrays of arrays of different lengths: each row's ids travel as one text.
    let mut concerns = Vec::with_capacity(events.len());
    let mut payloads = Vec::with_capacity(events.len());
    for event in events {
        ids.push(deps.new_uuid());
        topics.push(event.topic.to_owned());
        keys.push(event.key);
        concerns.push(event.concerns.join(" "));
        payloads.push(serde_json::to_value(event.payload)?);
    }
    let statement = format!(
        "INSERT INTO {}.outbox (event_id, topic, key, concerns, payload, trace, occurred_at) \
         SELECT unnest($1), unnest($2), unnest($3), string_to_array(unnest($4), ' '), unnest($5), $6, $7",
        deps.domain
    );
    diesel::sql_query(statement)
        .bind::<diesel::sql_types::Array<SqlUuid>, Vec<Uuid>>(ids)
        .bind::<diesel::sql_types::Array<Text>, _>(topics)
        .bind::<diesel::sql_types::Array<Text>, _>(keys)
        .bind::<diesel::sql_types::Array<Text>, _>(concerns)
        .bind::<diesel::sql_types::Array<Jsonb>, _>(payloads)
        .bind::<Nullable<Text>, _>(trace)
        .bind::<Timestamptz, _>(deps.clock.now())
        .execute(connection)
        .await?;
    Ok(())
}
