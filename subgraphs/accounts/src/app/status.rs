//! Suspending and reactivating accounts, and which accounts can be used.

use atelier_contracts::accounts::UserStatusChanged;
use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode, Fail, Refusal},
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Accounts, authority::require_over, role, text};
use crate::{
    db::{
        self,
        account::{AccountRow, StatusChange},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::UserStatus,
};

/// The scope that administering accounts requires.
pub const SCOPE: &str = "admin:users";
/// The longest reason, in characters.
const REASON: usize = 500;

/// Returns the status at a time: an account whose suspension has expired is active.
pub fn at(
    status: UserStatus,
    suspended_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> UserStatus {
    match status {
        UserStatus::Suspended if suspended_until.is_some_and(|until| until <= now) => {
            UserStatus::Active
        }
        status => status,
    }
}

/// Refuses accounts that cannot sign in. An account that is scheduled for deletion can, so that its
/// owner can cancel the deletion.
///
/// # Errors
/// `ACCOUNT_DISABLED`, with the reason and the end of the suspension.
pub fn require_usable(account: &AccountRow, now: DateTime<Utc>) -> Result<(), Refusal<Code>> {
    match at(account.status, account.suspended_until, now) {
        UserStatus::Active | UserStatus::PendingDeletion => Ok(()),
        UserStatus::Suspended | UserStatus::Deleted => {
            Err(Refusal::new(Code::AccountDisabled, "input")
                .with("reason", account.status_reason.clone())
                .with(
                    "until",
                    account.suspended_until.map(|until| until.to_rfc3339()),
                ))
        }
    }
}

/// Suspends an account, for some time or until further notice, or reactivates it.
pub async fn set(
    accounts: &Accounts,
    actor: &Actor,
    user: Id<User>,
    suspended: bool,
    reason: Option<String>,
    until: Option<DateTime<Utc>>,
) -> Outcome<AccountRow> {
    actor.require_scope(SCOPE)?;
    let now = accounts.now();
    let reason = reason
        .as_deref()
        .map(text::clean)
        .filter(|reason| !reason.is_empty());
    if actor.user_id() == Some(user) {
        return Err(Fail::refused(Code::NotOnYourself, "input.userId"));
    }
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > REASON)
    {
        return Err(Refusal::new(Code::TooLong, "input.reason")
            .with("max", REASON)
            .into());
    }
    if suspended && reason.is_none() {
        return Err(Fail::refused(Code::Required, "input.reason"));
    }
    if until.is_some_and(|until| until <= now) {
        return Err(Fail::refused(Code::InThePast, "input.expiresAt"));
    }
    let change = StatusChange {
        status: if suspended {
            UserStatus::Suspended
        } else {
            UserStatus::Active
        },
        status_reason: reason.filter(|_| suspended),
        suspended_until: until.filter(|_| suspended),
        delete_at: None,
        updated_at: now,
    };
    let changed = accounts.deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let missing = || Fail::refused(Code::NotFound, "input.userId");
            // The role is locked before the account, as everywhere. A refusal is returned only
            // after the checks below.
            let another = if suspended {
                role::require_other_admin(tx, user).await
            } else {
                Ok(())
            };
            let before = db::account::lock(tx, user).await?.ok_or_else(missing)?;
            if matches!(before.status, UserStatus::Deleted | UserStatus::PendingDeletion) {
                return Err(missing());
            }
            require_over(tx, actor, &[user], "input.userId").await?;
            another?;
            let changed = db::account::set_status(tx, user, &change).await?;
            tx.emit(&UserStatusChanged {
 user,
 status: changed.status,
 reason: changed.status_reason.clone(),
 });
            let details = json!({
                "before": before.status, "after": changed.status, "reason": changed.status_reason, "until": changed.suspended_until,
            });
            accounts.record(tx, actor, "user.status_set", Some(user.uuid()), details).await?;
            Ok(changed)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(changed)
}

/// Like [`require_usable`], for a presented credential.
///
/// # Errors
/// `ACCOUNT_DISABLED` if the account cannot be used.
pub fn require_in_force(status: UserStatus) -> Result<(), Error> {
    match status {
        UserStatus::Active | UserStatus::PendingDeletion => Ok(()),
        UserStatus::Suspended | UserStatus::Deleted => Err(Error::new(ErrorCode::AccountDisabled)),
    }
}
