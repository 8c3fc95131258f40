//! What is done later, and again until it has worked: expired uploads, quota that accounts has not
//! heard of, garbage in the store, the trash.

use std::time::{Duration, Instant};

use atelier_kit::error::Error;
use chrono::TimeDelta;
use diesel_async::AsyncConnection;
use tokio_util::sync::CancellationToken;

use super::{Media, asset as files, fact, quota, storage_failed, upload::discard};
use crate::db::{
    asset,
    blob::{self, Findings},
    doomed::{self, DoomedRow},
    state::{BlobState, UploadStatus},
    upload::{self, UploadRow},
};

/// Rows that one step of a sweep takes.
const BATCH: i64 = 100;
/// Steps of a sweep before it lets others have the connection.
const ROUNDS: usize = 50;
/// How long an upload that left nothing behind is remembered, for its idempotency key.
const REMEMBER: TimeDelta = TimeDelta::days(7);
/// Multipart uploads that no row knows of are aborted this long after their last possible use.
const ORPHANED_AFTER: TimeDelta = TimeDelta::days(1);
/// How often they are looked for: the store lists all that are under way.
const ORPHANS_EVERY: Duration = Duration::from_secs(3600);
/// When something is tried again that could not be removed.
const TRY_AGAIN: TimeDelta = TimeDelta::minutes(1);

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
    let mut looked_at = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
        }
        let orphans = looked_at.is_none_or(|at: Instant| at.elapsed() >= ORPHANS_EVERY);
        if orphans {
            looked_at = Some(Instant::now());
        }
        match sweep(&media, orphans).await {
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

/// Does everything that is due now, and looks for `orphans` in the store.
pub async fn sweep(media: &Media, orphans: bool) -> Result<Swept, Error> {
    let mut swept = Swept {
        expired: repeat(|| expire(media)).await?,
        purged: repeat(|| empty_trash(media)).await?,
        given_up: repeat(|| give_up(media)).await?,
        // After the others, which leave something to be removed, which leaves something to be settled.
        removed: repeat(|| remove_some(media)).await?,
        settled: settle(media).await?,
    };
    let mut connection = media.deps.db.read().await?;
    upload::forget_closed(&mut connection, media.deps.clock.now() - REMEMBER, BATCH).await?;
    drop(connection);
    if orphans {
        swept.removed += abort_orphans(media).await?;
    }
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

/// Removes from the store what a request has doomed, and settles what follows from it. What fails
/// here the sweep does.
pub async fn clean_up(media: &Media) {
    match remove_doomed(media).await {
        Ok((_, released)) => {
            for row in &released {
                quota::settle(media, row).await;
            }
        }
        Err(error) => {
            tracing::warn!(target: "sweep", cause = error.cause_chain(), "the store is cleaned up later")
        }
    }
}

async fn remove_some(media: &Media) -> Result<usize, Error> {
    let (removed, _) = remove_doomed(media).await?;
    Ok(removed)
}

/// Removes what is doomed from the store, up to a batch; tells how much, and whose quota is due for
/// release by that.
async fn remove_doomed(media: &Media) -> Result<(usize, Vec<UploadRow>), Error> {
    let now = media.deps.clock.now();
    let mut connection = media.deps.db.read().await?;
    let rows = doomed::due(&mut connection, now, BATCH).await?;
    drop(connection);
    if rows.is_empty() {
        return Ok((0, Vec::new()));
    }
    let (removed, left) = remove(media, &rows).await;
    let gone: Vec<i64> = removed.iter().map(|row| row.id).collect();
    let uploads: Vec<_> = removed.iter().filter_map(|row| row.upload_id).collect();
    let mut connection = media.deps.db.write().await?;
    let released = connection
        .transaction(async |connection| {
            doomed::postpone(connection, &left, now + TRY_AGAIN).await?;
            doomed::forget(connection, &gone).await?;
            upload::release_held(connection, &uploads).await
        })
        .await?;
    Ok((gone.len(), released))
}

/// Removes these from the store; tells what is gone, and the ids of what could not be removed.
async fn remove<'a>(media: &Media, rows: &'a [DoomedRow]) -> (Vec<&'a DoomedRow>, Vec<i64>) {
    let (mut removed, mut left) = (Vec::new(), Vec::new());
    let (unfinished, objects): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row.multipart_id.is_some());
    // Unfinished uploads first: aborting one may race with its completion, which leaves an object.
    for row in unfinished {
        let multipart_id = row.multipart_id.as_deref().unwrap_or_default();
        let aborted = media
            .storage
            .abort_multipart(&row.storage_key, multipart_id)
            .await;
        match aborted {
            Ok(()) => removed.push(row),
            Err(cause) => {
                tracing::warn!(target: "sweep", key = row.storage_key, %cause, "an upload could not be aborted");
                left.push(row.id);
            }
        }
    }
    let keys: Vec<_> = objects.iter().map(|row| row.storage_key.as_str()).collect();
    match media.storage.delete(&keys).await {
        Ok(()) => removed.extend(objects),
        Err(cause) => {
            tracing::warn!(target: "sweep", objects = keys.len(), %cause, "objects could not be removed");
            left.extend(objects.iter().map(|row| row.id));
        }
    }
    (removed, left)
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
