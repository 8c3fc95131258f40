//! Giving an upload up.

use atelier_kit::{actor::Actor, db::Connection, error::Error};
use diesel_async::AsyncConnection;

use super::{
    super::{Media, fact, quota, sweep},
    lock,
};
use crate::{
    UploadId,
    db::{
        doomed::{self, NewDoomed},
        state::{QuotaState, UploadStatus},
        upload::{self, Closing, UploadRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
};

/// Gives an upload up: what has arrived is removed, the quota is given back. May be repeated.
pub async fn abort(media: &Media, actor: &Actor, id: UploadId) -> Result<UploadRow, Fail> {
    let mut connection = media.deps.db.write().await?;
    let row = connection
        .transaction(async |connection| {
            let row = lock(connection, actor, id).await?;
            match row.status {
                UploadStatus::Aborted => return Ok(row),
                UploadStatus::Preparing | UploadStatus::Open => {}
                status => {
                    return Err(Refusal::new(MediaErrorCode::UploadClosed, "input.uploadId")
                        .with("status", status.as_str())
                        .into());
                }
            }
            if row
                .claimed_until
                .is_some_and(|until| until > media.deps.clock.now())
            {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            }
            Ok(discard(connection, media, &row, UploadStatus::Aborted).await?)
        })
        .await?;
    drop(connection);
    quota::settle(media, &row).await;
    // Done at once where possible; what fails here the sweep does.
    sweep::clean_up(media).await;
    Ok(row)
}

/// Ends an upload without a file, in the caller's transaction: dooms its bytes, and makes its quota
/// due for release when they are gone. The caller holds its lock.
///
/// Once the store has forgotten the multipart upload, no signed request brings anything: it names the
/// multipart upload, not the object.
pub async fn discard(
    connection: &mut Connection,
    media: &Media,
    row: &UploadRow,
    status: UploadStatus,
) -> Result<UploadRow, Error> {
    let now = media.deps.clock.now();
    let doom = |key: &String, multipart_id: Option<&String>| NewDoomed {
        storage_key: key.clone(),
        multipart_id: multipart_id.cloned(),
        due_at: now,
        upload_id: Some(row.id),
    };
    let mut garbage = Vec::new();
    if let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) {
        // A completion may have joined the parts already.
        garbage.extend([doom(key, Some(multipart_id)), doom(key, None)]);
        // A part, or a completion, that was on its way when the store forgot the upload may come
        // after that: the store is asked once more.
        let later = |doomed: NewDoomed| NewDoomed {
            due_at: now + media.config.signature_lifetime,
            upload_id: None,
            ..doomed
        };
        garbage.extend([doom(key, Some(multipart_id)), doom(key, None)].map(later));
    }
    doomed::doom(connection, &garbage).await?;
    let closing = Closing {
        status,
        quota_state: if garbage.is_empty() {
            QuotaState::ReleaseDue
        } else {
            QuotaState::Held
        },
        asset_id: None,
        task_id: None,
        at: now,
    };
    let closed = upload::close(connection, row.id, closing).await?;
    fact::tell_upload(connection, &media.deps, &closed).await?;
    Ok(closed)
}
