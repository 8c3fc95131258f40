//! Cancelling.

use atelier_kit::{
    id::{Id, Task},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::task::{CHANGED, Changed};

/// Cancels tasks that nobody works on, and notes the wish on those that somebody does.
///
/// Returns what changed, in its new state: `RUNNING` means that the worker has been asked to stop,
/// or that children are still to end.
pub async fn cancel(
    tx: &mut Tx,
    ids: &[Id<Task>],
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET \
            status = CASE WHEN t.status = 'RUNNING' THEN 'RUNNING' ELSE 'CANCELLED' END, \
            finished_at = CASE WHEN t.status = 'RUNNING' THEN NULL ELSE $2 END, \
            cancel_requested_at = $2, revision = t.revision + 1 \
         WHERE t.id = ANY($1) AND t.status IN ('SCHEDULED', 'QUEUED', 'RETRYING', 'RUNNING') AND t.cancel_requested_at IS NULL \
         RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}
