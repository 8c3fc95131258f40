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
        state::{QuotaState, Strategy, UploadStatus},
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
    // Done at once where possible; what fails here the sweep does.
    quota::settle(media, &row).await;
    if let Err(error) = sweep::remove_doomed(media).await {
        tracing::warn!(target: "sweep", cause = error.cause_chain(), "the store is cleaned up later");
    }
    Ok(row)
}

/// Ends an upload without a file, in the caller's transaction: dooms its bytes and makes its quota
/// due for release. The caller holds its lock.
pub async fn discard(
    connection: &mut Connection,
    media: &Media,
    row: &UploadRow,
    status: UploadStatus,
) -> Result<UploadRow, Error> {
    let now = media.deps.clock.now();
    let mut garbage = Vec::new();
    let mut doom = |key: &String, multipart_id: Option<&String>, due_at| {
        garbage.push(NewDoomed {
            storage_key: key.clone(),
            multipart_id: multipart_id.cloned(),
            due_at,
        });
    };
    if let Some(key) = &row.storage_key {
        if row.multipart_id.is_some() {
            doom(key, row.multipart_id.as_ref(), now);
        }
        doom(key, None, now);
        // A request that is signed already can bring the bytes back until its signature is void.
        if row.strategy == Strategy::SinglePut {
            doom(key, None, now + media.config.signature_lifetime);
        }
    }
    if let Some(key) = &row.claim_key {
        doom(key, None, now);
    }
    doomed::doom(connection, &garbage).await?;
    let closing = Closing {
        status,
        quota_state: QuotaState::ReleaseDue,
        asset_id: None,
        task_id: None,
        at: now,
    };
    let closed = upload::close(connection, row.id, closing).await?;
    fact::tell_upload(connection, &media.deps, &closed).await?;
    Ok(closed)
}
