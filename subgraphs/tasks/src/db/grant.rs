//! What external workers may do, and what their results look like.

use atelier_kit::{
    db::Connection,
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

/// What a credential is bound to.
#[derive(Debug, Clone, QueryableByName)]
pub struct GrantRow {
    #[diesel(sql_type = SqlUuid)]
    pub access_token: Uuid,
    #[diesel(sql_type = Array<Text>)]
    pub queues: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub types: Vec<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub owner: Option<Id<User>>,
    #[diesel(sql_type = SqlUuid)]
    pub granted_by: Id<User>,
    #[diesel(sql_type = Timestamptz)]
    pub granted_at: DateTime<Utc>,
}

/// The most grants that are listed.
pub const MOST: i64 = 500;

/// Binds a credential, instead of what it was bound to.
pub async fn set(connection: &mut Connection, grant: &GrantRow) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.worker_grant (access_token, queues, types, owner, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (access_token) DO UPDATE SET queues = excluded.queues, types = excluded.types, owner = excluded.owner, \
            granted_by = excluded.granted_by, granted_at = excluded.granted_at",
    )
    .bind::<SqlUuid, _>(grant.access_token)
    .bind::<Array<Text>, _>(&grant.queues)
    .bind::<Array<Text>, _>(&grant.types)
    .bind::<Nullable<SqlUuid>, _>(grant.owner.map(Id::uuid))
    .bind::<SqlUuid, _>(grant.granted_by)
    .bind::<Timestamptz, _>(grant.granted_at)
    .execute(connection)
    .await
    .map(drop)
}

/// Takes a credential's grant away; how many there were.
pub async fn remove(connection: &mut Connection, token: Uuid) -> diesel::QueryResult<usize> {
    diesel::sql_query("DELETE FROM tasks.worker_grant WHERE access_token = $1")
        .bind::<SqlUuid, _>(token)
        .execute(connection)
        .await
}

/// The grant of a credential.
pub async fn find(
    connection: &mut Connection,
    token: Uuid,
) -> diesel::QueryResult<Option<GrantRow>> {
    let found: Vec<GrantRow> =
        diesel::sql_query("SELECT * FROM tasks.worker_grant WHERE access_token = $1")
            .bind::<SqlUuid, _>(token)
            .load(connection)
            .await?;
    Ok(found.into_iter().next())
}

/// All grants, newest first.
pub async fn list(connection: &mut Connection) -> diesel::QueryResult<Vec<GrantRow>> {
    diesel::sql_query(format!(
        "SELECT * FROM tasks.worker_grant ORDER BY granted_at DESC, access_token LIMIT {MOST}"
    ))
    .load(connection)
    .await
}

/// What the results of a type look like.
#[derive(Debug, Clone, QueryableByName)]
pub struct ShapeRow {
    #[diesel(sql_type = Text, column_name = "type")]
    pub task_type: String,
    #[diesel(sql_type = Jsonb)]
    pub shape: Value,
    #[diesel(sql_type = Timestamptz)]
    pub declared_at: DateTime<Utc>,
}

/// Declares what results look like, instead of what was declared.
pub async fn declare(connection: &mut Connection, shape: &ShapeRow) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.result_shape (type, shape, declared_at) VALUES ($1, $2, $3) \
         ON CONFLICT (type) DO UPDATE SET shape = excluded.shape, declared_at = excluded.declared_at",
    )
    .bind::<Text, _>(&shape.task_type)
    .bind::<Jsonb, _>(&shape.shape)
    .bind::<Timestamptz, _>(shape.declared_at)
    .execute(connection)
    .await
    .map(drop)
}

/// All declared shapes by type.
pub async fn shapes(connection: &mut Connection) -> diesel::QueryResult<Vec<ShapeRow>> {
    diesel::sql_query(format!(
        "SELECT * FROM tasks.result_shape ORDER BY type LIMIT {MOST}"
    ))
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct Declared {
    #[diesel(sql_type = Text, column_name = "type")]
    task_type: String,
}

/// Those of the types whose results were declared.
pub async fn declared(
    connection: &mut Connection,
    types: &[String],
) -> diesel::QueryResult<Vec<String>> {
    let found: Vec<Declared> =
        diesel::sql_query("SELECT type FROM tasks.result_shape WHERE type = ANY($1)")
            .bind::<Array<Text>, _>(types)
            .load(connection)
            .await?;
    Ok(found.into_iter().map(|row| row.task_type).collect())
}
