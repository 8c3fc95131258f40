//! Writing events in the transaction of the change.

use diesel::sql_types::{Array, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Deps,
    db::{Connection, prepared},
    error::Error,
    event::Fact,
    telemetry,
};

/// A fact on its way to the outbox.
pub(super) struct NewEvent {
    topic: &'static str,
    key: String,
    concerns: Vec<String>,
    payload: serde_json::Result<Value>,
}

impl NewEvent {
    pub(super) fn of<F: Fact>(fact: &F) -> Self {
        Self {
            topic: fact.topic(),
            key: fact.key(),
            concerns: fact.concerns(),
            payload: fact.payload(),
        }
    }
}

/// Writes events to the domain's outbox in one statement, in the transaction that they belong to;
/// returns how many.
///
/// # Errors
/// Those of the insert; the transaction has failed then.
pub(super) async fn insert(
    connection: &mut Connection,
    deps: &Deps,
    events: Vec<NewEvent>,
) -> Result<usize, Error> {
    if events.is_empty() {
        return Ok(0);
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(events.len());
    let mut topics = Vec::with_capacity(events.len());
    let mut keys = Vec::with_capacity(events.len());
    let mut concerns = Vec::with_capacity(events.len());
    let mut payloads = Vec::with_capacity(events.len());
    for event in events {
        ids.push(deps.new_uuid());
        topics.push(event.topic);
        keys.push(event.key);
        concerns.push(event.concerns.join(" "));
        payloads.push(event.payload?);
    }
    // An array of arrays must be rectangular, so the ids are passed as one text; they contain no
    // spaces.
    let statement = format!(
        "INSERT INTO {}.outbox (event_id, topic, key, concerns, payload, trace, occurred_at) \
         SELECT event_id, topic, key, string_to_array(concerns, ' '), payload, $6, $7 \
         FROM unnest($1, $2, $3, $4, $5) AS event (event_id, topic, key, concerns, payload)",
        deps.domain
    );
    Ok(prepared(statement)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Text>, _>(topics)
        .bind::<Array<Text>, _>(keys)
        .bind::<Array<Text>, _>(concerns)
        .bind::<Array<Jsonb>, _>(payloads)
        .bind::<Nullable<Text>, _>(telemetry::propagate::traceparent())
        .bind::<Timestamptz, _>(deps.clock.now())
        .execute(connection)
        .await?)
}
