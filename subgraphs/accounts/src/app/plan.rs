//! Plans.

use atelier_contracts::accounts::UserPlanChanged;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::{Id, User},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Accounts, authority::require_over, status};
use crate::{
    db::{
        self,
        account::AccountRow,
        plan::{PlanQuotaRow, PlanRow},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::{PlanCode, UserStatus},
};

/// Returns the plan that applies at a time: once a plan has expired, the free one.
pub fn at(plan: PlanCode, expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> PlanCode {
    if expires_at.is_some_and(|end| end <= now) {
        PlanCode::Free
    } else {
        plan
    }
}

/// Returns all plans with the quotas that they grant.
pub async fn all(accounts: &Accounts) -> Result<Vec<(PlanRow, Vec<PlanQuotaRow>)>, Error> {
    db::plan::all(&mut *accounts.deps.read().await?).await
}

/// Sets a user's plan.
pub async fn set(
    accounts: &Accounts,
    actor: &Actor,
    user: Id<User>,
    plan: PlanCode,
    expires_at: Option<DateTime<Utc>>,
) -> Outcome<AccountRow> {
    actor.require_scope(status::SCOPE)?;
    let now = accounts.now();
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Fail::refused(Code::InThePast, "input.expiresAt"));
    }
    let changed = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let before = db::account::lock(tx, user)
                .await?
                .filter(|account| account.status != UserStatus::Deleted)
                .ok_or_else(|| Fail::refused(Code::NotFound, "input.userId"))?;
            require_over(tx, actor, &[user], "input.userId").await?;
            let changed = db::account::set_plan(tx, user, plan, expires_at, now).await?;
            tx.emit(&UserPlanChanged { user, plan });
            let details = json!({ "before": before.plan, "after": plan, "expiresAt": expires_at });
            accounts
                .record(tx, actor, "user.plan_set", Some(user.uuid()), details)
                .await?;
            Ok(changed)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(changed)
}
