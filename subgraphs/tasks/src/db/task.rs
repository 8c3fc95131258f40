//! Reading tasks.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    db::Connection,
    id::{Id, Task, User},
    page::{Listed, PageRequest},
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{
        Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz,
        Uuid as SqlUuid,
    },
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

/// A task as it stands.
#[derive(Debug, Clone, QueryableByName)]
pub struct TaskRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = Text)]
    pub status: TaskStatus,
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner: Option<Id<User>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub subject: Option<String>,
    #[diesel(sql_type = Jsonb)]
    pub payload: Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub result: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    pub unique_key: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub run_at: DateTime<Utc>,
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    #[diesel(sql_type = SmallInt)]
    pub max_attempts: i16,
    #[diesel(sql_type = Integer)]
    pub revision: i32,
    #[diesel(sql_type = Double)]
    pub progress: f64,
    #[diesel(sql_type = Nullable<Text>)]
    pub current_step: Option<String>,
    #[diesel(sql_type = Integer)]
    pub progress_seq: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub eta_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub eta_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_message: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub error_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub error_attempt: Option<i16>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub lease_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub lease_expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub cancel_requested_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub parent: Option<Id<Task>>,
    #[diesel(sql_type = Integer)]
    pub children_total: i32,
    #[diesel(sql_type = Integer)]
    pub children_finished: i32,
}

impl Listed for TaskRow {
    const LIST: &'static str = "tasks";
    type Key = Id<Task>;

    fn key(&self) -> Self::Key {
        self.id
    }
}

/// What a change of state returns: enough to tell everybody about it.
pub const CHANGED: &str = "t.id, t.type, t.queue, t.status, t.owner, t.subject, t.parent, t.attempt, t.revision, t.progress, t.progress_seq, \
     t.current_step, t.result, t.error_code, t.error_message, t.started_at";

/// A task that has just changed its state.
#[derive(Debug, Clone, QueryableByName)]
pub struct Changed {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Text)]
    pub queue: String,
    #[diesel(sql_type = Text)]
    pub status: TaskStatus,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner: Option<Id<User>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub subject: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub parent: Option<Id<Task>>,
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    #[diesel(sql_type = Integer)]
    pub revision: i32,
    #[diesel(sql_type = Double)]
    pub progress: f64,
    #[diesel(sql_type = Integer)]
    pub progress_seq: i32,
    #[diesel(sql_type = Nullable<Text>)]
    pub current_step: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub result: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_message: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
}

/// The tasks with these ids that exist, in no particular order.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<Task>],
) -> diesel::QueryResult<Vec<TaskRow>> {
    diesel::sql_query("SELECT * FROM tasks.task WHERE id = ANY($1)")
        .bind::<Array<SqlUuid>, _>(ids)
        .load(connection)
        .await
}

/// The task with this id.
pub async fn find(
    connection: &mut Connection,
    id: Id<Task>,
) -> diesel::QueryResult<Option<TaskRow>> {
    Ok(by_ids(connection, &[id]).await?.pop())
}

/// Which tasks a list is about; an empty list of states or types means any.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this user.
    pub owner: Option<Id<User>>,
    /// Only the parts of this task.
    pub parent: Option<Id<Task>>,
    /// Only those in one of these states.
    pub statuses: Vec<TaskStatus>,
    /// Only those of one of these types.
    pub types: Vec<String>,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those about this thing.
    pub subject: Option<String>,
}

/// The conditions of a list. What is not asked for is left out, so that the planner sees which
/// index serves; there are few enough forms for the statement cache.
fn conditions(filter: &Filter) -> String {
    let mut sql = String::from("TRUE");
    let mut and = |wanted: bool, condition: &str| {
        if wanted {
            sql.push_str(" AND ");
            sql.push_str(condition);
        }
    };
    and(filter.owner.is_some(), "owner = $1");
    and(filter.parent.is_some(), "parent = $2");
    and(!filter.statuses.is_empty(), "status = ANY($3)");
    and(!filter.types.is_empty(), "type = ANY($4)");
    and(filter.queue.is_some(), "queue = $5");
    and(filter.subject.is_some(), "subject = $6");
    sql
}

macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind::<Nullable<SqlUuid>, _>($filter.owner.map(Id::uuid))
            .bind::<Nullable<SqlUuid>, _>($filter.parent.map(Id::uuid))
            .bind::<Nullable<Array<Text>>, _>(Some(&$filter.statuses))
            .bind::<Nullable<Array<Text>>, _>(Some(&$filter.types))
            .bind::<Nullable<Text>, _>($filter.queue.as_deref())
            .bind::<Nullable<Text>, _>($filter.subject.as_deref())
    };
}

/// A page of a list, newest first.
pub async fn page(
    connection: &mut Connection,
    filter: &Filter,
    page: &PageRequest<Id<Task>>,
) -> diesel::QueryResult<Vec<TaskRow>> {
    let order = if page.backward { "ASC" } else { "DESC" };
    let statement = format!(
        "SELECT * FROM tasks.task WHERE {} AND ($7 IS NULL OR id < $7) AND ($8 IS NULL OR id > $8) ORDER BY id {order} LIMIT {}",
        conditions(filter),
        page.fetch()
    );
    bind_filter!(diesel::sql_query(statement), filter)
        .bind::<Nullable<SqlUuid>, _>(page.after.map(Id::uuid))
        .bind::<Nullable<SqlUuid>, _>(page.before.map(Id::uuid))
        .load(connection)
        .await
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many tasks a list has.
pub async fn count(connection: &mut Connection, filter: &Filter) -> diesel::QueryResult<i64> {
    let statement = format!(
        "SELECT count(*) AS count FROM tasks.task WHERE {}",
        conditions(filter)
    );
    let found: Count = bind_filter!(diesel::sql_query(statement), filter)
        .get_result(connection)
        .await?;
    Ok(found.count)
}

/// A part of a task.
#[derive(Debug, Clone, QueryableByName)]
pub struct StepRow {
    #[diesel(sql_type = SqlUuid)]
    pub task: Id<Task>,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
}

/// The steps of tasks, in order.
pub async fn steps(
    connection: &mut Connection,
    tasks: &[Id<Task>],
) -> diesel::QueryResult<Vec<StepRow>> {
    diesel::sql_query("SELECT task, name, started_at, finished_at FROM tasks.task_step WHERE task = ANY($1) ORDER BY task, position, name")
        .bind::<Array<SqlUuid>, _>(tasks)
        .load(connection)
        .await
}

/// How many children of a task are in a state.
#[derive(Debug, Clone, QueryableByName)]
pub struct ChildCount {
    #[diesel(sql_type = SqlUuid)]
    pub parent: Id<Task>,
    #[diesel(sql_type = Text)]
    pub status: TaskStatus,
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

/// The children of tasks, counted by state.
pub async fn child_counts(
    connection: &mut Connection,
    parents: &[Id<Task>],
) -> diesel::QueryResult<Vec<ChildCount>> {
    diesel::sql_query("SELECT parent, status, count(*) AS count FROM tasks.task WHERE parent = ANY($1) GROUP BY parent, status")
        .bind::<Array<SqlUuid>, _>(parents)
        .load(connection)
        .await
}

/// Where waiting tasks stand in their queues.
#[derive(Debug, Clone, QueryableByName)]
pub struct Place {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Task>,
    /// Tasks that go first, counted up to [`PLACES`].
    #[diesel(sql_type = BigInt)]
    pub ahead: i64,
    /// Tasks of the queue that are being worked on.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    #[diesel(sql_type = Bool)]
    pub paused: bool,
}

/// Places are counted up to here.
pub const PLACES: i64 = 1000;

/// The places of those of the tasks that wait for a worker.
///
/// Fairness lets owners take turns: ahead of the owner's n-th task go up to n of every other owner,
/// and this counts exactly those.
pub async fn places(
    connection: &mut Connection,
    tasks: &[Id<Task>],
) -> diesel::QueryResult<Vec<Place>> {
    let statement = format!(
        "SELECT t.id, own.ahead + others.ahead AS ahead, running.count AS running, \
            EXISTS (SELECT FROM tasks.queue q WHERE q.name = t.queue AND q.paused_at IS NOT NULL) AS paused \
         FROM tasks.task t \
         CROSS JOIN LATERAL (SELECT count(*) AS ahead FROM (SELECT 1 FROM tasks.task o \
            WHERE o.status = 'QUEUED' AND o.queue = t.queue AND o.lane = t.lane AND (o.rank, o.id) < (t.rank, t.id) LIMIT {PLACES}) x) own \
         CROSS JOIN LATERAL (SELECT count(*) AS ahead FROM (SELECT row_number() OVER (PARTITION BY o.lane ORDER BY o.rank, o.id) AS turn \
            FROM (SELECT lane, rank, id FROM tasks.task o WHERE o.status = 'QUEUED' AND o.queue = t.queue AND o.lane <> t.lane \
            ORDER BY rank, id LIMIT {PLACES}) o) x WHERE x.turn <= own.ahead + 1) others \
         CROSS JOIN LATERAL (SELECT count(*) AS count FROM tasks.task r \
            WHERE r.lease_id IS NOT NULL AND r.queue = t.queue) running \
         WHERE t.id = ANY($1) AND t.status = 'QUEUED'"
    );
    diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(tasks)
        .load(connection)
        .await
}
