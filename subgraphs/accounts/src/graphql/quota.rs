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

/// The amount of one meter that a user may use and has used.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = authenticated::apply())]
pub struct Quota {
    /// The meter.
    pub meter: Meter,
    /// The amount that may be used: what the plan grants, plus or minus what an administrator has
    /// set. Null if it is unlimited.
    pub limit: Option<Long>,
    /// The amount that has been used.
    pub used: Long,
    /// The amount that is reserved for operations in progress.
    pub reserved: Long,
    /// The amount that is left; null if it is unlimited.
    pub remaining: Option<Long>,
    /// When `used` is reset to zero; null if it never is.
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

/// The input of `quotaAdjust`.
#[derive(InputObject)]
pub struct QuotaAdjustInput {
    /// The id of the user.
    pub user_id: Id<id::User>,
    /// The meter.
    pub meter: Meter,
    /// The amount added to what the plan grants, between -2^50 and 2^50; a negative amount is
    /// subtracted. It replaces the previous adjustment.
    pub bonus: Long,
    /// The reason, 1 to 500 characters. It is kept in the audit log.
    pub reason: String,
}

atelier_kit::payload! {
    /// The result of `quotaAdjust`.
    pub struct QuotaAdjustPayload, AccountsUserError {
        /// The quota after the change.
        quota: Quota,
    }
}

#[derive(Default)]
pub struct QuotaMutation;

#[Object]
impl QuotaMutation {
    /// Sets the amount of a meter that a user has in addition to their plan. The caller must hold
    /// every scope that the user holds. Requires the scope `admin:quotas`.
    #[graphql(requires_scopes = "admin:quotas", tag = "admin")]
    async fn quota_adjust(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the adjustment.")] input: QuotaAdjustInput,
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
