//! Reading and adjusting quotas.

use atelier_contracts::accounts::UserQuotaChanged;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{Id, User},
};
use serde_json::json;

use super::{Accounts, authority::require_over, text};
use crate::{
    db::{
        quota::{self, QuotaRow},
        reservation::{self, NewEntry},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{EntryKind, Meter},
};

/// The scope that adjusting quotas requires.
pub const SCOPE: &str = "admin:quotas";
/// The largest adjustment, up or down.
const MOST: i64 = 1 << 50;
/// The longest reason, in characters.
const REASON: usize = 500;

/// Returns the caller's quotas.
pub async fn own(accounts: &Accounts, actor: &Actor) -> Result<Vec<QuotaRow>, Error> {
    let user = actor.require_user()?;
    quota::of_account(&mut *accounts.deps.read().await?, user, accounts.now()).await
}

/// Sets the amount of a meter that a user has in addition to their plan.
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
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            require_over(tx, actor, &[user], "input.userId").await?;
            quota::ensure(tx, user, meter).await?;
            let before = quota::set_bonus(tx, user, meter, bonus)
                .await?
                .ok_or_else(missing)?;
            let row = quota::shift(tx, user, meter, 0, 0, now)
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
            reservation::enter(tx, &[entry]).await?;
            tx.emit(&changed(user, &row));
            let details =
                json!({ "meter": meter, "before": before, "after": bonus, "reason": reason });
            accounts
                .record(tx, actor, "quota.adjust", Some(user.uuid()), details)
                .await?;
            Ok(row)
        })
        .await
}

/// Returns the fact that a user's quota has changed to `row`.
pub fn changed(user: Id<User>, row: &QuotaRow) -> UserQuotaChanged {
    UserQuotaChanged {
        user,
        meter: row.meter,
        limit: row.amount,
        used: row.used,
        reserved: row.reserved,
        resets_at: row.resets_at,
    }
}
