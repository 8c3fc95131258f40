//! Quota reservations, for other domains only.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    Locale,
    error::Refusal,
    graphql::{Long, Payload, actor, mutation},
    id::{self, Id},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::accounts;
use crate::{
    app::reservation,
    db::reservation::ReservationRow,
    error::{AccountsErrorCode, AccountsUserError},
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

/// What to reserve.
#[derive(InputObject)]
#[graphql(inaccessible)]
pub struct QuotaReserveInput {
    /// Whose quota.
    pub user_id: Id<id::User>,
    /// Of what.
    pub meter: Meter,
    /// How much; at least 1.
    pub amount: Long,
    /// A key of the domain's choice; reserving again with the same key and the same amount changes
    /// nothing.
    pub key: String,
    /// When to give it back unless it is committed before; a week unless told otherwise.
    pub expires_in_seconds: Option<Long>,
}

/// What to commit.
#[derive(InputObject)]
#[graphql(inaccessible)]
pub struct QuotaCommitInput {
    /// The reservation's key.
    pub key: String,
    /// How much was used, if it was less than reserved; the rest is given back.
    pub amount: Option<Long>,
}

/// What to give back.
#[derive(InputObject)]
#[graphql(inaccessible)]
pub struct QuotaReleaseInput {
    /// The reservation's key.
    pub key: String,
}

macro_rules! reservation_payload {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        #[graphql(inaccessible)]
        pub struct $name {
            /// The reservation as it is now.
            pub reservation: Option<QuotaReservation>,
            /// Why nothing was changed; empty on success.
            pub user_errors: Vec<AccountsUserError>,
        }

        impl Payload for $name {
            type Code = AccountsErrorCode;
            type Done = QuotaReservation;

            fn done(done: QuotaReservation) -> Self {
                Self { reservation: Some(done), user_errors: Vec::new() }
            }

            fn refused(refusals: Vec<Refusal<AccountsErrorCode>>, locale: Locale) -> Self {
                let user_errors = refusals.into_iter().map(|refusal| AccountsUserError::from_refusal(refusal, locale)).collect();
                Self { reservation: None, user_errors }
            }
        }
    };
}
reservation_payload!(
    /// The outcome of reserving.
    QuotaReservePayload
);
reservation_payload!(
    /// The outcome of committing.
    QuotaCommitPayload
);
reservation_payload!(
    /// The outcome of giving back.
    QuotaReleasePayload
);

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
