//! What is done later, and again until it has worked: expired uploads, quota that accounts has not
//! heard of, garbage in the store, the trash.

use atelier_kit::error::Error;
use chrono::TimeDelta;
use diesel_async::AsyncConnection;
use tokio_util::sync::CancellationToken;

use super::{Media, asset as files, fact, quota, storage_failed, upload::discard};
use crate::db::{
    asset,
    blob::{self, Findings},
    doomed,
    state::{BlobState, UploadStatus},
    upload,
};

/// Rows that one step of a sweep takes.
const BATCH: i64 = 100;
/// Steps of a sweep before it lets others have the connection.
const ROUNDS: usize = 50;
/// How long an upload that left nothing behind is remembered, for its idempotency key.
const REMEMBER: TimeDelta = TimeDelta::days(7);
/// Multipart uploads that no row knows of are aborted this long after their last possible use.
const ORPHANED_AFTER: TimeDelta = TimeDelta::days(1);

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
    /// Files whose processing was given up.
    pub given_up: usize,
}

/// Sweeps until `stop`.
pub async fn run(media: Media, stop: CancellationToken) {
    let mut turns = tokio::time::interval(media.config.sweep_every);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
        }
        match sweep(&media).await {
            Ok(swept) if swept != Swept::default() => {
                tracing::info!(target: "sweep", ?swept, "swept")
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(target: "sweep", cause = error.cause_chain(), "a sweep failed; the next one tries again")
            }
        }
    }
}

/// Does everything that is due now.
pub async fn sweep(media: &Media) -> Result<Swept, Error> {
    let mut swept = Swept {
        expired: repeat(|| expire(media)).await?,
        purged: repeat(|| empty_trash(media)).await?,
        given_up: repeat(|| give_up(media)).await?,
        // After the others, which leave something to be settled and removed.
        settled: settle(media).await?,
        removed: repeat(|| remove_doomed(media)).await?,
    };
    let mut connection = media.deps.db.read().await?;
    upload::forget_closed(&mut connection, media.deps.clock.now() - REMEMBER, BATCH).await?;
    drop(connection);
    swept.removed += abort_orphans(media).await?;
    Ok(swept)
}

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

async fn expire(media: &Media) -> Result<usize, Error> {
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let rows = upload::lock_expired(connection, media.deps.clock.now(), BATCH).await?;
            for row in &rows {
                discard(connection, media, row, UploadStatus::Expired).await?;
            }
            Ok(rows.len())
        })
        .await
}

async fn empty_trash(media: &Media) -> Result<usize, Error> {
    let before = media.deps.clock.now() - media.config.trash_retention;
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let rows = asset::lock_trashed(connection, before, BATCH).await?;
            files::remove(connection, media, &rows).await?;
            Ok(rows.len())
        })
        .await
}

/// Files that no worker has processed in time become usable as they are.
async fn give_up(media: &Media) -> Result<usize, Error> {
    let now = media.deps.clock.now();
    let before = now - media.config.processing_limit;
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let rows = blob::lock_stuck(connection, before, BATCH).await?;
            for row in &rows {
                let reason = "It was not processed in time.";
                let findings = Findings {
                    failure: Some(reason.to_owned()),
                    ..Findings::default()
                };
                blob::finish(
                    connection,
                    row.id,
                    BlobState::Failed,
                    row.sha256.as_deref(),
                    &findings,
                    now,
                )
                .await?;
                let about = asset::owners_of_blob(connection, row.id).await?;
                fact::tell_assets(
                    connection,
                    &media.deps,
                    fact::ASSET_PROCESSING_FAILED,
                    &about,
                    Some(reason),
                )
                .await?;
            }
            Ok(rows.len())
        })
        .await
}

async fn settle(media: &Media) -> Result<usize, Error> {
    let mut connection = media.deps.db.read().await?;
    let rows = upload::unsettled(&mut connection, BATCH).await?;
    drop(connection);
    let mut settled = 0;
    for row in &rows {
        match quota::try_settle(media, row).await {
            Ok(()) => settled += 1,
            Err(error) => {
                tracing::warn!(target: "quota", upload = %row.id, cause = error.cause_chain(), "accounts has not heard yet")
            }
        }
    }
    Ok(settled)
}

/// Removes what is doomed from the store, up to a batch; tells how much.
pub async fn remove_doomed(media: &Media) -> Result<usize, Error> {
    let mut connection = media.deps.db.read().await?;
    let rows = doomed::due(&mut connection, media.deps.clock.now(), BATCH).await?;
    drop(connection);
    if rows.is_empty() {
        return Ok(0);
    }
    // Unfinished uploads first: aborting one may race with its last part.
    for row in &rows {
        if let Some(multipart_id) = &row.multipart_id {
            media
                .storage
                .abort_multipart(&row.storage_key, multipart_id)
                .await
                .map_err(storage_failed)?;
        }
    }
    let keys: Vec<_> = rows
        .iter()
        .filter(|row| row.multipart_id.is_none())
        .map(|row| row.storage_key.as_str())
        .collect();
    if !keys.is_empty() {
        media.storage.delete(&keys).await.map_err(storage_failed)?;
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut connection = media.deps.db.read().await?;
    doomed::forget(&mut connection, &ids).await?;
    Ok(rows.len())
}

/// Aborts multipart uploads that a crash has left without a row.
async fn abort_orphans(media: &Media) -> Result<usize, Error> {
    let lifetime = TimeDelta::from_std(media.config.multipart_lifetime).unwrap_or(TimeDelta::MAX);
    let before = media.deps.clock.now() - lifetime - ORPHANED_AFTER;
    let pending = media
        .storage
        .list_multiparts("blobs/")
        .await
        .map_err(storage_failed)?;
    let mut aborted = 0;
    for upload in pending
        .iter()
        .filter(|upload| upload.initiated.is_some_and(|at| at < before))
    {
        media
            .storage
            .abort_multipart(&upload.key, &upload.upload_id)
            .await
            .map_err(storage_failed)?;
        aborted += 1;
    }
    Ok(aborted)
}
