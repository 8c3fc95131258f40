//! Quotas: an amount is reserved before a use, committed after it, or released.
//!
//! Each command may be repeated with the same key: it then changes nothing and answers how things
//! stand. Keys are each domain's own.

use async_graphql::InputObject;
use atelier_kit::{
    graphql::Long,
    id::{Id, User},
    peers::Command,
    text_enum,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Meter;

text_enum! {
    /// The state of a reservation.
    pub enum ReservationState {
        /// The amount is held.
        Reserved = "RESERVED",
        /// The amount is used.
        Committed = "COMMITTED",
        /// The amount was given back.
        Released = "RELEASED",
        /// The reservation ran out, and the amount was given back.
        Expired = "EXPIRED",
    }
}

/// Reserves an amount of a user's quota.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaReserveInput {
    /// Whose quota.
    pub user_id: Id<User>,
    /// What is counted.
    pub meter: Meter,
    /// How much; at least 1.
    pub amount: Long,
    /// A key of the calling domain's choice, at most 200 characters. Reserving again with the same key
    /// and amount changes nothing.
    pub key: String,
    /// Seconds until the amount is given back unless it is committed before; a week by default, at most
    /// 30 days.
    pub expires_in_seconds: Option<Long>,
}

/// Uses what was reserved.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaCommitInput {
    /// The reservation's key.
    pub key: String,
    /// How much was used, if it was less than reserved; the rest is given back.
    pub amount: Option<Long>,
}

/// Gives back what was reserved; after a commit, what was used.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaReleaseInput {
    /// The reservation's key.
    pub key: String,
}

/// How a reservation stands after a command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuotaAnswer {
    /// The reservation.
    pub reservation: Reservation,
}

/// A reservation, as far as other domains need to know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// Its key.
    pub key: String,
    /// Where it stands.
    pub state: ReservationState,
    /// When it is given back unless it is committed before.
    pub expires_at: DateTime<Utc>,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuotaRefusal {
    /// The quota does not suffice.
    QuotaExceeded,
    /// The key was used for another reservation.
    IdempotencyKeyReused,
    /// There is no such user, or no such reservation.
    NotFound,
    /// The amount is not positive, or more than was reserved.
    AmountInvalid,
    /// The reservation was released.
    ReservationClosed,
}

impl Command for QuotaReserveInput {
    const DOMAIN: &'static str = "accounts";
    const FIELD: &'static str = "quotaReserve";
    const OPERATION: &'static str = "mutation QuotaReserve($input: QuotaReserveInput!) { quotaReserve(input: $input) { reservation { key state expiresAt } userErrors { code } } }";
    type Answer = QuotaAnswer;
    type Refusal = QuotaRefusal;
}

impl Command for QuotaCommitInput {
    const DOMAIN: &'static str = "accounts";
    const FIELD: &'static str = "quotaCommit";
    const OPERATION: &'static str = "mutation QuotaCommit($input: QuotaCommitInput!) { quotaCommit(input: $input) { reservation { key state expiresAt } userErrors { code } } }";
    type Answer = QuotaAnswer;
    type Refusal = QuotaRefusal;
}

impl Command for QuotaReleaseInput {
    const DOMAIN: &'static str = "accounts";
    const FIELD: &'static str = "quotaRelease";
    const OPERATION: &'static str = "mutation QuotaRelease($input: QuotaReleaseInput!) { quotaRelease(input: $input) { reservation { key state expiresAt } userErrors { code } } }";
    type Answer = QuotaAnswer;
    type Refusal = QuotaRefusal;
}
