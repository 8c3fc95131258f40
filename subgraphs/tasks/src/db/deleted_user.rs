//! People whose accounts are gone, and what is left of them here.

use atelier_kit::{
    db::Connection,
    id::{Id, Task, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

/// Tasks per statement.
const BATCH: i32 = 500;

/// Notes that accounts are gone.
pub async fn insert(
    tx: &mut Tx,
    users: &[Id<User>],
    now: DateTime<Utc>,
) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.deleted_user (id, deleted_at) SELECT DISTINCT id, $2 FROM unnest($1) AS d (id) ORDER BY id ON CONFLICT DO NOTHING",
    )
    .bind::<Array<SqlUuid>, _>(users)
    .bind::<Timestamptz, _>(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Deletes people's workers, and the grants of these workers' credentials and of credentials for
/// these people's tasks only. What people granted to others stays, without their name.
pub async fn delete_workers(tx: &mut Tx, users: &[Id<User>]) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "WITH gone AS (DELETE FROM tasks.worker WHERE owner = ANY($1) RETURNING access_token) \
         DELETE FROM tasks.worker_grant WHERE owner = ANY($1) OR access_token IN (SELECT access_token FROM gone)",
    )
    .bind::<Array<SqlUuid>, _>(users)
    .execute(tx)
    .await?;
    diesel::sql_query("UPDATE tasks.worker_grant SET granted_by = NULL WHERE granted_by = ANY($1)")
        .bind::<Array<SqlUuid>, _>(users)
        .execute(tx)
        .await
        .map(drop)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Task>,
}

/// Tasks of deleted people that are still to be cancelled: a bounded number of them.
pub async fn unfinished_tasks(connection: &mut Connection) -> diesel::QueryResult<Vec<Id<Task>>> {
    let found: Vec<Found> = diesel::sql_query(format!(
        "SELECT t.id FROM tasks.deleted_user u JOIN tasks.task t ON t.owner = u.id \
         WHERE t.finished_at IS NULL AND t.cancel_requested_at IS NULL LIMIT {BATCH}"
    ))
    .load(connection)
    .await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Takes from finished tasks of deleted people whatever is personal: whose they were, what they were
/// about, what their workers were told, wrote, and gave back. How many: a bounded number.
///
/// What stays (type, queue, state, error code and times) tells nothing about a person. Such a task
/// cannot be tried again.
pub async fn anonymize_tasks(tx: &mut Tx, now: DateTime<Utc>) -> diesel::QueryResult<usize> {
    diesel::sql_query(format!(
        "WITH own AS MATERIALIZED (SELECT t.id FROM tasks.deleted_user u JOIN tasks.task t ON t.owner = u.id \
            WHERE t.finished_at IS NOT NULL ORDER BY t.id LIMIT {BATCH} FOR UPDATE OF t), \
         logs AS (DELETE FROM tasks.task_log l USING own WHERE l.task = own.id), \
         steps AS (DELETE FROM tasks.task_step s USING own WHERE s.task = own.id) \
         UPDATE tasks.task t SET owner = NULL, subject = NULL, payload = 'null', result = NULL, unique_key = NULL, \
            trace = NULL, current_step = NULL, error_message = NULL, forgotten_at = $1 FROM own WHERE t.id = own.id"
    ))
    .bind::<Timestamptz, _>(now)
    .execute(tx)
    .await
}

/// Forgets that accounts are gone, if they went before a time and have no tasks.
pub async fn forget(tx: &mut Tx, before: DateTime<Utc>) -> diesel::QueryResult<usize> {
    diesel::sql_query(
        "DELETE FROM tasks.deleted_user u WHERE deleted_at < $1 AND NOT EXISTS (SELECT FROM tasks.task t WHERE t.owner = u.id)",
    )
    .bind::<Timestamptz, _>(before)
    .execute(tx)
    .await
}
