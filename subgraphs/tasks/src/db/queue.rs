//! Queues.

use atelier_kit::{
    db::{Connection, prepared},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

/// A queue with what is in it.
#[derive(Debug, Clone, QueryableByName)]
pub struct QueueRow {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paused_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    pub scheduled: i64,
    #[diesel(sql_type = BigInt)]
    pub queued: i64,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    #[diesel(sql_type = BigInt)]
    pub retrying: i64,
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    /// Since when its longest waiting task could have started.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_queued_at: Option<DateTime<Utc>>,
}

/// The queues with these names, or all of them. There are as many as the code has names for, so the
/// list is short; it ends after 200 all the same.
pub async fn list(
    connection: &mut Connection,
    names: Option<&[String]>,
) -> diesel::QueryResult<Vec<QueueRow>> {
    diesel::sql_query(
        // Each part reads one partial index, never the finished tasks.
        "WITH waiting AS (SELECT queue, \
            sum(n) FILTER (WHERE status = 'SCHEDULED')::bigint AS scheduled, sum(n) FILTER (WHERE status = 'QUEUED')::bigint AS queued, \
            sum(n) FILTER (WHERE status = 'RUNNING')::bigint AS running, sum(n) FILTER (WHERE status = 'RETRYING')::bigint AS retrying, \
            min(oldest) FILTER (WHERE status = 'QUEUED') AS oldest_queued_at \
            FROM (SELECT queue, status, count(*) AS n, min(run_at) AS oldest FROM tasks.task WHERE status = 'QUEUED' GROUP BY queue, status \
                UNION ALL SELECT queue, status, count(*), NULL FROM tasks.task WHERE status IN ('SCHEDULED', 'RETRYING') GROUP BY queue, status \
                UNION ALL SELECT queue, status, count(*), NULL FROM tasks.task WHERE lease_id IS NOT NULL GROUP BY queue, status) parts \
            GROUP BY queue), \
         dead AS (SELECT queue, count(*) AS dead FROM tasks.task WHERE status = 'FAILED' GROUP BY queue) \
         SELECT q.name, q.paused_at, coalesce(w.scheduled, 0) AS scheduled, coalesce(w.queued, 0) AS queued, \
            coalesce(w.running, 0) AS running, coalesce(w.retrying, 0) AS retrying, coalesce(d.dead, 0) AS dead, w.oldest_queued_at \
         FROM tasks.queue q LEFT JOIN waiting w ON w.queue = q.name LEFT JOIN dead d ON d.queue = q.name \
         WHERE $1 IS NULL OR q.name = ANY($1) ORDER BY q.name LIMIT 200",
    )
    .bind::<Nullable<Array<Text>>, _>(names)
    .load(connection)
    .await
}

/// Makes sure that queues are known.
pub async fn ensure(tx: &mut Tx, names: &[String], now: DateTime<Utc>) -> diesel::QueryResult<()> {
    prepared(
        "INSERT INTO tasks.queue (name, created_at) SELECT DISTINCT name, $2 FROM unnest($1) AS d (name) ORDER BY name ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Text>, _>(names)
    .bind::<Timestamptz, _>(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Stops or resumes the leasing of a queue's tasks; `false` if there is no such queue.
pub async fn set_paused(
    tx: &mut Tx,
    name: &str,
    paused_at: Option<DateTime<Utc>>,
) -> diesel::QueryResult<bool> {
    let changed = diesel::sql_query(
        "UPDATE tasks.queue SET paused_at = CASE WHEN $2 IS NULL THEN NULL ELSE coalesce(paused_at, $2) END WHERE name = $1",
    )
    .bind::<Text, _>(name)
    .bind::<Nullable<Timestamptz>, _>(paused_at)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}
