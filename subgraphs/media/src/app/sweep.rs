//! What is done later, and again until it has worked: expired uploads, quota that accounts has not
//! heard of, garbage in the store, the trash, users and groups that are gone.

use atelier_contracts::media::UploadStatus;
use atelier_kit::error::Error;
use chrono::TimeDelta;

use super::{
    Media, asset as files, blob, deleted_user, group, object_removal, quota, upload::discard,
};
use crate::db::{asset, quota as quota_rows, upload};

/// Rows that one step of a sweep takes.
const BATCH: i64 = object_removal::BATCH;
/// Steps of a sweep before the next kind of work has its turn.
const ROUNDS: usize = 50;
/// How long an upload that left nothing behind is remembered, for its idempotency key.
const REMEMBER: TimeDelta = TimeDelta::days(7);

/// What a sweep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that had expired.
    pub expired: usize,
    /// Uploads of which accounts has heard.
    pub settled: usize,
    /// Objects and multipart uploads that were removed from the store.
    pub removed: usize,
    /// Files that had been in the trash for long enough.
    pub purged: usize,
    /// Blobs whose processing was given up.
    pub given_up: usize,
    /// Files, open uploads and memberships of users whose accounts are gone.
    pub forgotten: usize,
}

/// Does everything that is due now.
pub async fn sweep(media: &Media) -> Result<Swept, Error> {
    let swept = Swept {
        forgotten: forget(media).await?,
        expired: repeat(|| expire(media)).await?,
        purged: repeat(|| empty_trash(media)).await?,
        given_up: repeat(|| blob::give_up(media, BATCH)).await?,
        // After the others, which leave something to be removed, which leaves something to be settled.
        removed: repeat(|| remove(media)).await?,
        settled: repeat(|| settle(media)).await?,
    };
    let before = media.deps.clock.now() - REMEMBER;
    media
        .deps
        .transaction(async |tx| upload::delete_settled(tx, None, before, BATCH).await)
        .await?;
    for _ in 0..ROUNDS {
        if group::forget_some(media).await? {
            break;
        }
    }
    if swept != Swept::default() {
        tracing::info!(target: "sweep", ?swept, "swept");
    }
    Ok(swept)
}

/// Repeats a step for as long as it has a whole batch to do.
async fn repeat<S>(mut step: impl FnMut() -> S) -> Result<usize, Error>
where
    S: Future<Output = Result<usize, Error>>,
{
    let mut total = 0;
    for _ in 0..ROUNDS {
        let done = step().await?;
        total += done;
        if done < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    Ok(total)
}

async fn forget(media: &Media) -> Result<usize, Error> {
    let mut total = 0;
    for _ in 0..ROUNDS {
        match deleted_user::forget_some(media).await? {
            Some(removed) => total += removed,
            None => break,
        }
    }
    Ok(total)
}

async fn expire(media: &Media) -> Result<usize, Error> {
    media
        .deps
        .transaction(async |tx| {
            let rows = upload::lock_expired(tx, media.deps.clock.now(), BATCH).await?;
            discard(tx, media, &rows, UploadStatus::Expired).await?;
            Ok(rows.len())
        })
        .await
}

async fn empty_trash(media: &Media) -> Result<usize, Error> {
    let before = media.deps.clock.now() - media.config.trash_retention;
    media
        .deps
        .transaction(async |tx| {
            let rows = asset::lock_trashed(tx, before, BATCH).await?;
            files::remove(tx, media, &rows).await?;
            Ok(rows.len())
        })
        .await
}

async fn remove(media: &Media) -> Result<usize, Error> {
    let (removed, _) = object_removal::remove_due(media).await?;
    Ok(removed)
}

async fn settle(media: &Media) -> Result<usize, Error> {
    let rows = unsettled(media).await?;
    Ok(quota::settle(media, &rows).await)
}

async fn unsettled(media: &Media) -> Result<Vec<upload::UploadRow>, Error> {
    let mut connection = media.deps.read().await?;
    quota_rows::unsettled(&mut connection, BATCH).await
}
