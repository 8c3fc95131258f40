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

/// An amount of a user's quota that another domain has reserved or used.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct QuotaReservation {
    /// The key that the domain chose for the reservation.
    pub key: String,
    /// The id of the user whose quota it is.
    pub user_id: Id<id::User>,
    /// The meter.
    pub meter: Meter,
    /// The amount that was reserved.
    pub amount: Long,
    /// The amount that was used; null until the reservation is committed.
    pub committed: Option<Long>,
    /// The state of the reservation.
    pub state: ReservationState,
    /// When the amount is given back, unless it is committed before then.
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
        /// The reservation after the call.
        reservation: QuotaReservation,
    }

    /// The result of `quotaCommit`.
    #[graphql(inaccessible)]
    pub struct QuotaCommitPayload, AccountsUserError {
        /// The reservation after the call.
        reservation: QuotaReservation,
    }

    /// The result of `quotaRelease`.
    #[graphql(inaccessible)]
    pub struct QuotaReleasePayload, AccountsUserError {
        /// The reservation after the call.
        reservation: QuotaReservation,
    }
}

#[derive(Default)]
pub struct ReservationMutation;

#[Object]
impl ReservationMutation {
    /// Reserves an amount of a user's quota. Repeating the call with the same key changes nothing.
    /// For other domains only.
    #[graphql(inaccessible)]
    async fn quota_reserve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The amount to reserve.")] input: QuotaReserveInput,
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

    /// Marks a reserved amount as used. Repeating the call changes nothing. For other domains only.
    #[graphql(inaccessible)]
    async fn quota_commit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reservation to commit.")] input: QuotaCommitInput,
    ) -> Result<QuotaCommitPayload> {
        let used = input.amount.map(|amount| amount.0);
        mutation(
            ctx,
            reservation::commit(accounts(ctx), actor(ctx), &input.key, used)
                .await
                .map(Into::into),
        )
    }

    /// Gives back a reserved amount, or a used amount once the thing that used it is gone.
    /// Repeating the call changes nothing. For other domains only.
    #[graphql(inaccessible)]
    async fn quota_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reservation to release.")] input: QuotaReleaseInput,
    ) -> Result<QuotaReleasePayload> {
        mutation(
            ctx,
            reservation::release(accounts(ctx), actor(ctx), &input.key)
                .await
                .map(Into::into),
        )
    }
}
