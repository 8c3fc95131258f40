//! Deleting an account: first it waits, and its owner can change their mind; then it is erased.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;
use serde_json::json;

use super::{
    Accounts,
    authority::require_session,
    event::{STATUS_CHANGED, StatusChanged, USER_DELETED},
    proof::require_password,
    role, session,
};
use crate::{
    db::{
        self,
        account::{AccountRow, StatusChange},
        session::Which,
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{RevokedReason, UserStatus},
};

/// Lets the caller's account wait for its deletion. Their other sessions end; this one stays, to
/// change one's mind with.
pub async fn request(accounts: &Accounts, actor: &Actor, password: String) -> Outcome<AccountRow> {
    let user = require_session(actor)?;
    require_password(accounts, actor, password, "input.password").await?;
    let delete_at = accounts.now() + accounts.config.deletion_grace;
    let which = actor.session_id().map_or(Which::All, Which::AllBut);
    let change = waiting(accounts, Some(delete_at));
    let mut connection = accounts.deps.db.write().await?;
    let account = connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            role::require_other_admin(connection, user).await?;
            let before = db::account::lock(connection, user)
                .await?
                .ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            if before.status == UserStatus::PendingDeletion {
                return Ok(before);
            }
            let account = db::account::set_status(connection, user, &change).await?;
            session::end(
                accounts,
                connection,
                actor,
                &account,
                which,
                RevokedReason::AccountDeleted,
            )
            .await?;
            accounts
                .tell(
                    connection,
                    user,
                    STATUS_CHANGED,
                    StatusChanged {
                        status: account.status,
                        reason: None,
                    },
                )
                .await?;
            accounts
                .record(
                    connection,
                    actor,
                    "account.delete",
                    Some(user.uuid()),
                    json!({ "deleteAt": delete_at }),
                )
                .await?;
            Ok(account)
        })
        .await?;
    drop(connection);
    accounts.identity_changed(&[user]).await;
    Ok(account)
}

/// Keeps the caller's account after all.
pub async fn cancel(accounts: &Accounts, actor: &Actor) -> Outcome<AccountRow> {
    let user = require_session(actor)?;
    let change = waiting(accounts, None);
    let mut connection = accounts.deps.db.write().await?;
    let account = connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            let before = db::account::lock(connection, user).await?;
            if before.is_none_or(|before| before.status != UserStatus::PendingDeletion) {
                return Err(Fail::refused(Code::NotPendingDeletion, "input"));
            }
            let account = db::account::set_status(connection, user, &change).await?;
            accounts
                .tell(
                    connection,
                    user,
                    STATUS_CHANGED,
                    StatusChanged {
                        status: account.status,
                        reason: None,
                    },
                )
                .await?;
            accounts
                .record(
                    connection,
                    actor,
                    "account.delete_cancel",
                    Some(user.uuid()),
                    json!({}),
                )
                .await?;
            Ok(account)
        })
        .await?;
    drop(connection);
    accounts.identity_changed(&[user]).await;
    Ok(account)
}

fn waiting(accounts: &Accounts, delete_at: Option<DateTime<Utc>>) -> StatusChange {
    StatusChange {
        status: if delete_at.is_some() {
            UserStatus::PendingDeletion
        } else {
            UserStatus::Active
        },
        status_reason: None,
        suspended_until: None,
        delete_at,
        updated_at: accounts.now(),
    }
}

/// Erases accounts whose time is over; tells how many. Repeat until 0.
pub async fn erase_due(accounts: &Accounts, limit: i64) -> Result<usize, Error> {
    let now = accounts.now();
    let mut connection = accounts.deps.db.write().await?;
    let erased: Vec<Id<User>> = connection
        .transaction::<_, Error, _>(async |connection| {
            let due = db::account::lock_due_for_deletion(connection, now, limit).await?;
            if due.is_empty() {
                return Ok(due);
            }
            db::credential::delete(connection, &due).await?;
            db::session::delete_of(connection, &due).await?;
            db::access_token::delete_of(connection, &due).await?;
            db::account::erase(connection, &due, now).await?;
            accounts.tell_all(connection, &due, USER_DELETED).await?;
            Ok(due)
        })
        .await?;
    drop(connection);
    accounts.identity_changed(&erased).await;
    Ok(erased.len())
}
