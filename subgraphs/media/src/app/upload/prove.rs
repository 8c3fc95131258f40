//! Uploading without sending: the client proves that it has what is there already.

use atelier_kit::actor::Actor;
use atelier_storage::StorageError;
use diesel_async::AsyncConnection;

use super::{
    super::{Media, access::may_see, quota, storage_failed},
    Challenge,
    abort::discard,
    complete::{File, finish},
    demand_open, lock,
    receive::{Refused, check_type},
    wrong_strategy,
};
use crate::{
    UploadId,
    db::{
        blob,
        state::{Strategy, UploadStatus},
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
};

/// Wrong answers after which the upload is rejected.
const ATTEMPTS: i16 = 3;

/// Judges the answer to an upload's challenge; the right one completes it. May be repeated.
///
/// A wrong one is counted, which is the only thing a refusal changes.
pub async fn prove(
    media: &Media,
    actor: &Actor,
    id: UploadId,
    answer: &str,
) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    let mut connection = media.deps.db.read().await?;
    let found = upload::find(&mut connection, id)
        .await?
        .filter(|row| may_see(actor, row.owner_id));
    let row = found.ok_or_else(|| Fail::refused(MediaErrorCode::NotFound, "input.uploadId"))?;
    if row.status == UploadStatus::Completed {
        return Ok(row);
    }
    let challenge = challenge_of(&row)?;
    let blob = blob::find(&mut connection, challenge.blob)
        .await?
        .ok_or_else(gone)?;
    drop(connection);
    let right = match challenge.answer(&media.storage, &blob.storage_key).await {
        Ok(right) => right,
        Err(StorageError::NotFound) => return Err(gone()),
        Err(cause) => return Err(storage_failed(cause).into()),
    };
    if !right.eq_ignore_ascii_case(answer) {
        return refuse(media, actor, id).await;
    }
    // The same content may be announced as something that it is not.
    match check_type(media, &row, &blob.storage_key).await {
        Ok(content_type) => accept(media, actor, id, &challenge, content_type).await,
        Err(Refused::Again(refusal) | Refused::ForGood(refusal)) => Err(refusal.into()),
        Err(Refused::Failed(error)) => Err(error.into()),
    }
}

fn challenge_of(row: &UploadRow) -> Result<Challenge, Fail> {
    demand_open(row)?;
    match &row.challenge {
        Some(challenge) if row.strategy == Strategy::Instant => {
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
    id: UploadId,
    challenge: &Challenge,
    content_type: String,
) -> Result<UploadRow, Fail> {
    let mut connection = media.deps.db.write().await?;
    let row = connection
        .transaction(async |connection| {
            let row = lock(connection, actor, id).await?;
            if row.status == UploadStatus::Completed {
                return Ok(row);
            }
            demand_open(&row)?;
            let blob = blob::refer(connection, challenge.blob)
                .await?
                .ok_or_else(gone)?;
            Ok::<_, Fail>(
                finish(
                    connection,
                    media,
                    &row,
                    &blob,
                    File {
                        content_type,
                        task: None,
                    },
                )
                .await?,
            )
        })
        .await?;
    drop(connection);
    quota::settle(media, &row).await;
    Ok(row)
}

async fn refuse(media: &Media, actor: &Actor, id: UploadId) -> Result<UploadRow, Fail> {
    let mut connection = media.deps.db.write().await?;
    let (attempts, rejected) = connection
        .transaction(async |connection| {
            let row = lock(connection, actor, id).await?;
            demand_open(&row)?;
            let attempts = upload::count_proof_attempt(connection, id).await?;
            let rejected = if attempts >= ATTEMPTS {
                Some(discard(connection, media, &row, UploadStatus::Rejected).await?)
            } else {
                None
            };
            Ok::<_, Fail>((attempts, rejected))
        })
        .await?;
    drop(connection);
    if let Some(row) = rejected {
        quota::settle(media, &row).await;
    }
    Err(Refusal::new(MediaErrorCode::ProofRejected, "input.answer")
        .with("left", (ATTEMPTS - attempts).max(0))
        .into())
}
