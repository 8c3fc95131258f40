//! Workers that have registered.

use atelier_contracts::tasks::Worker;
use atelier_kit::{
    db::Connection,
    id::{Id, User},
    page::{Listed, PageRequest},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

/// A worker.
#[derive(Debug, Clone, QueryableByName)]
pub struct WorkerRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Id<Worker>,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner: Option<Id<User>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub access_token: Option<Uuid>,
    #[diesel(sql_type = Array<Text>)]
    pub queues: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub types: Vec<String>,
    #[diesel(sql_type = Jsonb)]
    pub capabilities: Value,
    #[diesel(sql_type = Integer)]
    pub concurrency: i32,
    #[diesel(sql_type = Timestamptz)]
    pub registered_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub seen_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub drained_at: Option<DateTime<Utc>>,
}

impl Listed for WorkerRow {
    const LIST: &'static str = "workers";
    type Key = Id<Worker>;

    fn key(&self) -> Self::Key {
        self.id
    }
}

/// Notes a worker, or its new abilities.
pub async fn upsert(tx: &mut Tx, worker: &WorkerRow) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.worker (id, name, owner, queues, types, capabilities, concurrency, registered_at, seen_at, drained_at, access_token) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET name = excluded.name, queues = excluded.queues, \
            types = excluded.types, capabilities = excluded.capabilities, concurrency = excluded.concurrency, \
            seen_at = excluded.seen_at, drained_at = excluded.drained_at",
    )
    .bind::<SqlUuid, _>(worker.id)
    .bind::<Text, _>(&worker.name)
    .bind::<Nullable<SqlUuid>, _>(worker.owner.map(Id::uuid))
    .bind::<Array<Text>, _>(&worker.queues)
    .bind::<Array<Text>, _>(&worker.types)
    .bind::<Jsonb, _>(&worker.capabilities)
    .bind::<Integer, _>(worker.concurrency)
    .bind::<Timestamptz, _>(worker.registered_at)
    .bind::<Timestamptz, _>(worker.seen_at)
    .bind::<Nullable<Timestamptz>, _>(worker.drained_at)
    .bind::<Nullable<SqlUuid>, _>(worker.access_token)
    .execute(tx)
    .await
    .map(drop)
}

/// Notes that a worker was heard of, and returns it.
pub async fn seen(
    tx: &mut Tx,
    id: Id<Worker>,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Option<WorkerRow>> {
    let found: Vec<WorkerRow> = diesel::sql_query(
        "UPDATE tasks.worker SET seen_at = greatest(seen_at, $2) WHERE id = $1 RETURNING *",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .load(tx)
    .await?;
    Ok(found.into_iter().next())
}

/// Asks a worker to finish what it has and take nothing more.
pub async fn drain(
    tx: &mut Tx,
    id: Id<Worker>,
    now: DateTime<Utc>,
) -> diesel::QueryResult<Option<WorkerRow>> {
    let found: Vec<WorkerRow> = diesel::sql_query(
        "UPDATE tasks.worker SET drained_at = coalesce(drained_at, $2) WHERE id = $1 RETURNING *",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .load(tx)
    .await?;
    Ok(found.into_iter().next())
}

/// A page of the workers heard of since a time, newest first.
pub async fn page(
    connection: &mut Connection,
    seen_since: DateTime<Utc>,
    page: &PageRequest<Id<Worker>>,
) -> diesel::QueryResult<Vec<WorkerRow>> {
    let order = if page.backward { "ASC" } else { "DESC" };
    diesel::sql_query(format!(
        "SELECT * FROM tasks.worker WHERE seen_at >= $1 AND ($2 IS NULL OR id < $2) AND ($3 IS NULL OR id > $3) ORDER BY id {order} LIMIT {}",
        page.fetch()
    ))
    .bind::<Timestamptz, _>(seen_since)
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

/// How many workers were heard of since a time.
pub async fn count(
    connection: &mut Connection,
    seen_since: DateTime<Utc>,
) -> diesel::QueryResult<i64> {
    let found: Count =
        diesel::sql_query("SELECT count(*) AS count FROM tasks.worker WHERE seen_at >= $1")
            .bind::<Timestamptz, _>(seen_since)
            .get_result(connection)
            .await?;
    Ok(found.count)
}

/// How many tasks a worker has.
#[derive(Debug, Clone, QueryableByName)]
pub struct Load {
    #[diesel(sql_type = SqlUuid)]
    pub worker: Id<Worker>,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
}

/// How many tasks each of the workers has; those with none are not in the answer.
pub async fn loads(
    connection: &mut Connection,
    workers: &[Id<Worker>],
) -> diesel::QueryResult<Vec<Load>> {
    diesel::sql_query("SELECT worker, count(*) AS running FROM tasks.task WHERE lease_id IS NOT NULL AND worker = ANY($1) GROUP BY worker")
        .bind::<Array<SqlUuid>, _>(workers)
        .load(connection)
        .await
}

/// Forgets workers that have not been heard of since a time.
pub async fn forget(tx: &mut Tx, seen_before: DateTime<Utc>) -> diesel::QueryResult<usize> {
    diesel::sql_query("DELETE FROM tasks.worker WHERE seen_at < $1")
        .bind::<Timestamptz, _>(seen_before)
        .execute(tx)
        .await
}
