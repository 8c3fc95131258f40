//! How long tasks take.

use atelier_kit::{db::Connection, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

/// What is known of a type of task.
#[derive(Debug, Clone, QueryableByName)]
pub struct TypeRow {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = Integer)]
    pub samples: i32,
    #[diesel(sql_type = BigInt)]
    pub median_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub p95_ms: i64,
}

/// The types with these names, or all of them, by name; at most 500.
pub async fn list(
    connection: &mut Connection,
    names: Option<&[String]>,
) -> diesel::QueryResult<Vec<TypeRow>> {
    diesel::sql_query(
        "SELECT * FROM tasks.task_type WHERE $1 IS NULL OR name = ANY($1) ORDER BY name LIMIT 500",
    )
    .bind::<Nullable<Array<Text>>, _>(names)
    .load(connection)
    .await
}

/// Learns from the tasks that succeeded since a time (the newest 5000 of them at most). Types of
/// which none did keep what was learned before.
pub async fn learn(
    tx: &mut Tx,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> diesel::QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO tasks.task_type (name, queue, samples, median_ms, p95_ms, updated_at) \
         SELECT type, max(queue), count(*), \
            percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::bigint, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)::bigint, $2 \
         FROM (SELECT type, queue, extract(epoch FROM finished_at - started_at) * 1000 AS ms FROM tasks.task \
            WHERE finished_at > $1 AND status = 'SUCCEEDED' AND started_at IS NOT NULL ORDER BY finished_at DESC LIMIT 5000) t \
         GROUP BY type ORDER BY type \
         ON CONFLICT (name) DO UPDATE SET queue = excluded.queue, samples = excluded.samples, median_ms = excluded.median_ms, \
            p95_ms = excluded.p95_ms, updated_at = excluded.updated_at",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<Timestamptz, _>(now)
    .execute(tx)
    .await
}
