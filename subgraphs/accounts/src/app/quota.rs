//! Reading quotas and granting more.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{Id, User},
};
use diesel_async::AsyncConnection;
use serde_json::json;

use super::{
    Accounts,
    authority::require_over,
    event::{QUOTA_CHANGED, QuotaChanged},
    text,
};
use crate::{
    db::{
        quota::{self, QuotaRow},
        reservation::{self, NewEntry},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{EntryKind, Meter},
};

/// The scope that grants quotas.
pub const SCOPE: &str = "admin:quotas";
/// The most that is granted on top of a plan, or taken away.
const MOST: i64 = 1 << 50;
/// The longest reason.
const REASON: usize = 500;

/// The caller's quotas.
pub async fn own(accounts: &Accounts, actor: &Actor) -> Result<Vec<QuotaRow>, Error> {
    let user = actor.require_user()?;
    quota::of_account(&mut *accounts.deps.db.read().await?, user, accounts.now()).await
}

/// Sets what a user has on top of their plan.
pub async fn adjust(
    accounts: &Accounts,
    actor: &Actor,
    user: Id<User>,
    meter: Meter,
    bonus: i64,
    reason: &str,
) -> Outcome<QuotaRow> {
    actor.require_scope(SCOPE)?;
    if !(-MOST..=MOST).contains(&bonus) {
        return Err(Refusal::new(Code::AmountInvalid, "input.bonus")
            .with("min", -MOST)
            .with("max", MOST)
            .into());
    }
    let reason = text::clean(reason);
    if reason.is_empty() {
        return Err(Fail::refused(Code::Required, "input.reason"));
    }
    if reason.chars().count() > REASON {
        return Err(Refusal::new(Code::TooLong, "input.reason")
            .with("max", REASON)
            .into());
    }
    let now = accounts.now();
    let missing = || Fail::refused(Code::NotFound, "input.userId");
    let mut connection = accounts.deps.db.write().await?;
    connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            require_over(connection, actor, &[user], "input.userId").await?;
            quota::ensure(connection, user, meter).await?;
            let before = quota::set_bonus(connection, user, meter, bonus)
                .await?
                .ok_or_else(missing)?;
            let row = quota::shift(connection, user, meter, 0, 0, now)
                .await?
                .ok_or_else(missing)?;
            let entry = NewEntry {
                id: accounts.deps.new_uuid(),
                account_id: user,
                meter,
                kind: EntryKind::Adjust,
                amount: bonus - before,
                service: None,
                key: None,
                at: now,
            };
            reservation::enter(connection, &[entry]).await?;
            accounts
                .tell(connection, user, QUOTA_CHANGED, QuotaChanged::from(&row))
                .await?;
            let details =
                json!({ "meter": meter, "before": before, "after": bonus, "reason": reason });
            accounts
                .record(
                    connection,
                    actor,
                    "quota.adjust",
                    Some(user.uuid()),
                    details,
                )
                .await?;
            Ok(row)
        })
        .await
}
