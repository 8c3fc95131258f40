//! Removing from the object store what nothing refers to any more.

use atelier_contracts::media::Upload;
use atelier_kit::{error::Error, id::Id};
use chrono::{DateTime, TimeDelta, Utc};

use super::{Media, derivative, quota, storage_failed};
use crate::{
    Blob,
    db::{
        object_removal::{self, NewObjectRemoval, ObjectRemovalRow},
        quota as quota_rows,
        upload::UploadRow,
    },
};

/// The most that is removed at once.
pub const BATCH: i64 = 100;
/// When something is tried again that could not be removed.
const TRY_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// Multipart uploads that no row knows of are aborted this long after their last possible use.
const ORPHANED_AFTER: TimeDelta = TimeDelta::days(1);

/// Everything in the store that belongs to a blob.
pub fn objects_of(
    blob: Id<Blob>,
    storage_key: &str,
    now: DateTime<Utc>,
) -> impl Iterator<Item = NewObjectRemoval> {
    derivative::keys(blob)
        .chain([storage_key.to_owned()])
        .map(move |key| NewObjectRemoval::of(key, now))
}

/// Removes from the store what a request has made superfluous, and settles what follows from it. What
/// fails here the sweep does.
pub async fn clean_up(media: &Media) {
    match remove_due(media).await {
        Ok((_, released)) => {
            quota::settle(media, &released).await;
        }
        Err(error) => {
            tracing::warn!(target: "sweep", cause = error.cause_chain(), "the store is cleaned up later");
        }
    }
}

/// Removes what is due from the store, up to a [`BATCH`]; tells how much, and whose quota is due for
/// release by that.
pub async fn remove_due(media: &Media) -> Result<(usize, Vec<UploadRow>), Error> {
    let now = media.deps.clock.now();
    let rows = due(media, now).await?;
    if rows.is_empty() {
        return Ok((0, Vec::new()));
    }
    let (removed, left) = remove(media, &rows).await;
    let gone: Vec<i64> = removed.iter().map(|row| row.id).collect();
    let uploads: Vec<Id<Upload>> = removed.iter().filter_map(|row| row.upload_id).collect();
    let released = media
        .deps
        .transaction(async |tx| {
            object_removal::postpone(tx, &left, now + TRY_AGAIN).await?;
            object_removal::delete(tx, &gone).await?;
            quota_rows::release_held(tx, &uploads).await
        })
        .await?;
    Ok((gone.len(), released))
}

async fn due(media: &Media, now: DateTime<Utc>) -> Result<Vec<ObjectRemovalRow>, Error> {
    let mut connection = media.deps.read().await?;
    object_removal::due(&mut connection, now, BATCH).await
}

/// Removes these from the store; tells what is gone, and the ids of what could not be removed.
async fn remove<'a>(
    media: &Media,
    rows: &'a [ObjectRemovalRow],
) -> (Vec<&'a ObjectRemovalRow>, Vec<i64>) {
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

/// Aborts multipart uploads that a crash has left without a row; tells how many.
pub async fn abort_orphans(media: &Media) -> Result<usize, Error> {
    let lifetime = TimeDelta::from_std(media.config.multipart_lifetime).unwrap_or(TimeDelta::MAX);
    let before = media.deps.clock.now() - lifetime - ORPHANED_AFTER;
    let pending = media
        .storage
        .list_multiparts("blobs/")
        .await
        .map_err(storage_failed)?;
    let orphans = pending
        .iter()
        .filter(|upload| upload.initiated.is_some_and(|at| at < before));
    let mut aborted = 0;
    for upload in orphans {
        media
            .storage
            .abort_multipart(&upload.key, &upload.upload_id)
            .await
            .map_err(storage_failed)?;
        aborted += 1;
    }
    Ok(aborted)
}
