//! What time brings: tasks that fall due, leases that run out, tasks that are old enough to forget.

use atelier_kit::transaction::Tx;
use chrono::{DateTime, Utc};
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

use super::task::{CHANGED, Changed};

/// Tasks per statement.
const BATCH: i32 = 500;

/// Queues tasks whose time has come.
pub async fn promote(tx: &mut Tx, now: DateTime<Utc>) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "WITH due AS MATERIALIZED (SELECT id FROM tasks.task WHERE status IN ('SCHEDULED', 'RETRYING') AND run_at <= $1 \
            ORDER BY run_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED) \
         UPDATE tasks.task t SET status = 'QUEUED', revision = t.revision + 1 FROM due WHERE t.id = due.id RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}

/// Takes tasks from workers that have not been heard of: back to the queue, unless the attempts are
/// used up or the task is to be cancelled.
pub async fn expire(tx: &mut Tx, now: DateTime<Utc>) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "WITH lost AS MATERIALIZED (SELECT id FROM tasks.task WHERE lease_id IS NOT NULL AND lease_expires_at <= $1 \
            ORDER BY lease_expires_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED) \
         UPDATE tasks.task t SET \
            status = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'CANCELLED' \
                WHEN t.attempt < t.max_attempts THEN 'QUEUED' ELSE 'FAILED' END, \
            finished_at = CASE WHEN t.cancel_requested_at IS NOT NULL OR t.attempt >= t.max_attempts THEN $1 END, \
            error_code = 'LEASE_EXPIRED', error_message = 'The worker was not heard of any more.', error_at = $1, error_attempt = t.attempt, \
            revision = t.revision + 1, lease_id = NULL, lease_expires_at = NULL, worker = NULL \
         FROM lost WHERE t.id = lost.id RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}

/// Forgets finished tasks of nobody's interest any more; dead letters are kept longer. Children go
/// with their parents, never before them.
pub async fn forget(
    tx: &mut Tx,
    finished_before: DateTime<Utc>,
    failed_before: DateTime<Utc>,
) -> diesel::QueryResult<usize> {
    let statement = format!(
        "DELETE FROM tasks.task WHERE id IN (SELECT id FROM tasks.task WHERE parent IS NULL AND finished_at < $1 \
            AND (status <> 'FAILED' OR finished_at < $2) ORDER BY finished_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED)"
    );
    diesel::sql_query(statement)
        .bind::<Timestamptz, _>(finished_before)
        .bind::<Timestamptz, _>(failed_before)
        .execute(tx)
        .await
}
