//! Uploading without sending: the client proves that it has what is there already.

use atelier_contracts::media::{Upload, UploadStatus};
use atelier_kit::{actor::Actor, id::Id};
use atelier_storage::StorageError;

use super::{
    Challenge,
    abort::discard_one,
    complete::{File, finish},
    demand_open, lock, not_found,
    receive::check_type,
    wrong_strategy,
};
use crate::{
    app::{Media, access::may_change, quota, storage_failed},
    db::{
        blob::{self, BlobRow},
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
    kinds::UploadStrategy,
};

/// Wrong answers after which the upload is rejected.
const ATTEMPTS: i16 = 3;

/// Judges the answer to an upload's challenge; the right one completes it. May be repeated.
///
/// A wrong one is counted, which is the only thing a refusal changes.
pub async fn prove(
    media: &Media,
    actor: &Actor,
    id: Id<Upload>,
    answer: &str,
) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    let (row, challenge, blob) = match find(media, actor, id).await? {
        Found::Done(row) => return Ok(*row),
        Found::Open(row, challenge, blob) => (*row, challenge, *blob),
    };
    let right = match challenge.answer(&media.storage, &blob.storage_key).await {
        Ok(right) => right,
        Err(StorageError::NotFound) => return Err(gone()),
        Err(cause) => return Err(storage_failed(cause).into()),
    };
    if !right.eq_ignore_ascii_case(answer) {
        return refuse(media, actor, id).await;
    }
    // The same content may be announced as something that it is not.
    let content_type = check_type(media, &row, &blob.storage_key).await?;
    accept(media, actor, id, &challenge, &content_type).await
}

enum Found {
    Done(Box<UploadRow>),
    Open(Box<UploadRow>, Challenge, Box<BlobRow>),
}

/// The upload, what it asks, and the content that it asks about.
async fn find(media: &Media, actor: &Actor, id: Id<Upload>) -> Result<Found, Fail> {
    let mut connection = media.deps.read().await?;
    let row = upload::find(&mut connection, id)
        .await?
        .filter(|row| may_change(actor, row.owner_id))
        .ok_or_else(not_found)?;
    if row.status == UploadStatus::Completed {
        return Ok(Found::Done(Box::new(row)));
    }
    let challenge = challenge_of(&row)?;
    let blob = blob::find(&mut connection, challenge.blob)
        .await?
        .ok_or_else(gone)?;
    Ok(Found::Open(Box::new(row), challenge, Box::new(blob)))
}

fn challenge_of(row: &UploadRow) -> Result<Challenge, Fail> {
    demand_open(row)?;
    match &row.challenge {
        Some(challenge) if row.strategy == UploadStrategy::Instant => {
            Ok(serde_json::from_value(challenge.clone())?)
        }
        _ => Err(wrong_strategy(row)),
    }
}

fn gone() -> Fail {
    Fail::refused(MediaErrorCode::ContentGone, "input.uploadId")
}

async fn accept(
    media: &Media,
    actor: &Actor,
    id: Id<Upload>,
    challenge: &Challenge,
    content_type: &str,
) -> Result<UploadRow, Fail> {
    let row = media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            if row.status == UploadStatus::Completed {
                return Ok(row);
            }
            demand_open(&row)?;
            let blob = blob::refer(tx, challenge.blob).await?.ok_or_else(gone)?;
            let file = File {
                content_type,
                task: None,
            };
            Ok::<_, Fail>(finish(tx, media, &row, &blob, file).await?)
        })
        .await?;
    quota::settle(media, std::slice::from_ref(&row)).await;
    Ok(row)
}

async fn refuse(media: &Media, actor: &Actor, id: Id<Upload>) -> Result<UploadRow, Fail> {
    let (attempts, rejected) = media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            demand_open(&row)?;
            let attempts = upload::count_proof_attempt(tx, id).await?;
            let rejected = if attempts >= ATTEMPTS {
                Some(discard_one(tx, media, row, UploadStatus::Rejected).await?)
            } else {
                None
            };
            Ok::<_, Fail>((attempts, rejected))
        })
        .await?;
    quota::settle(media, rejected.as_slice()).await;
    Err(Refusal::new(MediaErrorCode::ProofRejected, "input.answer")
        .with("left", (ATTEMPTS - attempts).max(0))
        .into())
}
