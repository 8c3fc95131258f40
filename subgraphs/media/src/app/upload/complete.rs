//! Completing an upload: from bytes in the store to a file.

use std::time::Duration;

use atelier_contracts::media::{Asset, AssetCreated, AssetReady, Upload, UploadStatus};
use atelier_kit::{
    actor::Actor,
    error::Error,
    id::{Id, Task},
    transaction::Tx,
};
use chrono::TimeDelta;

use super::{
    abort::discard_one,
    demand_open, fact_of, lock,
    receive::{Object, Refused, receive},
    wrong_strategy,
};
use crate::{
    Blob,
    app::{
        Media, blob as blobs,
        object_removal::{clean_up, objects_of},
        quota,
    },
    db::{
        asset::{self, AssetRow},
        blob::{self, BlobRow},
        object_removal,
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode},
    kinds::{BlobState, UploadStrategy},
    sniff,
};

/// How long a completion that died keeps others from trying.
const CLAIM: TimeDelta = TimeDelta::seconds(30);
/// How often a living completion renews its claim.
const RENEW: Duration = Duration::from_secs(10);

/// Completes an upload. May be repeated: what is completed stays so.
pub async fn complete(media: &Media, actor: &Actor, id: Id<Upload>) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    let claimed = match claim(media, actor, id).await? {
        Claim::Done(row) => return Ok(*row),
        Claim::Mine(row) => *row,
    };
    let received = renewing(media, &claimed, receive(media, &claimed)).await;
    let row = match received {
        Ok(object) => settle(media, &claimed, &object).await?,
        Err(refused) => return Err(give_back(media, &claimed, refused).await?),
    };
    quota::settle(media, std::slice::from_ref(&row)).await;
    Ok(row)
}

enum Claim {
    Done(Box<UploadRow>),
    Mine(Box<UploadRow>),
}

/// Takes the right to complete an upload, under a name that no other completion has.
async fn claim(media: &Media, actor: &Actor, id: Id<Upload>) -> Result<Claim, Fail> {
    media
        .deps
        .transaction(async |tx| {
            let mut row = lock(tx, actor, id).await?;
            if row.status == UploadStatus::Completed {
                return Ok(Claim::Done(Box::new(row)));
            }
            demand_open(&row)?;
            if row.strategy == UploadStrategy::Instant {
                return Err(wrong_strategy(&row));
            }
            let now = media.deps.clock.now();
            if row.claimed_until.is_some_and(|until| until > now) {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            }
            row.claim_key = Some(media.deps.new_uuid().simple().to_string());
            row.claimed_until = Some(now + CLAIM);
            upload::set_claim(tx, id, row.claimed_until, row.claim_key.as_deref()).await?;
            Ok(Claim::Mine(Box::new(row)))
        })
        .await
}

/// Runs `work` and keeps the claim meanwhile: joining many parts takes the store a while.
async fn renewing<T>(media: &Media, row: &UploadRow, work: impl Future<Output = T>) -> T {
    let mut renewals = tokio::time::interval(RENEW);
    renewals.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = renewals.tick() => {
                if let Err(error) = renew(media, row).await {
                    tracing::warn!(target: "upload", upload = %row.id, cause = error.cause_chain(), "a claim could not be renewed");
                }
            }
        }
    }
}

async fn renew(media: &Media, row: &UploadRow) -> Result<(), Error> {
    let until = media.deps.clock.now() + CLAIM;
    media
        .deps
        .statement(async |tx| {
            upload::renew_claim(tx, row.id, row.claim_key.as_deref(), until).await
        })
        .await
}

/// Gives the claim back after a refusal; what cannot come to anything ends here.
async fn give_back(media: &Media, claimed: &UploadRow, refused: Refused) -> Result<Fail, Error> {
    let for_good = matches!(refused, Refused::ForGood(_));
    let ended = media
        .deps
        .transaction(async |tx| {
            let current = upload::lock(tx, claimed.id).await?;
            let Some(row) =
                current.filter(|row| row.claim_key == claimed.claim_key && !row.status.is_closed())
            else {
                return Ok(false);
            };
            if for_good {
                discard_one(tx, media, row, UploadStatus::Rejected).await?;
            } else {
                upload::set_claim(tx, row.id, None, None).await?;
            }
            Ok::<_, Error>(for_good)
        })
        .await?;
    if ended {
        clean_up(media).await;
    }
    Ok(refused.into())
}

/// Makes the file, asks for its processing and tells of it: all or nothing.
async fn settle(media: &Media, claimed: &UploadRow, object: &Object) -> Result<UploadRow, Fail> {
    media
        .deps
        .transaction(async |tx| {
            let current = upload::lock(tx, claimed.id).await?;
            let Some(row) = current.filter(|row| {
                row.status == UploadStatus::Open && row.claim_key == claimed.claim_key
            }) else {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            };
            let (blob, fresh) = keep(tx, media, &row, object).await?;
            let task = blobs::processing(&media.deps, &blob, row.owner_id).filter(|_| fresh);
            let file = File {
                content_type: &object.content_type,
                task: task.as_ref().map(|task| task.id),
            };
            if let Some(task) = task {
                tx.enqueue(task);
            }
            Ok(finish(tx, media, &row, &blob, file).await?)
        })
        .await
}

/// The blob of an object: a new one, or the one that has the same content already.
async fn keep(
    tx: &mut Tx,
    media: &Media,
    row: &UploadRow,
    object: &Object,
) -> Result<(BlobRow, bool), Error> {
    let now = media.deps.clock.now();
    let id = media.deps.new_id::<Blob>();
    let blob = BlobRow {
        id,
        sha256: object.sha256.clone(),
        declared_sha256: row.declared_sha256.clone(),
        byte_size: row.byte_size,
        kind: sniff::kind_of(&object.content_type),
        state: blobs::first_state(&object.content_type, object.sha256.as_deref()),
        content_type: object.content_type.clone(),
        storage_key: object.key.clone(),
        reference_count: 1,
        failure: None,
        metadata: None,
        blurhash: None,
        dominant_color: None,
        created_at: now,
        processed_at: None,
    };
    if blob::insert(tx, &blob).await? {
        return Ok((blob, true));
    }
    let known = blob::refer_by_sha256(tx, blob.sha256.as_deref().unwrap_or_default()).await?;
    let known = known
        .ok_or_else(|| Error::internal("the blob with the same content went away meanwhile"))?;
    let removals: Vec<_> = objects_of(id, &blob.storage_key, now).collect();
    object_removal::insert(tx, &removals).await?;
    Ok((known, false))
}

/// What a file is to be, besides what was announced.
pub(super) struct File<'a> {
    pub content_type: &'a str,
    pub task: Option<Id<Task>>,
}

/// Adds the file and ends the upload, in the caller's transaction.
pub(super) async fn finish(
    tx: &mut Tx,
    media: &Media,
    row: &UploadRow,
    blob: &BlobRow,
    found: File<'_>,
) -> Result<UploadRow, Error> {
    let now = media.deps.clock.now();
    let file = AssetRow {
        id: media.deps.new_id::<Asset>(),
        owner_id: row.owner_id,
        blob_id: blob.id,
        filename: row.filename.clone(),
        content_type: found.content_type.to_owned(),
        purpose: row.purpose.clone(),
        created_at: now,
        updated_at: now,
        trashed_at: None,
    };
    asset::insert(tx, &file).await?;
    let closed = upload::complete(tx, row.id, file.id, found.task, now).await?;
    let (asset, owner) = (file.id, file.owner_id);
    tx.emit(&AssetCreated { asset, owner });
    if blob.state != BlobState::Processing {
        tx.emit(&AssetReady { asset, owner });
    }
    tx.emit(&fact_of(&closed));
    Ok(closed)
}
