//! Quotas: a domain reserves an amount before an operation, and commits or releases it afterwards.
//!
//! Every command may be repeated with the same key: it then changes nothing and returns the current
//! state. Each domain has a key space of its own.

use async_graphql::InputObject;
use atelier_kit::{
    command::Command,
    graphql::Long,
    id::{Id, User},
    text_enum,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Meter;

text_enum! {
    /// The state of a reservation.
    pub enum ReservationState {
        /// The amount is reserved.
        Reserved = "RESERVED",
        /// The amount has been used.
        Committed = "COMMITTED",
        /// The amount has been given back.
        Released = "RELEASED",
        /// The reservation expired, and the amount has been given back.
        Expired = "EXPIRED",
    }
}

/// The input of `quotaReserve`, which reserves an amount of a user's quota.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaReserveInput {
    /// The id of the user whose quota it is.
    pub user_id: Id<User>,
    /// The meter.
    pub meter: Meter,
    /// The amount to reserve, from 1 to 2^50.
    pub amount: Long,
    /// A key chosen by the calling domain, 1 to 200 bytes. Repeating the call with the same key,
    /// user, meter and amount changes nothing; with other values it is refused with
    /// `IDEMPOTENCY_KEY_REUSED`.
    pub key: String,
    /// The time in seconds after which the amount is given back, unless it is committed before
    /// then: seven days by default, at most 30 days.
    pub expires_in_seconds: Option<Long>,
}

/// The input of `quotaCommit`, which marks a reserved amount as used.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaCommitInput {
    /// The reservation's key.
    pub key: String,
    /// The amount that was used, from 0 to the reserved amount; the rest is given back. The whole
    /// amount by default.
    pub amount: Option<Long>,
}

/// The input of `quotaRelease`, which gives back a reserved amount or, after a commit, the used
/// amount.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct QuotaReleaseInput {
    /// The reservation's key.
    pub key: String,
}

/// The answer to a command: the state of a reservation after it.
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
    /// Its state.
    pub state: ReservationState,
    /// When the amount is given back, unless it is committed before then.
    pub expires_at: DateTime<Utc>,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuotaRefusal {
    /// Not enough of the quota is left.
    QuotaExceeded,
    /// The key belongs to a reservation with other values.
    IdempotencyKeyReused,
    /// The user or the reservation does not exist.
    NotFound,
    /// The amount is out of range.
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
