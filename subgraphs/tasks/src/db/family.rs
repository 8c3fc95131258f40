//! Parents and children.

use atelier_kit::{
    db::Connection,
    id::{Id, Task},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Bool, Integer, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use super::task::{CHANGED, Changed};

/// How the counts of a parent change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    pub total: i32,
    pub finished: i32,
    pub failed: i32,
}

/// Changes the counts of parents, and their progress where they have no work of their own left.
///
/// Parents are locked in the order of their ids, so that two batches cannot wait for each other.
/// Returns those whose progress moved.
pub async fn count(tx: &mut Tx, deltas: &[(Id<Task>, Delta)]) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "WITH d AS (SELECT * FROM unnest($1, $2, $3, $4) AS d (id, total, finished, failed)), \
            locked AS MATERIALIZED (SELECT id FROM tasks.task WHERE id IN (SELECT id FROM d) ORDER BY id FOR NO KEY UPDATE) \
         UPDATE tasks.task t SET children_total = t.children_total + d.total, \
            children_finished = t.children_finished + d.finished, children_failed = t.children_failed + d.failed, \
            progress = CASE WHEN t.own_work_done THEN (t.children_finished + d.finished)::float8 \
                / greatest(t.children_total + d.total, t.children_expected, 1) ELSE t.progress END, \
            progress_seq = t.progress_seq + 1 \
         FROM d JOIN locked ON locked.id = d.id WHERE t.id = d.id RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(deltas.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(
            deltas
                .iter()
                .map(|(_, delta)| delta.total)
                .collect::<Vec<_>>(),
        )
        .bind::<Array<Integer>, _>(
            deltas
                .iter()
                .map(|(_, delta)| delta.finished)
                .collect::<Vec<_>>(),
        )
        .bind::<Array<Integer>, _>(
            deltas
                .iter()
                .map(|(_, delta)| delta.failed)
                .collect::<Vec<_>>(),
        )
        .load(tx)
        .await
}

/// Ends those of the tasks whose own work and whose children are all done.
pub async fn settle(
    tx: &mut Tx,
    ids: &[Id<Task>],
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET \
            status = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'CANCELLED' \
                WHEN t.children_failed = 0 THEN 'SUCCEEDED' \
                WHEN t.children_failed < t.children_finished THEN 'PARTIALLY_SUCCEEDED' ELSE 'FAILED' END, \
            error_code = CASE WHEN t.children_failed > 0 AND t.children_failed = t.children_finished THEN 'CHILDREN_FAILED' ELSE t.error_code END, \
            error_message = CASE WHEN t.children_failed > 0 AND t.children_failed = t.children_finished \
                THEN 'All parts of this task failed.' ELSE t.error_message END, \
            error_at = CASE WHEN t.children_failed > 0 AND t.children_failed = t.children_finished THEN $2 ELSE t.error_at END, \
            finished_at = $2, revision = t.revision + 1 \
         WHERE t.id = ANY($1) AND t.status = 'RUNNING' AND t.own_work_done AND t.lease_id IS NULL \
            AND (t.children_finished >= greatest(t.children_total, t.children_expected) \
                OR (t.cancel_requested_at IS NOT NULL AND t.children_finished >= t.children_total)) \
         RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await
}

/// Sets tasks that had finished running again because a child of theirs is tried again.
pub async fn reopen(tx: &mut Tx, ids: &[Id<Task>]) -> diesel::QueryResult<Vec<Changed>> {
    let statement = format!(
        "UPDATE tasks.task t SET status = 'RUNNING', finished_at = NULL, cancel_requested_at = NULL, \
            error_code = NULL, error_message = NULL, error_at = NULL, revision = t.revision + 1 \
         WHERE t.id = ANY($1) AND t.own_work_done AND t.status IN ('PARTIALLY_SUCCEEDED', 'FAILED', 'CANCELLED') \
         RETURNING {CHANGED}"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(ids)
        .load(tx)
        .await
}

/// A member of a family.
#[derive(Debug, Clone, QueryableByName)]
pub struct Member {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    /// How far down from the asked task.
    #[diesel(sql_type = Integer)]
    pub depth: i32,
    #[diesel(sql_type = Bool)]
    pub unfinished: bool,
}

/// The deepest family that is followed.
pub const DEPTH: i32 = 8;

/// A task with all that descends from it.
pub async fn descendants(
    connection: &mut Connection,
    roots: &[Id<Task>],
) -> diesel::QueryResult<Vec<Member>> {
    let statement = format!(
        "WITH RECURSIVE family AS ( \
            SELECT id, 0 AS depth, finished_at IS NULL AS unfinished FROM tasks.task WHERE id = ANY($1) \
            UNION ALL \
            SELECT t.id, f.depth + 1, t.finished_at IS NULL FROM tasks.task t JOIN family f ON t.parent = f.id WHERE f.depth < {DEPTH}) \
         SELECT id, depth, unfinished FROM family ORDER BY depth DESC, id"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(roots)
        .load(connection)
        .await
}
