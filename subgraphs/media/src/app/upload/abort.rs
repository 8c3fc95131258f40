//! Giving an upload up.

use atelier_contracts::media::{Upload, UploadStatus};
use atelier_kit::{actor::Actor, error::Error, id::Id, transaction::Tx};

use super::{closed, fact_of, lock};
use crate::{
    app::{Media, object_removal::clean_up, quota},
    db::{
        object_removal::{self, NewObjectRemoval},
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode},
};

/// Gives an upload up: what has arrived is removed, the quota is given back. May be repeated.
pub async fn abort(media: &Media, actor: &Actor, id: Id<Upload>) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    let row = media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            match row.status {
                UploadStatus::Aborted => return Ok(row),
                UploadStatus::Preparing | UploadStatus::Open => {}
                status => return Err(closed(status)),
            }
            if row
                .claimed_until
                .is_some_and(|until| until > media.deps.clock.now())
            {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            }
            Ok(discard_one(tx, media, row, UploadStatus::Aborted).await?)
        })
        .await?;
    // Done at once where possible; what fails here the sweep does.
    quota::settle(media, std::slice::from_ref(&row)).await;
    clean_up(media).await;
    Ok(row)
}

/// As [`discard`], for one upload.
pub(super) async fn discard_one(
    tx: &mut Tx,
    media: &Media,
    row: UploadRow,
    status: UploadStatus,
) -> Result<UploadRow, Error> {
    let closed = discard(tx, media, &[row], status).await?.pop();
    closed.ok_or_else(|| Error::internal("a locked upload went away"))
}

/// Ends uploads without a file, in the caller's transaction: has their bytes removed, and makes their
/// quota due for release when the bytes are gone. The caller holds the uploads' locks.
///
/// Once the store has forgotten the multipart upload, no signed request brings anything: it names the
/// multipart upload, not the object.
pub async fn discard(
    tx: &mut Tx,
    media: &Media,
    rows: &[UploadRow],
    status: UploadStatus,
) -> Result<Vec<UploadRow>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let removals: Vec<_> = rows
        .iter()
        .flat_map(|row| removals_of(media, row))
        .collect();
    object_removal::insert(tx, &removals).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let closed = upload::close(tx, &ids, status, media.deps.clock.now()).await?;
    for row in &closed {
        tx.emit(&fact_of(row));
    }
    Ok(closed)
}

/// What an upload without a file leaves in the store.
fn removals_of(media: &Media, row: &UploadRow) -> Vec<NewObjectRemoval> {
    let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) else {
        return Vec::new();
    };
    let now = media.deps.clock.now();
    let removal = |multipart_id: Option<&String>| NewObjectRemoval {
        multipart_id: multipart_id.cloned(),
        upload_id: Some(row.id),
        ..NewObjectRemoval::of(key.clone(), now)
    };
    // A completion may have joined the parts already.
    let at_once = [removal(Some(multipart_id)), removal(None)];
    // A part, or a completion, that was on its way when the store forgot the upload may come
    // after that: the store is asked once more.
    let later = at_once.clone().map(|removal| NewObjectRemoval {
        due_at: now + media.config.signature_lifetime,
        upload_id: None,
        ..removal
    });
    at_once.into_iter().chain(later).collect()
}
