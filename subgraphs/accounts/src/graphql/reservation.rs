//! Quota reservations, for other domains only.

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_contracts::accounts::{QuotaCommitInput, QuotaReleaseInput, QuotaReserveInput};
use atelier_kit::{
    graphql::{Long, actor, mutation},
    id::{self, Id},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::accounts;
use crate::{
    app::reservation,
    db::reservation::ReservationRow,
    error::AccountsUserError,
    kinds::{Meter, ReservationState},
};

/// An amount of a quota that a domain holds or has used.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct QuotaReservation {
    /// The key that the domain chose.
    pub key: String,
    /// Whose quota.
    pub user_id: Id<id::User>,
    /// Of what.
    pub meter: Meter,
    /// How much was reserved.
    pub amount: Long,
    /// How much was used in the end; null before the commit.
    pub committed: Option<Long>,
    /// What has become of it.
    pub state: ReservationState,
    /// When it is given back unless it is committed before.
    pub expires_at: DateTime<Utc>,
}

impl From<ReservationRow> for QuotaReservation {
    fn from(row: ReservationRow) -> Self {
        Self {
            key: row.key,
            user_id: row.account_id,
            meter: row.meter,
            amount: Long(row.amount),
            committed: row.committed.map(Long),
            state: row.state,
            expires_at: row.expires_at,
        }
    }
}

atelier_kit::payload! {
    /// The result of `quotaReserve`.
    #[graphql(inaccessible)]
    pub struct QuotaReservePayload, AccountsUserError {
        /// The reservation as it is now.
        reservation: QuotaReservation,
    }

    /// The result of `quotaCommit`.
    #[graphql(inaccessible)]
    pub struct QuotaCommitPayload, AccountsUserError {
        /// The reservation as it is now.
        reservation: QuotaReservation,
    }

    /// The result of `quotaRelease`.
    #[graphql(inaccessible)]
    pub struct QuotaReleasePayload, AccountsUserError {
        /// The reservation as it is now.
        reservation: QuotaReservation,
    }
}

#[derive(Default)]
pub struct ReservationMutation;

#[Object]
impl ReservationMutation {
    /// Holds an amount of a user's quota for a use that is to come. For other domains.
    #[graphql(inaccessible)]
    async fn quota_reserve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to reserve.")] input: QuotaReserveInput,
    ) -> Result<QuotaReservePayload> {
        let keep = match input.expires_in_seconds {
            Some(Long(seconds)) => TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX),
            None => reservation::KEPT,
        };
        let wanted = reservation::Wanted {
            user: input.user_id,
            meter: input.meter,
            amount: input.amount.0,
            key: input.key,
            keep,
        };
        mutation(
            ctx,
            reservation::reserve(accounts(ctx), actor(ctx), wanted)
                .await
                .map(Into::into),
        )
    }

    /// Uses what was reserved. For other domains.
    #[graphql(inaccessible)]
    async fn quota_commit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to commit.")] input: QuotaCommitInput,
    ) -> Result<QuotaCommitPayload> {
        let used = input.amount.map(|amount| amount.0);
        mutation(
            ctx,
            reservation::commit(accounts(ctx), actor(ctx), &input.key, used)
                .await
                .map(Into::into),
        )
    }

    /// Gives back what was reserved, or what was used by something that is gone. For other domains.
    #[graphql(inaccessible)]
    async fn quota_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to give back.")] input: QuotaReleaseInput,
    ) -> Result<QuotaReleasePayload> {
        mutation(
            ctx,
            reservation::release(accounts(ctx), actor(ctx), &input.key)
                .await
                .map(Into::into),
        )
    }
}
