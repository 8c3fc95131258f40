//! Publishing a domain's outbox to its Redis stream: in order, and each event once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use redis::streams::StreamRangeReply;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Deps,
    db::Connection,
    error::{Error, ErrorCode},
    event::stream_of,
};

/// Events per round.
const BATCH: i64 = 500;
/// Events a stream keeps, about; subscribers that were away for longer start anew.
pub const STREAM_LENGTH: usize = 100_000;
/// Without a wake-up the outbox is looked at this often: events of a process that died between its
/// commit and its relay are found then.
const POLL: Duration = Duration::from_secs(1);
/// Pause until events that an older transaction holds up are looked at again.
const UNSETTLED: Duration = Duration::from_millis(3);
/// Pause after a failure, so that a dead Redis costs nothing.
const PAUSE: Duration = Duration::from_millis(250);

/// Publishes one domain's outbox.
pub struct Relay {
    deps: Deps,
}

#[derive(QueryableByName)]
struct OutboxRow {
    #[diesel(sql_type = Text)]
    tx: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Array<Text>)]
    concerns: Vec<String>,
    /// JSON as PostgreSQL writes it. It is passed on unread: what one event holds must not keep
    /// others from being published.
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = Nullable<Text>)]
    trace: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    settled: bool,
}

impl OutboxRow {
    /// The entry's id in the stream: as ordered as the outbox, so that Redis itself refuses to take
    /// an event twice.
    fn entry_id(&self) -> String {
        format!("{}-{}", self.tx, self.id)
    }

    fn into_payload(self, domain: &str) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Published {
            id: self.event_id,
            domain,
            topic: &self.topic,
            key: &self.key,
            concerns: &self.concerns,
            payload: RawValue::from_string(self.payload)?,
            trace: self.trace.as_deref(),
            occurred_at: self.occurred_at,
        })
    }
}

/// An [`Event`](crate::event::Event) as it is written.
#[derive(Serialize)]
struct Published<'a> {
    id: Uuid,
    domain: &'a str,
    topic: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    concerns: &'a [String],
    payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
    occurred_at: DateTime<Utc>,
}

impl Relay {
    /// A relay for the domain of `deps`.
    pub fn new(deps: Deps) -> Self {
        Self { deps }
    }

    /// Publishes until `stop`, then once more what is left.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.drain().await {
                tracing::warn!(target: "outbox", domain = self.deps.domain, cause = error.cause_chain(), "events wait in the outbox");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
            tokio::select! {
                () = stop.cancelled() => {
                    let _ = self.drain().await;
                    return;
                }
                () = self.deps.db.written() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Publishes everything that is in the outbox now.
    ///
    /// # Errors
    /// `UNAVAILABLE` if PostgreSQL or Redis does not answer; nothing is lost, the events stay.
    pub async fn drain(&self) -> Result<(), Error> {
        let mut connection = self.deps.db.read().await?;
        // One relay per domain at a time keeps the order. The lock belongs to the connection's
        // session: it goes when the process dies.
        let lock = format!("hashtext('atelier:relay:{}')", self.deps.domain);
        diesel::sql_query(format!("SELECT pg_advisory_lock({lock})"))
            .execute(&mut connection)
            .await?;
        let drained = self.drain_locked(&mut connection).await;
        diesel::sql_query(format!("SELECT pg_advisory_unlock({lock})"))
            .execute(&mut connection)
            .await?;
        drained
    }

    async fn drain_locked(&self, connection: &mut Connection) -> Result<(), Error> {
        let give_up = tokio::time::Instant::now() + POLL;
        loop {
            let mut rows = self.fetch(connection).await?;
            let fetched = rows.len();
            rows.retain(|row| row.settled);
            if let Some(last) = rows.last() {
                let (tx, id, all) = (
                    last.tx.clone(),
                    last.id,
                    rows.len() == fetched && (fetched as i64) < BATCH,
                );
                self.publish(rows).await?;
                self.forget(connection, tx, id).await?;
                if all {
                    return Ok(());
                }
            } else if fetched == 0 || tokio::time::Instant::now() > give_up {
                return Ok(());
            } else {
                // An older transaction is still at work: it may yet add an event before these.
                tokio::time::sleep(UNSETTLED).await;
            }
        }
    }

    async fn fetch(&self, connection: &mut Connection) -> Result<Vec<OutboxRow>, Error> {
        let statement = format!(
            "SELECT tx::text AS tx, id, event_id, topic, key, concerns, payload::text AS payload, trace, occurred_at, \
             tx < pg_snapshot_xmin(pg_current_snapshot()) AS settled \
             FROM {}.outbox ORDER BY outbox.tx, id LIMIT {BATCH}",
            self.deps.domain
        );
        Ok(diesel::sql_query(statement).load(connection).await?)
    }

    async fn forget(&self, connection: &mut Connection, tx: String, id: i64) -> Result<(), Error> {
        let statement = format!(
            "DELETE FROM {}.outbox WHERE (tx, id) <= ($1::xid8, $2)",
            self.deps.domain
        );
        diesel::sql_query(statement)
            .bind::<Text, _>(tx)
            .bind::<BigInt, _>(id)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn publish(&self, rows: Vec<OutboxRow>) -> Result<(), Error> {
        let stream = self.deps.redis.key(stream_of(self.deps.domain));
        let mut pipe = redis::pipe();
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let (entry, event_id) = (row.entry_id(), row.event_id.to_string());
            let payload = row.into_payload(self.deps.domain)?;
            pipe.cmd("XADD")
                .arg(&stream)
                .arg("MAXLEN")
                .arg("~")
                .arg(STREAM_LENGTH)
                .arg(&entry)
                .arg("id")
                .arg(&event_id)
                .arg("data")
                .arg(&payload);
            entries.push((entry, event_id, payload));
        }
        pipe.ignore_errors();
        let mut commands = self.deps.redis.commands();
        let answers: Vec<redis::RedisResult<String>> = pipe
            .query_async(&mut commands)
            .await
            .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))?;
        for ((entry, event_id, payload), answer) in entries.into_iter().zip(answers) {
            if let Err(cause) = answer {
                self.settle(&stream, &entry, &event_id, &payload, cause)
                    .await?;
            }
        }
        Ok(())
    }

    /// An id that Redis refuses is either in the stream already, published by a relay that died
    /// before it could say so, or older than the stream's end, which happens when the database was
    /// restored from a backup into a new server: the event then takes the next free id.
    async fn settle(
        &self,
        stream: &str,
        entry: &str,
        event_id: &str,
        payload: &[u8],
        cause: redis::RedisError,
    ) -> Result<(), Error> {
        if !cause.to_string().contains("equal or smaller") {
            return Err(Error::caused(ErrorCode::Unavailable, cause));
        }
        let mut commands = self.deps.redis.commands();
        let present: StreamRangeReply = redis::cmd("XRANGE")
            .arg(stream)
            .arg(entry)
            .arg(entry)
            .query_async(&mut commands)
            .await?;
        if present.ids.is_empty() {
            let newest: StreamRangeReply = redis::cmd("XREVRANGE")
                .arg(stream)
                .arg("+")
                .arg("-")
                .arg("COUNT")
                .arg(1)
                .query_async(&mut commands)
                .await?;
            let head = newest
                .ids
                .as_slice()
                .first()
                .and_then(|entry| entry.id.split('-').next())
                .unwrap_or("0");
            redis::cmd("XADD")
                .arg(stream)
                .arg(format!("{head}-*"))
                .arg("id")
                .arg(event_id)
                .arg("data")
                .arg(payload)
                .query_async::<String>(&mut commands)
                .await?;
        }
        Ok(())
    }
}
