//! Lines that workers write about tasks.

use atelier_kit::{
    db::Connection,
    id::{Id, Task},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

/// A line of a task's log.
#[derive(Debug, Clone, QueryableByName)]
pub struct LogRow {
    #[diesel(sql_type = SqlUuid)]
    pub task: Id<Task>,
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub line: String,
}

/// Lines that a task keeps; older ones go.
pub const KEPT: i64 = 1000;

/// Appends lines to the logs of leases that still hold.
pub async fn append(
    tx: &mut Tx,
    lines: &[(Uuid, DateTime<Utc>, String)],
) -> diesel::QueryResult<()> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (lease, at, line) in lines {
        columns.0.push(*lease);
        columns.1.push(*at);
        columns.2.push(line.as_str());
    }
    diesel::sql_query(
        "INSERT INTO tasks.task_log (task, attempt, at, line) SELECT t.id, t.attempt, d.at, d.line \
         FROM unnest($1, $2, $3) WITH ORDINALITY AS d (lease, at, line, nth) JOIN tasks.task t ON t.lease_id = d.lease ORDER BY d.nth",
    )
    .bind::<Array<SqlUuid>, _>(columns.0)
    .bind::<Array<Timestamptz>, _>(columns.1)
    .bind::<Array<Text>, _>(columns.2)
    .execute(tx)
    .await
    .map(drop)
}

/// The last lines of each task's log, oldest first.
pub async fn tails(
    connection: &mut Connection,
    tasks: &[Id<Task>],
    tail: i32,
) -> diesel::QueryResult<Vec<LogRow>> {
    let statement = format!(
        "SELECT l.task, l.attempt, l.at, l.line FROM unnest($1) AS d (task) CROSS JOIN LATERAL \
            (SELECT * FROM tasks.task_log l WHERE l.task = d.task ORDER BY l.id DESC LIMIT {tail}) l ORDER BY l.task, l.id"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(tasks)
        .load(connection)
        .await
}

/// Cuts the logs of running tasks to [`KEPT`] lines.
pub async fn trim(tx: &mut Tx) -> diesel::QueryResult<usize> {
    diesel::sql_query(format!(
        "DELETE FROM tasks.task_log l USING (SELECT t.id AS task, k.id AS oldest FROM tasks.task t CROSS JOIN LATERAL \
            (SELECT l.id FROM tasks.task_log l WHERE l.task = t.id ORDER BY l.id DESC OFFSET {KEPT} LIMIT 1) k \
            WHERE t.lease_id IS NOT NULL) k WHERE l.task = k.task AND l.id <= k.oldest"
    ))
    .execute(tx)
    .await
}
