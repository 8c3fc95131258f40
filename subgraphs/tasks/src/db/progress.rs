//! Storing how far tasks are.

use atelier_kit::{
    id::{Id, Task},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// Progress to store, column by column.
#[derive(Debug, Default)]
pub struct ProgressRows {
    pub lease: Vec<Uuid>,
    pub progress: Vec<f64>,
    pub step: Vec<Option<String>>,
    pub seq: Vec<i32>,
    pub eta_ms: Vec<Option<i64>>,
}

/// Stores progress of leases that still hold.
pub async fn save(tx: &mut Tx, rows: ProgressRows, now: DateTime<Utc>) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "UPDATE tasks.task t SET progress = d.progress, current_step = d.step, progress_seq = d.seq, \
            eta_ms = d.eta_ms, eta_at = CASE WHEN d.eta_ms IS NULL THEN NULL ELSE $6 END \
         FROM unnest($1, $2, $3, $4, $5) AS d (lease, progress, step, seq, eta_ms) \
         WHERE t.lease_id = d.lease AND t.progress_seq < d.seq",
    )
    .bind::<Array<SqlUuid>, _>(rows.lease)
    .bind::<Array<Double>, _>(rows.progress)
    .bind::<Array<Nullable<Text>>, _>(rows.step)
    .bind::<Array<Integer>, _>(rows.seq)
    .bind::<Array<Nullable<BigInt>>, _>(rows.eta_ms)
    .bind::<Timestamptz, _>(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Steps that a task has at most; further ones are not noted.
const STEPS: i64 = 200;

/// A task came to a step: ends the one before, and adds the step if nobody named it beforehand.
pub async fn enter_steps(
    tx: &mut Tx,
    steps: &[(Id<Task>, Uuid, String, DateTime<Utc>)],
) -> diesel::QueryResult<()> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (task, lease, name, at) in steps {
        columns.0.push(*task);
        columns.1.push(*lease);
        columns.2.push(name.as_str());
        columns.3.push(*at);
    }
    diesel::sql_query(format!(
        "WITH d AS (SELECT d.task, d.name, d.at FROM unnest($1, $2, $3, $4) AS d (task, lease, name, at) \
            JOIN tasks.task t ON t.id = d.task AND t.lease_id = d.lease), \
         ended AS (UPDATE tasks.task_step s SET finished_at = d.at FROM (SELECT task, min(at) AS at FROM d GROUP BY task) d \
            WHERE s.task = d.task AND s.started_at IS NOT NULL AND s.finished_at IS NULL \
            AND NOT EXISTS (SELECT FROM d same WHERE same.task = s.task AND same.name = s.name)) \
         INSERT INTO tasks.task_step AS s (task, position, name, started_at) \
         SELECT DISTINCT ON (d.task, d.name) d.task, \
            (SELECT coalesce(max(o.position), 0) + 1 FROM tasks.task_step o WHERE o.task = d.task), d.name, d.at FROM d \
            WHERE (SELECT count(*) FROM tasks.task_step o WHERE o.task = d.task) < {STEPS} ORDER BY d.task, d.name, d.at \
         ON CONFLICT (task, name) DO UPDATE SET started_at = coalesce(s.started_at, excluded.started_at), finished_at = NULL",
    ))
    .bind::<Array<SqlUuid>, _>(columns.0)
    .bind::<Array<SqlUuid>, _>(columns.1)
    .bind::<Array<Text>, _>(columns.2)
    .bind::<Array<Timestamptz>, _>(columns.3)
    .execute(tx)
    .await
    .map(drop)
}
