//! Quotas.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_contracts::accounts::UserQuotaChanged;
use atelier_kit::{
    graphql::{Long, actor, directive::authenticated, mutation},
    id::{self, Id},
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{app::quota, db::quota::QuotaRow, error::AccountsUserError, kinds::Meter};

/// How much of something a user may use and has used.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = authenticated::apply())]
pub struct Quota {
    /// Of what.
    pub meter: Meter,
    /// How much; null if there is no limit.
    pub limit: Option<Long>,
    /// What is used.
    pub used: Long,
    /// What is held for uses that are under way.
    pub reserved: Long,
    /// What is left; null if there is no limit.
    pub remaining: Option<Long>,
    /// When `used` starts anew; null if it does not.
    pub resets_at: Option<DateTime<Utc>>,
}

impl From<&QuotaRow> for Quota {
    fn from(row: &QuotaRow) -> Self {
        Self {
            meter: row.meter,
            limit: row.amount.map(Long),
            used: Long(row.used),
            reserved: Long(row.reserved),
            remaining: row.remaining().map(Long),
            resets_at: row.resets_at,
        }
    }
}

impl From<UserQuotaChanged> for Quota {
    fn from(changed: UserQuotaChanged) -> Self {
        Self::from(&QuotaRow {
            meter: changed.meter,
            amount: changed.limit,
            used: changed.used,
            reserved: changed.reserved,
            resets_at: changed.resets_at,
        })
    }
}

/// What a user gets on top of their plan.
#[derive(InputObject)]
pub struct QuotaAdjustInput {
    /// The user.
    pub user_id: Id<id::User>,
    /// Of what.
    pub meter: Meter,
    /// What the user has on top of what the plan grants; replaces what was set before. Negative takes
    /// away.
    pub bonus: Long,
    /// Why; kept in the audit log.
    pub reason: String,
}

atelier_kit::payload! {
    /// The outcome of adjusting a quota.
    pub struct QuotaAdjustPayload, AccountsUserError {
        /// The quota as it is now.
        quota: Quota,
    }
}

#[derive(Default)]
pub struct QuotaMutation;

#[Object]
impl QuotaMutation {
    /// Sets what a user has of a meter on top of their plan.
    #[graphql(requires_scopes = "admin:quotas", tag = "admin")]
    async fn quota_adjust(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets how much.")] input: QuotaAdjustInput,
    ) -> Result<QuotaAdjustPayload> {
        let adjusted = quota::adjust(
            accounts(ctx),
            actor(ctx),
            input.user_id,
            input.meter,
            input.bonus.0,
            &input.reason,
        )
        .await;
        mutation(ctx, adjusted.map(|row| Quota::from(&row)))
    }
}
