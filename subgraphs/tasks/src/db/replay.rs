//! Trying finished tasks again.

use atelier_kit::{
    db::Connection,
    id::{Id, Task},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::task::{CHANGED, Changed};

/// Locks those of the tasks that failed or were cancelled.
pub async fn lock(tx: &mut Tx, ids: &[Id<Task>]) -> diesel::QueryResult<Vec<Id<Task>>> {
    let found: Vec<Found> = diesel::sql_query(
        "SELECT id FROM tasks.task WHERE id = ANY($1) AND status IN ('FAILED', 'CANCELLED') \
            AND forgotten_at IS NULL AND NOT (own_work_done AND children_total > 0) ORDER BY id FOR NO KEY UPDATE",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(tx)
    .await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Queues tasks again with all their attempts, and with a new payload where one is given. One whose
/// unique key is held by another task stays as it is.
pub async fn requeue(
    tx: &mut Tx,
    ids: &[Id<Task>],
    payload: Option<&Value>,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET status = 'QUEUED', attempt = 0, run_at = $2, finished_at = NULL, cancel_requested_at = NULL, \
            progress = 0, progress_seq = 0, current_step = NULL, own_work_done = false, payload = coalesce($3, t.payload), \
            revision = t.revision + 1 \
         WHERE t.id = ANY($1) AND (t.unique_key IS NULL OR NOT EXISTS (SELECT FROM tasks.task o WHERE o.unique_key = t.unique_key \
            AND o.status IN ('SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING'))) \
         RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Jsonb>, _>(payload)
        .load(tx)
        .await
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Task>,
}

/// The oldest dead letters of a queue (of all, without one) and type.
pub async fn dead_letters(
    connection: &mut Connection,
    queue: Option<&str>,
    task_type: Option<&str>,
    limit: i32,
) -> diesel::QueryResult<Vec<Id<Task>>> {
    let found: Vec<Found> = diesel::sql_query(format!(
        "SELECT id FROM tasks.task WHERE status = 'FAILED' AND forgotten_at IS NULL AND NOT (own_work_done AND children_total > 0) \
         AND ($1 IS NULL OR queue = $1) AND ($2 IS NULL OR type = $2) ORDER BY id LIMIT {limit}"
    ))
    .bind::<Nullable<Text>, _>(queue)
    .bind::<Nullable<Text>, _>(task_type)
    .load(connection)
    .await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// The failed and cancelled children of a task.
pub async fn failed_children(
    connection: &mut Connection,
    parent: Id<Task>,
) -> diesel::QueryResult<Vec<Id<Task>>> {
    let found: Vec<Found> =
        diesel::sql_query("SELECT id FROM tasks.task WHERE parent = $1 AND status IN ('FAILED', 'CANCELLED') ORDER BY id")
            .bind::<SqlUuid, _>(parent)
            .load(connection)
            .await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Changes the priority of a task that is not finished.
pub async fn set_priority(tx: &mut Tx, id: Id<Task>, priority: i16) -> diesel::QueryResult<usize> {
    diesel::sql_query("UPDATE tasks.task SET priority = $2 WHERE id = $1 AND finished_at IS NULL")
        .bind::<SqlUuid, _>(id)
        .bind::<SmallInt, _>(priority)
        .execute(tx)
        .await
}
