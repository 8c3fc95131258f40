//! Everything that identifies a caller, in one statement per credential.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, Session, User},
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::kinds::{PlanCode, UserStatus};

/// A credential with its account and the account's current scopes.
#[derive(Debug, Clone, QueryableByName)]
pub struct IdentityRow {
    #[diesel(sql_type = SqlUuid)]
    pub credential_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub account_id: Id<User>,
    #[diesel(sql_type = Text)]
    pub status: UserStatus,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub suspended_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    pub plan: PlanCode,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub plan_expires_at: Option<DateTime<Utc>>,
    /// The scopes of all roles of the account.
    #[diesel(sql_type = Array<Text>)]
    pub scopes: Vec<String>,
    /// The scopes that an access token was created with; `None` for sessions.
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub token_scopes: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_seen_at: Option<DateTime<Utc>>,
    /// The hash of an access token; `None` for sessions.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub hash: Option<Vec<u8>>,
}

/// The scopes of the account `a`.
const SCOPES: &str = "ARRAY(SELECT DISTINCT scope FROM accounts.account_role ar JOIN accounts.role r ON r.id = ar.role_id, \
     unnest(r.scopes) AS scope WHERE ar.account_id = a.id ORDER BY scope) AS scopes";

/// The identities of sessions, in no particular order, with one statement.
pub async fn of_sessions(
    connection: &mut Connection,
    sessions: &[Id<Session>],
) -> Result<Vec<IdentityRow>, Error> {
    let statement = format!(
        "SELECT s.id AS credential_id, a.id AS account_id, a.status, a.suspended_until, a.plan, a.plan_expires_at, {SCOPES}, \
         NULL::text[] AS token_scopes, s.expires_at, s.revoked_at, s.last_seen_at, NULL::bytea AS hash \
         FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id WHERE s.id = ANY($1)"
    );
    Ok(diesel::sql_query(statement)
        .bind::<Array<SqlUuid>, _>(sessions)
        .load(connection)
        .await?)
}

/// The identities of access tokens by their hashes, in no particular order, with one statement.
pub async fn of_access_tokens(
    connection: &mut Connection,
    hashes: &[Vec<u8>],
) -> Result<Vec<IdentityRow>, Error> {
    let statement = format!(
        "SELECT t.id AS credential_id, a.id AS account_id, a.status, a.suspended_until, a.plan, a.plan_expires_at, {SCOPES}, \
         t.scopes AS token_scopes, t.expires_at, t.revoked_at, t.last_used_at AS last_seen_at, t.hash \
         FROM accounts.access_token t JOIN accounts.account a ON a.id = t.account_id WHERE t.hash = ANY($1)"
    );
    Ok(diesel::sql_query(statement)
        .bind::<Array<Bytea>, _>(hashes)
        .load(connection)
        .await?)
}

/// The current scopes of an account.
pub async fn scopes(connection: &mut Connection, account: Id<User>) -> Result<Vec<String>, Error> {
    #[derive(QueryableByName)]
    struct Scopes {
        #[diesel(sql_type = Array<Text>)]
        scopes: Vec<String>,
    }
    let statement = format!("SELECT {SCOPES} FROM accounts.account a WHERE a.id = $1");
    let rows: Vec<Scopes> = diesel::sql_query(statement)
        .bind::<SqlUuid, _>(account)
        .load(connection)
        .await?;
    Ok(rows
        .into_iter()
        .next()
        .map(|row| row.scopes)
        .unwrap_or_default())
}
