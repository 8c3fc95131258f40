//! Personal access tokens and API keys.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    page::Listed,
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{TimePage, newest_first};
use crate::{
    AccessToken,
    kinds::AccessTokenKind,
    tables::{access_token, access_token_network},
};

/// A personal access token or API key.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = access_token)]
pub struct AccessTokenRow {
    pub id: Id<AccessToken>,
    pub account_id: Id<User>,
    pub kind: AccessTokenKind,
    pub name: String,
    pub prefix: String,
    pub hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Listed for AccessTokenRow {
    const LIST: &'static str = "accounts.accessTokens";
    type Key = (DateTime<Utc>, Uuid);

    fn key(&self) -> Self::Key {
        (self.created_at, self.id.uuid())
    }
}

/// Inserts a token.
pub async fn insert(tx: &mut Tx, new: &AccessTokenRow) -> Result<(), Error> {
    diesel::insert_into(access_token::table)
        .values(new)
        .execute(tx)
        .await?;
    Ok(())
}

/// Revokes an account's token; `None` if the account has no such valid token.
pub async fn revoke(
    tx: &mut Tx,
    account: Id<User>,
    id: Id<AccessToken>,
    now: DateTime<Utc>,
) -> Result<Option<AccessTokenRow>, Error> {
    Ok(diesel::update(
        access_token::table.filter(
            access_token::id
                .eq(id)
                .and(access_token::account_id.eq(account))
                .and(access_token::revoked_at.is_null()),
        ),
    )
    .set(access_token::revoked_at.eq(now))
    .returning(AccessTokenRow::as_returning())
    .get_result(tx)
    .await
    .optional()?)
}

/// Records that a token is in use.
pub async fn touch(tx: &mut Tx, id: Id<AccessToken>, now: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(access_token::table.find(id))
        .set(access_token::last_used_at.eq(now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Whether a token was used from a network before.
pub async fn has_met(
    connection: &mut Connection,
    id: Id<AccessToken>,
    network: &str,
) -> Result<bool, Error> {
    let found = access_token_network::table.find((id, network));
    Ok(diesel::select(diesel::dsl::exists(found))
        .get_result(connection)
        .await?)
}

/// Records that a token is used from a network; false if it was used from there before. Keeps the
/// latest `kept` networks.
pub async fn meet(
    tx: &mut Tx,
    id: Id<AccessToken>,
    network: &str,
    now: DateTime<Utc>,
    kept: i64,
) -> Result<bool, Error> {
    let met = diesel::insert_into(access_token_network::table)
        .values((
            access_token_network::access_token_id.eq(id),
            access_token_network::network.eq(network),
            access_token_network::first_seen_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    if met > 0 {
        diesel::sql_query(
            "DELETE FROM accounts.access_token_network WHERE access_token_id = $1 AND network IN \
             (SELECT network FROM accounts.access_token_network WHERE access_token_id = $1 \
             ORDER BY first_seen_at DESC, network OFFSET $2)",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<BigInt, _>(kept)
        .execute(tx)
        .await?;
    }
    Ok(met > 0)
}

/// The number of an account's valid tokens.
pub async fn count(connection: &mut Connection, account: Id<User>) -> Result<i64, Error> {
    Ok(access_token::table
        .filter(
            access_token::account_id
                .eq(account)
                .and(access_token::revoked_at.is_null()),
        )
        .count()
        .get_result(connection)
        .await?)
}

/// A page of an account's valid tokens, newest first.
pub async fn page(
    connection: &mut Connection,
    account: Id<User>,
    page: &TimePage,
) -> Result<Vec<AccessTokenRow>, Error> {
    let query = access_token::table
        .filter(
            access_token::account_id
                .eq(account)
                .and(access_token::revoked_at.is_null()),
        )
        .into_boxed();
    let query = newest_first!(query, page, access_token::created_at, access_token::id);
    Ok(query
        .select(AccessTokenRow::as_select())
        .load(connection)
        .await?)
}

/// Deletes all tokens of accounts.
pub async fn delete_of(tx: &mut Tx, accounts: &[Id<User>]) -> Result<(), Error> {
    diesel::delete(access_token::table.filter(access_token::account_id.eq_any(accounts)))
        .execute(tx)
        .await?;
    Ok(())
}
