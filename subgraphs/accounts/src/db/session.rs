//! Sessions and their refresh tokens.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, Session, User},
    page::Listed,
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{TimePage, newest_first};
use crate::{
    kinds::RevokedReason,
    tables::{refresh_token, session},
};

/// A session.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = session)]
pub struct SessionRow {
    pub id: Id<Session>,
    pub account_id: Id<User>,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Listed for SessionRow {
    const LIST: &'static str = "accounts.sessions";
    type Key = (DateTime<Utc>, Uuid);

    fn key(&self) -> Self::Key {
        (self.created_at, self.id.uuid())
    }
}

/// A new session.
#[derive(Debug, Insertable)]
#[diesel(table_name = session)]
pub struct NewSession<'a> {
    pub id: Id<Session>,
    pub account_id: Id<User>,
    pub user_agent: Option<&'a str>,
    pub ip: Option<&'a str>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A refresh token.
#[derive(Debug, Insertable, Queryable, Selectable)]
#[diesel(table_name = refresh_token)]
pub struct RefreshTokenRow {
    pub hash: Vec<u8>,
    pub session_id: Id<Session>,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    /// A hash that identifies the client that exchanged the token.
    pub used_by: Option<Vec<u8>>,
    /// The salt that the next token was derived with.
    pub successor_salt: Option<Vec<u8>>,
}

/// The use of a refresh token.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = refresh_token)]
pub struct Use {
    pub used_at: Option<DateTime<Utc>>,
    pub used_by: Option<Vec<u8>>,
    pub successor_salt: Option<Vec<u8>>,
}

/// Inserts a session.
pub async fn insert(tx: &mut Tx, new: &NewSession<'_>) -> Result<(), Error> {
    diesel::insert_into(session::table)
        .values(new)
        .execute(tx)
        .await?;
    Ok(())
}

/// Inserts a refresh token.
pub async fn insert_token(tx: &mut Tx, token: &RefreshTokenRow) -> Result<(), Error> {
    diesel::insert_into(refresh_token::table)
        .values(token)
        .execute(tx)
        .await?;
    Ok(())
}

/// A refresh token with its session, both locked.
pub async fn lock_by_token(
    tx: &mut Tx,
    hash: &[u8],
) -> Result<Option<(RefreshTokenRow, SessionRow)>, Error> {
    Ok(refresh_token::table
        .inner_join(session::table)
        .filter(refresh_token::hash.eq(hash))
        .select((RefreshTokenRow::as_select(), SessionRow::as_select()))
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// Records that a refresh token was exchanged.
pub async fn use_token(tx: &mut Tx, hash: &[u8], used: &Use) -> Result<(), Error> {
    diesel::update(refresh_token::table.find(hash))
        .set(used)
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that a session is in use, and prolongs it.
pub async fn renew(
    tx: &mut Tx,
    id: Id<Session>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(session::table.find(id))
        .set((
            session::last_seen_at.eq(now),
            session::expires_at.eq(expires_at),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that a session is in use.
pub async fn touch(tx: &mut Tx, id: Id<Session>, now: DateTime<Utc>) -> Result<(), Error> {
    diesel::update(session::table.filter(session::id.eq(id).and(session::last_seen_at.lt(now))))
        .set(session::last_seen_at.eq(now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Selects sessions of an account.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// All sessions.
    All,
    /// One session.
    One(Id<Session>),
    /// All sessions but one.
    AllBut(Id<Session>),
}

/// Ends sessions of an account; returns those that were open.
pub async fn revoke(
    tx: &mut Tx,
    account: Id<User>,
    which: Which,
    reason: RevokedReason,
    now: DateTime<Utc>,
) -> Result<Vec<Id<Session>>, Error> {
    let open = session::account_id
        .eq(account)
        .and(session::revoked_at.is_null())
        .and(session::expires_at.gt(now));
    let set = (
        session::revoked_at.eq(now),
        session::revoked_reason.eq(reason),
    );
    let revoked = match which {
        Which::All => {
            diesel::update(session::table.filter(open))
                .set(set)
                .returning(session::id)
                .get_results(tx)
                .await
        }
        Which::One(id) => {
            diesel::update(session::table.filter(open.and(session::id.eq(id))))
                .set(set)
                .returning(session::id)
                .get_results(tx)
                .await
        }
        Which::AllBut(id) => {
            diesel::update(session::table.filter(open.and(session::id.ne(id))))
                .set(set)
                .returning(session::id)
                .get_results(tx)
                .await
        }
    };
    Ok(revoked?)
}

/// A page of an account's open sessions, newest first.
pub async fn page(
    connection: &mut Connection,
    account: Id<User>,
    now: DateTime<Utc>,
    page: &TimePage,
) -> Result<Vec<SessionRow>, Error> {
    let open = session::table
        .filter(
            session::account_id
                .eq(account)
                .and(session::revoked_at.is_null())
                .and(session::expires_at.gt(now)),
        )
        .into_boxed();
    let query = newest_first!(open, page, session::created_at, session::id);
    Ok(query
        .select(SessionRow::as_select())
        .load(connection)
        .await?)
}

/// The number of an account's open sessions.
pub async fn count(
    connection: &mut Connection,
    account: Id<User>,
    now: DateTime<Utc>,
) -> Result<i64, Error> {
    Ok(session::table
        .filter(
            session::account_id
                .eq(account)
                .and(session::revoked_at.is_null())
                .and(session::expires_at.gt(now)),
        )
        .count()
        .get_result(connection)
        .await?)
}

/// Deletes all sessions of accounts.
pub async fn delete_of(tx: &mut Tx, accounts: &[Id<User>]) -> Result<(), Error> {
    diesel::delete(session::table.filter(session::account_id.eq_any(accounts)))
        .execute(tx)
        .await?;
    Ok(())
}
