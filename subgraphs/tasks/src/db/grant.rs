//! What the credentials of external workers are bound to.

use atelier_kit::{
    db::Connection,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
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
    /// Nobody any more, if they have deleted their account.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub granted_by: Option<Id<User>>,
    #[diesel(sql_type = Timestamptz)]
    pub granted_at: DateTime<Utc>,
}

/// The most grants that are listed.
pub const MOST: i64 = 500;

/// Binds a credential, instead of what it was bound to.
pub async fn set(tx: &mut Tx, grant: &GrantRow) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO tasks.worker_grant (access_token, queues, types, owner, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (access_token) DO UPDATE SET queues = excluded.queues, types = excluded.types, owner = excluded.owner, \
            granted_by = excluded.granted_by, granted_at = excluded.granted_at",
    )
    .bind::<SqlUuid, _>(grant.access_token)
    .bind::<Array<Text>, _>(&grant.queues)
    .bind::<Array<Text>, _>(&grant.types)
    .bind::<Nullable<SqlUuid>, _>(grant.owner.map(Id::uuid))
    .bind::<Nullable<SqlUuid>, _>(grant.granted_by.map(Id::uuid))
    .bind::<Timestamptz, _>(grant.granted_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Takes a credential's grant away; how many there were.
pub async fn remove(tx: &mut Tx, token: Uuid) -> diesel::QueryResult<usize> {
    diesel::sql_query("DELETE FROM tasks.worker_grant WHERE access_token = $1")
        .bind::<SqlUuid, _>(token)
        .execute(tx)
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
