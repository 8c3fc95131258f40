//! Inserting tasks.

use std::collections::HashSet;

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    db::{Connection, prepared},
    id::{Id, Task, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::task::Changed;

/// Rows to insert, column by column.
#[derive(Debug, Default)]
pub struct NewRows {
    pub id: Vec<Id<Task>>,
    pub task_type: Vec<String>,
    pub queue: Vec<String>,
    pub status: Vec<TaskStatus>,
    pub priority: Vec<i16>,
    pub owner: Vec<Option<Id<User>>>,
    pub subject: Vec<Option<String>>,
    pub payload: Vec<Value>,
    pub unique_key: Vec<Option<String>>,
    pub run_at: Vec<DateTime<Utc>>,
    pub max_attempts: Vec<i16>,
    pub parent: Vec<Option<Id<Task>>>,
    pub requires: Vec<Value>,
    pub children_expected: Vec<i32>,
    pub error_code: Vec<Option<&'static str>>,
    pub error_message: Vec<Option<String>>,
    pub trace: Vec<Option<String>>,
}

/// Inserts tasks; those whose id or unique key is taken are passed over. Returns what was inserted.
///
/// A task that is born final (refused, or part of a cancelled task) finishes at `now`; one that is
/// born running is a group, which has no work of its own.
pub async fn insert(
    tx: &mut Tx,
    rows: NewRows,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Vec<Changed>> {
    let inserted: Vec<Inserted> = prepared(
        "INSERT INTO tasks.task AS t (id, type, queue, status, priority, owner, subject, payload, unique_key, run_at, max_attempts, \
            parent, requires, children_expected, error_code, error_message, trace, created_at, error_at, finished_at, started_at, own_work_done) \
         SELECT id, type, queue, status, priority, owner, subject, payload, unique_key, run_at, max_attempts, \
            parent, requires, children_expected, error_code, error_message, trace, $18, \
            CASE WHEN error_code IS NOT NULL THEN $18 END, \
            CASE WHEN status IN ('FAILED', 'CANCELLED') THEN $18 END, \
            CASE WHEN status = 'RUNNING' THEN $18 END, status = 'RUNNING' \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
            AS d (id, type, queue, status, priority, owner, subject, payload, unique_key, run_at, max_attempts, \
            parent, requires, children_expected, error_code, error_message, trace) \
         ON CONFLICT DO NOTHING RETURNING id",
    )
        .bind::<Array<SqlUuid>, _>(&rows.id)
        .bind::<Array<Text>, _>(&rows.task_type)
        .bind::<Array<Text>, _>(&rows.queue)
        .bind::<Array<Text>, _>(&rows.status)
        .bind::<Array<SmallInt>, _>(&rows.priority)
        .bind::<Array<Nullable<SqlUuid>>, _>(&rows.owner)
        .bind::<Array<Nullable<Text>>, _>(&rows.subject)
        .bind::<Array<Jsonb>, _>(&rows.payload)
        .bind::<Array<Nullable<Text>>, _>(&rows.unique_key)
        .bind::<Array<Timestamptz>, _>(&rows.run_at)
        .bind::<Array<SmallInt>, _>(&rows.max_attempts)
        .bind::<Array<Nullable<SqlUuid>>, _>(&rows.parent)
        .bind::<Array<Jsonb>, _>(&rows.requires)
        .bind::<Array<Integer>, _>(&rows.children_expected)
        .bind::<Array<Nullable<Text>>, _>(&rows.error_code)
        .bind::<Array<Nullable<Text>>, _>(&rows.error_message)
        .bind::<Array<Nullable<Text>>, _>(&rows.trace)
        .bind::<Timestamptz, _>(now)
        .load(tx)
        .await?;
    let inserted = inserted.into_iter().map(|row| row.id).collect();
    Ok(rows.changes(inserted, now))
}

impl NewRows {
    /// The rows that were inserted, as changes: all that they hold is known here. Of several with the
    /// same id, it is the first.
    fn changes(&self, mut inserted: HashSet<Id<Task>>, now: DateTime<Utc>) -> Vec<Changed> {
        let new = self.id.iter().enumerate();
        new.filter(|(_, id)| inserted.remove(*id))
            .map(|(at, id)| Changed {
                id: *id,
                task_type: self.task_type[at].clone(),
                queue: self.queue[at].clone(),
                status: self.status[at],
                owner: self.owner[at],
                subject: self.subject[at].clone(),
                parent: self.parent[at],
                attempt: 0,
                revision: 0,
                progress: 0.0,
                progress_seq: 0,
                current_step: None,
                result: None,
                error_code: self.error_code[at].map(str::to_owned),
                error_message: self.error_message[at].clone(),
                started_at: (self.status[at] == TaskStatus::Running).then_some(now),
            })
            .collect()
    }
}

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = SqlUuid)]
    id: Id<Task>,
}

/// Names the steps of new tasks.
pub async fn insert_steps(
    tx: &mut Tx,
    steps: &[(Id<Task>, i16, String)],
) -> diesel::QueryResult<()> {
    let (tasks, positions, names) = columns(steps);
    prepared(
        "INSERT INTO tasks.task_step (task, position, name) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind::<Array<SqlUuid>, _>(tasks)
    .bind::<Array<SmallInt>, _>(positions)
    .bind::<Array<Text>, _>(names)
    .execute(tx)
    .await
    .map(drop)
}

fn columns(steps: &[(Id<Task>, i16, String)]) -> (Vec<Id<Task>>, Vec<i16>, Vec<&str>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (task, position, name) in steps {
        columns.0.push(*task);
        columns.1.push(*position);
        columns.2.push(name.as_str());
    }
    columns
}

/// A task that stands in the way of a new one.
#[derive(Debug, QueryableByName)]
pub struct Holder {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = Nullable<Text>)]
    pub unique_key: Option<String>,
}

/// The unfinished tasks that hold unique keys, and the tasks that have ids.
pub async fn holders(
    connection: &mut Connection,
    ids: &[Id<Task>],
    keys: &[String],
) -> diesel::QueryResult<Vec<Holder>> {
    diesel::sql_query(
        "SELECT id, unique_key FROM tasks.task WHERE id = ANY($1) \
         UNION SELECT id, unique_key FROM tasks.task WHERE unique_key = ANY($2) \
            AND status IN ('SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING')",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(keys)
    .load(connection)
    .await
}

/// A task that is to get children.
#[derive(Debug, QueryableByName)]
pub struct ParentRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = Text)]
    pub status: TaskStatus,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub cancel_requested_at: Option<DateTime<Utc>>,
}

/// Those of the tasks that exist, locked so that they cannot finish before their new children count.
pub async fn lock_parents(tx: &mut Tx, ids: &[Id<Task>]) -> diesel::QueryResult<Vec<ParentRow>> {
    diesel::sql_query("SELECT id, status, cancel_requested_at FROM tasks.task WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE")
        .bind::<Array<SqlUuid>, _>(ids)
        .load(tx)
        .await
}
