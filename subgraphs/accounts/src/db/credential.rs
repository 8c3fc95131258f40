//! Password hashes.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::AccountRow;
use crate::tables::{account, credential};

/// How an account is named in a sign-in.
pub enum Login {
    /// Folded username.
    Username(String),
    /// Folded email address.
    Email(String),
}

/// An account with its password hash.
pub async fn find_by_login(
    connection: &mut Connection,
    login: &Login,
) -> Result<Option<(AccountRow, String)>, Error> {
    let query = account::table
        .inner_join(credential::table)
        .select((AccountRow::as_select(), credential::password_hash))
        .into_boxed();
    let query = match login {
        Login::Username(name) => query.filter(account::username_folded.eq(name)),
        Login::Email(address) => query.filter(account::email_folded.eq(address)),
    };
    Ok(query.first(connection).await.optional()?)
}

/// The password hash of an account.
pub async fn find(connection: &mut Connection, account: Id<User>) -> Result<Option<String>, Error> {
    Ok(credential::table
        .find(account)
        .select(credential::password_hash)
        .first(connection)
        .await
        .optional()?)
}

/// Sets the password hash of an account.
pub async fn set(
    tx: &mut Tx,
    account: Id<User>,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(credential::table)
        .values((
            credential::account_id.eq(account),
            credential::password_hash.eq(hash),
            credential::changed_at.eq(now),
        ))
        .on_conflict(credential::account_id)
        .do_update()
        .set((
            credential::password_hash.eq(hash),
            credential::changed_at.eq(now),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Replaces `old` by `new`, unless the password was changed in the meantime.
pub async fn upgrade(tx: &mut Tx, account: Id<User>, old: &str, new: &str) -> Result<(), Error> {
    diesel::update(
        credential::table.filter(
            credential::account_id
                .eq(account)
                .and(credential::password_hash.eq(old)),
        ),
    )
    .set(credential::password_hash.eq(new))
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes the password hashes of accounts.
pub async fn delete(tx: &mut Tx, accounts: &[Id<User>]) -> Result<(), Error> {
    diesel::delete(credential::table.filter(credential::account_id.eq_any(accounts)))
        .execute(tx)
        .await?;
    Ok(())
}
