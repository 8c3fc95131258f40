//! Ends of attempts. Every statement is fenced by the lease: an old one changes nothing.

use atelier_kit::transaction::Tx;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::task::{CHANGED, Changed};

/// Attempts that succeeded, column by column.
#[derive(Debug, Default)]
pub struct Successes {
    pub lease: Vec<Uuid>,
    pub result: Vec<Value>,
    pub children_expected: Vec<i32>,
}

/// Notes successes. A task with children that have not all finished goes on running without a
/// lease; [`super::family::settle`] ends it.
pub async fn succeed(
    tx: &mut Tx,
    done: Successes,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET \
            status = CASE WHEN greatest(t.children_total, d.expected) = 0 THEN 'SUCCEEDED' ELSE 'RUNNING' END, \
            finished_at = CASE WHEN greatest(t.children_total, d.expected) = 0 THEN $4 END, \
            progress = CASE WHEN greatest(t.children_total, d.expected) = 0 THEN 1 ELSE t.progress END, \
            result = d.result, own_work_done = true, children_expected = greatest(t.children_expected, d.expected), \
            revision = t.revision + 1, lease_id = NULL, lease_expires_at = NULL \
         FROM unnest($1, $2, $3) AS d (lease, result, expected) \
         WHERE t.lease_id = d.lease RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(done.lease)
        .bind::<Array<Jsonb>, _>(done.result)
        .bind::<Array<Integer>, _>(done.children_expected)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}

/// Attempts that did not succeed, column by column.
#[derive(Debug, Default)]
pub struct Failures {
    pub lease: Vec<Uuid>,
    pub retry: Vec<bool>,
    pub code: Vec<String>,
    pub message: Vec<String>,
    /// Factor on the backoff, from 0.5 to 1.
    pub jitter: Vec<f64>,
    /// How far the attempt came, if it said so lately.
    pub progress: Vec<Option<f64>>,
    pub step: Vec<Option<String>>,
}

/// How long to wait after a failed attempt, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// After the first one; doubles with every further one.
    pub base: f64,
    /// Never longer than this.
    pub max: f64,
}

/// Notes failures: back to waiting while there are attempts left, else to the dead letters. A task
/// that somebody wanted cancelled is cancelled instead.
pub async fn fail(
    tx: &mut Tx,
    failed: Failures,
    backoff: Backoff,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET \
            status = o.status, \
            run_at = CASE WHEN o.status = 'RETRYING' THEN $10::timestamptz + make_interval(secs => \
                least($9, $8 * power(2, t.attempt - 1)) * d.jitter) ELSE t.run_at END, \
            finished_at = CASE WHEN o.status <> 'RETRYING' THEN $10 END, \
            error_code = d.code, error_message = d.message, error_at = $10, error_attempt = t.attempt, \
            progress = coalesce(d.progress, t.progress), current_step = coalesce(d.step, t.current_step), \
            revision = t.revision + 1, lease_id = NULL, lease_expires_at = NULL \
         FROM unnest($1, $2, $3, $4, $5, $6, $7) AS d (lease, retry, code, message, jitter, progress, step) \
         JOIN tasks.task l ON l.lease_id = d.lease \
         CROSS JOIN LATERAL (SELECT CASE WHEN l.cancel_requested_at IS NOT NULL THEN 'CANCELLED' \
            WHEN d.retry AND l.attempt < l.max_attempts THEN 'RETRYING' ELSE 'FAILED' END AS status) o \
         WHERE t.lease_id = d.lease RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(failed.lease)
        .bind::<Array<Bool>, _>(failed.retry)
        .bind::<Array<Text>, _>(failed.code)
        .bind::<Array<Text>, _>(failed.message)
        .bind::<Array<Double>, _>(failed.jitter)
        .bind::<Array<Nullable<Double>>, _>(failed.progress)
        .bind::<Array<Nullable<Text>>, _>(failed.step)
        .bind::<Double, _>(backoff.base)
        .bind::<Double, _>(backoff.max)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}

/// Notes attempts that stopped because their task is to be cancelled.
pub async fn stop(
    tx: &mut Tx,
    leases: &[Uuid],
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET status = 'CANCELLED', finished_at = $2, revision = t.revision + 1, \
            cancel_requested_at = coalesce(t.cancel_requested_at, $2), lease_id = NULL, lease_expires_at = NULL \
         WHERE t.lease_id = ANY($1) RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(leases)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}
