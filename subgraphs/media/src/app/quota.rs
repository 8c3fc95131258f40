//! The storage quota, which accounts keeps.
//!
//! Every upload has one reservation there, named by the upload's id, so that each call may be
//! repeated. A transaction here notes what accounts must hear (`commit_due`, `release_due`); it is
//! told after the commit, and by the sweep until it has answered. What an upload without a file has
//! reserved stays so (`held`) until the store has forgotten it: until then signed requests could
//! bring bytes that nobody counts.

use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Media;
use crate::db::{
    state::QuotaState,
    upload::{self, UploadRow},
};

const RESERVE: &str = "mutation StorageReserve($input: QuotaReserveInput!) { quotaReserve(input: $input) { userErrors { code } } }";
const COMMIT: &str = "mutation StorageCommit($input: QuotaCommitInput!) { quotaCommit(input: $input) { userErrors { code } } }";
const RELEASE: &str = "mutation StorageRelease($input: QuotaReleaseInput!) { quotaRelease(input: $input) { userErrors { code } } }";

/// How much longer than an upload its reservation is kept: so long accounts may be away.
const MARGIN: TimeDelta = TimeDelta::days(1);
/// The longest that accounts keeps a reservation.
const LONGEST: TimeDelta = TimeDelta::days(30);

/// What accounts says to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The bytes are set aside.
    Yes,
    /// The quota does not suffice.
    Exceeded,
}

/// Sets the bytes of an upload aside.
pub async fn reserve(media: &Media, row: &UploadRow) -> Result<Reserved, Error> {
    let kept = row.expires_at - row.created_at + MARGIN;
    let input = json!({
        "userId": row.owner_id,
        "meter": "STORAGE_BYTES",
        "amount": row.byte_size,
        "key": row.id,
        "expiresInSeconds": kept.num_seconds().min(LONGEST.num_seconds()),
    });
    match call(media, RESERVE, "quotaReserve", input)
        .await?
        .as_deref()
    {
        None => Ok(Reserved::Yes),
        Some("QUOTA_EXCEEDED") => Ok(Reserved::Exceeded),
        Some(code) => Err(unexpected("reserve", code)),
    }
}

/// Tells accounts what an upload is due. A failure is logged and left to the sweep.
pub async fn settle(media: &Media, row: &UploadRow) {
    if let Err(error) = try_settle(media, row).await {
        tracing::warn!(target: "quota", upload = %row.id, state = row.quota_state.as_str(), cause = error.cause_chain(), "accounts has not heard yet");
    }
}

/// Tells accounts what an upload is due, if anything.
pub async fn try_settle(media: &Media, row: &UploadRow) -> Result<(), Error> {
    let to = match row.quota_state {
        QuotaState::CommitDue => commit(media, row).await?,
        QuotaState::ReleaseDue => release(media, row).await?,
        QuotaState::Reserved | QuotaState::Held | QuotaState::Committed | QuotaState::Released => {
            return Ok(());
        }
    };
    let mut connection = media.deps.db.read().await?;
    upload::settle(&mut connection, row.id, row.quota_state, to).await
}

async fn commit(media: &Media, row: &UploadRow) -> Result<QuotaState, Error> {
    match call(media, COMMIT, "quotaCommit", json!({ "key": row.id }))
        .await?
        .as_deref()
    {
        None => Ok(QuotaState::Committed),
        // Nobody could reach accounts for longer than it keeps a reservation. The file is there:
        // it is told to the operator, and counts for nothing.
        Some(code @ ("NOT_FOUND" | "RESERVATION_CLOSED")) => {
            tracing::error!(target: "quota", upload = %row.id, code, "the reservation of a completed upload is gone");
            Ok(QuotaState::Released)
        }
        Some(code) => Err(unexpected("commit", code)),
    }
}

async fn release(media: &Media, row: &UploadRow) -> Result<QuotaState, Error> {
    match call(media, RELEASE, "quotaRelease", json!({ "key": row.id }))
        .await?
        .as_deref()
    {
        // An upload that died before it reserved anything has nothing to give back.
        None | Some("NOT_FOUND") => Ok(QuotaState::Released),
        Some(code) => Err(unexpected("release", code)),
    }
}

/// The code of the first expected failure, if there is one.
async fn call(
    media: &Media,
    operation: &'static str,
    field: &str,
    input: Value,
) -> Result<Option<String>, Error> {
    let answer = media
        .deps
        .peers
        .call(
            "accounts",
            Actor::service("media"),
            operation,
            json!({ "input": input }),
        )
        .await?;
    Ok(answer[field]["userErrors"][0]["code"]
        .as_str()
        .map(str::to_owned))
}

fn unexpected(what: &str, code: &str) -> Error {
    Error::caused(
        ErrorCode::Unavailable,
        format!("accounts refuses to {what}: {code}"),
    )
}
