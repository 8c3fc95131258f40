//! Deleting accounts: a deletion is scheduled, can be cancelled for a while, and is then carried
//! out.

use atelier_contracts::accounts::{UserDeleted, UserStatusChanged};
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Accounts, authority::require_session, proof::require_password, role, session};
use crate::{
    db::{
        self,
        account::{AccountRow, StatusChange},
        session::Which,
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{RevokedReason, UserStatus},
};

/// Schedules the caller's account for deletion. Their other sessions end; this one stays, so that
/// they can cancel the deletion.
pub async fn request(accounts: &Accounts, actor: &Actor, password: String) -> Outcome<AccountRow> {
    let user = require_session(actor)?;
    require_password(accounts, actor, password, "input.password").await?;
    let delete_at = accounts.now() + accounts.config.deletion_grace;
    let which = actor.session_id().map_or(Which::All, Which::AllBut);
    let change = waiting(accounts, Some(delete_at));
    let account = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            role::require_other_admin(tx, user).await?;
            let before = db::account::lock(tx, user)
                .await?
                .ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            if before.status == UserStatus::PendingDeletion {
                return Ok(before);
            }
            let account = db::account::set_status(tx, user, &change).await?;
            session::end(
                accounts,
                tx,
                actor,
                &account,
                which,
                RevokedReason::AccountDeleted,
            )
            .await?;
            tx.emit(&UserStatusChanged {
                user,
                status: account.status,
                reason: None,
            });
            accounts
                .record(
                    tx,
                    actor,
                    "account.delete",
                    Some(user.uuid()),
                    json!({ "deleteAt": delete_at }),
                )
                .await?;
            Ok(account)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(account)
}

/// Cancels the deletion of the caller's account.
pub async fn cancel(accounts: &Accounts, actor: &Actor) -> Outcome<AccountRow> {
    let user = require_session(actor)?;
    let change = waiting(accounts, None);
    let account = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let before = db::account::lock(tx, user).await?;
            if before.is_none_or(|before| before.status != UserStatus::PendingDeletion) {
                return Err(Fail::refused(Code::NotPendingDeletion, "input"));
            }
            let account = db::account::set_status(tx, user, &change).await?;
            tx.emit(&UserStatusChanged {
                user,
                status: account.status,
                reason: None,
            });
            accounts
                .record(
                    tx,
                    actor,
                    "account.delete_cancel",
                    Some(user.uuid()),
                    json!({}),
                )
                .await?;
            Ok(account)
        })
        .await?;
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

/// Erases accounts that are due for deletion and returns how many there were. Repeat until it
/// returns 0.
pub async fn erase_due(accounts: &Accounts, limit: i64) -> Result<usize, Error> {
    let now = accounts.now();
    let erased: Vec<Id<User>> = accounts
        .deps
        .transaction::<_, Error, _>(async |tx| {
            let due = db::account::lock_due_for_deletion(tx, now, limit).await?;
            if due.is_empty() {
                return Ok(due);
            }
            db::credential::delete(tx, &due).await?;
            db::session::delete_of(tx, &due).await?;
            db::access_token::delete_of(tx, &due).await?;
            db::account::erase(tx, &due, now).await?;
            for user in &due {
                tx.emit(&UserDeleted { user: *user });
            }
            Ok(due)
        })
        .await?;
    accounts.identity_changed(&erased).await;
    Ok(erased.len())
}
