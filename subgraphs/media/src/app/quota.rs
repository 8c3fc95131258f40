//! The storage quota, which accounts keeps.
//!
//! Every upload has one reservation there, named by the upload's id, so that each call may be
//! repeated. A transaction here notes what accounts must hear (`COMMIT_DUE`, `RELEASE_DUE`); it is
//! told after the commit, and by the sweep until it has answered. What an upload without a file has
//! reserved stays so (`HELD`) until the store has forgotten it: until then signed requests could
//! bring bytes that nobody counts.

use atelier_contracts::accounts::{
    Meter, QuotaCommitInput, QuotaRefusal, QuotaReleaseInput, QuotaReserveInput,
};
use atelier_kit::error::{Error, ErrorCode};
use chrono::TimeDelta;
use futures::{StreamExt, stream};

use super::Media;
use crate::{
    db::{quota, upload::UploadRow},
    kinds::QuotaState,
};

/// How much longer than an upload its reservation is kept: so long accounts may be away.
const MARGIN: TimeDelta = TimeDelta::days(1);
/// The longest that accounts keeps a reservation.
const LONGEST: TimeDelta = TimeDelta::days(30);
/// Calls to accounts at a time.
const CALLS: usize = 8;

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
    let kept = (row.expires_at - row.created_at + MARGIN).min(LONGEST);
    let command = QuotaReserveInput {
        user_id: row.owner_id,
        meter: Meter::StorageBytes,
        amount: row.byte_size.into(),
        key: row.id.to_string(),
        expires_in_seconds: Some(kept.num_seconds().into()),
    };
    match media.deps.command(&command).await? {
        Ok(_) => Ok(Reserved::Yes),
        Err(QuotaRefusal::QuotaExceeded) => Ok(Reserved::Exceeded),
        Err(refusal) => Err(unexpected("reserve", refusal)),
    }
}

/// Tells accounts what uploads are due; tells of how many it has heard. Failures are logged and left to
/// the sweep.
pub async fn settle(media: &Media, rows: &[UploadRow]) -> usize {
    let calls: Vec<_> = rows.iter().map(|row| settle_or_log(media, row)).collect();
    stream::iter(calls)
        .buffer_unordered(CALLS)
        .filter(|heard| std::future::ready(*heard))
        .count()
        .await
}

async fn settle_or_log(media: &Media, row: &UploadRow) -> bool {
    let settled = settle_one(media, row).await;
    if let Err(error) = &settled {
        tracing::warn!(target: "quota", upload = %row.id, state = row.quota_state.as_str(), cause = error.cause_chain(), "accounts has not heard yet");
    }
    settled.is_ok()
}

/// Tells accounts what an upload is due, if anything.
async fn settle_one(media: &Media, row: &UploadRow) -> Result<(), Error> {
    let to = match row.quota_state {
        QuotaState::CommitDue => commit(media, row).await?,
        QuotaState::ReleaseDue => release(media, row).await?,
        QuotaState::Reserved | QuotaState::Held | QuotaState::Committed | QuotaState::Released => {
            return Ok(());
        }
    };
    media
        .deps
        .statement(async |tx| quota::settle(tx, row.id, row.quota_state, to).await)
        .await
}

async fn commit(media: &Media, row: &UploadRow) -> Result<QuotaState, Error> {
    let command = QuotaCommitInput {
        key: row.id.to_string(),
        amount: None,
    };
    match media.deps.command(&command).await? {
        Ok(_) => Ok(QuotaState::Committed),
        // Nobody could reach accounts for longer than it keeps a reservation. The file is there:
        // it is told to the operator, and counts for nothing.
        Err(refusal @ (QuotaRefusal::NotFound | QuotaRefusal::ReservationClosed)) => {
            tracing::error!(target: "quota", upload = %row.id, ?refusal, "the reservation of a completed upload is gone");
            Ok(QuotaState::Released)
        }
        Err(refusal) => Err(unexpected("commit", refusal)),
    }
}

async fn release(media: &Media, row: &UploadRow) -> Result<QuotaState, Error> {
    let command = QuotaReleaseInput {
        key: row.id.to_string(),
    };
    match media.deps.command(&command).await? {
        // An upload that died before it reserved anything has nothing to give back.
        Ok(_) | Err(QuotaRefusal::NotFound) => Ok(QuotaState::Released),
        Err(refusal) => Err(unexpected("release", refusal)),
    }
}

fn unexpected(what: &str, refusal: QuotaRefusal) -> Error {
    Error::caused(
        ErrorCode::Unavailable,
        format!("accounts refuses to {what}: {refusal:?}"),
    )
}
