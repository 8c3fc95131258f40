//! Blobs: what a worker is to find out about new ones, and writing down what it has found.

use atelier_contracts::media::{Asset, AssetProcessingFailed, AssetQuarantined, AssetReady};
use atelier_kit::{
    Deps,
    error::Error,
    id::{Id, User},
    jobs::{Job, NewTask},
    transaction::Tx,
};
use serde::{Deserialize, Serialize};

use super::{Media, object_removal::objects_of};
use crate::{
    Blob,
    db::{
        asset,
        blob::{self, BlobRow, Findings},
        derivative::{self, DerivativeRow},
        object_removal::{self, NewObjectRemoval},
    },
    kinds::BlobState,
    sniff,
};

/// The queue of short work on files.
pub const QUEUE: &str = "media";

/// Makes thumbnails, placeholder and camera notes of a picture.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct DeriveImages {
    /// The picture.
    pub blob: Id<Blob>,
}

impl Job for DeriveImages {
    const TYPE: &'static str = "media.derive_images";
    const QUEUE: &'static str = QUEUE;
    const STEPS: &'static [&'static str] = &["fetch", "decode", "encode", "store"];
}

/// Finds out the digest of a file of which the store does not know it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct VerifyContent {
    /// The file.
    pub blob: Id<Blob>,
}

impl Job for VerifyContent {
    const TYPE: &'static str = "media.verify_content";
    const QUEUE: &'static str = QUEUE;
    const STEPS: &'static [&'static str] = &["verify"];
}

/// The state in which a blob begins: there is nothing to find out about a file whose digest the
/// store has verified and that is no picture.
pub fn first_state(content_type: &str, digest: Option<&[u8]>) -> BlobState {
    if sniff::is_decodable_image(content_type) || digest.is_none() {
        BlobState::Processing
    } else {
        BlobState::Ready
    }
}

/// The task that a new blob needs.
pub fn processing(deps: &Deps, row: &BlobRow, owner: Id<User>) -> Option<NewTask> {
    if row.state != BlobState::Processing {
        return None;
    }
    let (id, blob) = (deps.new_id(), row.id);
    let task = if sniff::is_decodable_image(&row.content_type) {
        NewTask::of(id, &DeriveImages { blob })
    } else {
        NewTask::of(id, &VerifyContent { blob })
    };
    Some(NewTask {
        owner: Some(owner),
        unique_key: Some(format!("media.process:{blob}")),
        ..task
    })
}

/// What came of looking at a blob.
pub struct Outcome {
    /// The digest of all its bytes.
    pub sha256: Vec<u8>,
    /// What is in it, or why that could not be found out.
    pub findings: Findings,
    /// What was made of it, in the store already.
    pub derivatives: Vec<DerivativeRow>,
}

/// The words for a file whose bytes are not those that were announced.
const NOT_AS_ANNOUNCED: &str = "The file does not match the SHA-256 that was announced for it.";
/// The words for a file that no worker has looked at.
const NOT_IN_TIME: &str = "It was not processed in time.";

/// A blob that a worker is told of.
pub async fn find(media: &Media, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    let mut connection = media.deps.read().await?;
    blob::find(&mut connection, id).await
}

/// Writes an outcome down; doing so again changes nothing.
pub async fn finish(media: &Media, id: Id<Blob>, outcome: &Outcome) -> Result<(), Error> {
    media
        .deps
        .transaction(async |tx| {
            let Some(blob) = blob::lock(tx, id).await? else {
                return remove_derivatives(tx, media, outcome).await;
            };
            if blob.state != BlobState::Processing {
                return Ok(());
            }
            if blob
                .declared_sha256
                .as_ref()
                .is_some_and(|declared| *declared != outcome.sha256)
            {
                return quarantine(tx, media, &blob).await;
            }
            match blob::by_sha256(tx, &outcome.sha256).await? {
                Some(twin) if twin.id != blob.id => merge(tx, media, &blob, &twin).await,
                _ => settle(tx, media, &blob, outcome).await,
            }
        })
        .await
}

/// The blob was purged meanwhile: what was just written must not stay.
async fn remove_derivatives(tx: &mut Tx, media: &Media, outcome: &Outcome) -> Result<(), Error> {
    let now = media.deps.clock.now();
    let removals: Vec<_> = outcome
        .derivatives
        .iter()
        .map(|row| NewObjectRemoval::of(row.storage_key.clone(), now))
        .collect();
    object_removal::insert(tx, &removals).await
}

async fn settle(
    tx: &mut Tx,
    media: &Media,
    blob: &BlobRow,
    outcome: &Outcome,
) -> Result<(), Error> {
    let failure = outcome.findings.failure.as_deref();
    let state = match failure {
        None => BlobState::Ready,
        Some(_) => BlobState::Failed,
    };
    blob::finish(
        tx,
        blob.id,
        state,
        Some(&outcome.sha256),
        &outcome.findings,
        media.deps.clock.now(),
    )
    .await?;
    derivative::replace(tx, blob.id, &outcome.derivatives).await?;
    let files = asset::owners_of_blobs(tx, &[blob.id]).await?;
    match failure {
        None => emit_ready(tx, &files),
        Some(reason) => emit_failed(tx, &files, reason),
    }
    Ok(())
}

async fn quarantine(tx: &mut Tx, media: &Media, blob: &BlobRow) -> Result<(), Error> {
    let findings = Findings {
        failure: Some(NOT_AS_ANNOUNCED.to_owned()),
        ..Findings::default()
    };
    let now = media.deps.clock.now();
    // Without a digest nobody else can refer to it.
    blob::finish(tx, blob.id, BlobState::Quarantined, None, &findings, now).await?;
    for (asset, owner) in asset::owners_of_blobs(tx, &[blob.id]).await? {
        tx.emit(&AssetQuarantined {
            asset,
            owner,
            reason: NOT_AS_ANNOUNCED.to_owned(),
        });
    }
    Ok(())
}

/// The same content was there already: its files take over the other blob, and this one goes.
async fn merge(tx: &mut Tx, media: &Media, blob: &BlobRow, twin: &BlobRow) -> Result<(), Error> {
    let files = asset::owners_of_blobs(tx, &[blob.id]).await?;
    blob::merge(tx, blob.id, twin.id).await?;
    let removals: Vec<_> = objects_of(blob.id, &blob.storage_key, media.deps.clock.now()).collect();
    object_removal::insert(tx, &removals).await?;
    blob::delete(tx, &[blob.id]).await?;
    match twin.state {
        // It will be told when the other one is done.
        BlobState::Processing => {}
        BlobState::Failed => {
            emit_failed(tx, &files, twin.failure.as_deref().unwrap_or_default());
        }
        BlobState::Ready | BlobState::Quarantined => emit_ready(tx, &files),
    }
    Ok(())
}

/// Notes that a picture cannot be processed that is not even read; its digest stays unknown.
pub async fn fail_unread(media: &Media, id: Id<Blob>, failure: &str) -> Result<(), Error> {
    media
        .deps
        .transaction(async |tx| {
            let blob = blob::lock(tx, id).await?;
            match blob.filter(|blob| blob.state == BlobState::Processing) {
                Some(_) => fail(tx, media, &[id], failure).await,
                None => Ok(()),
            }
        })
        .await
}

/// Makes up to `limit` files usable as they are that no worker has processed in time; tells how many.
pub async fn give_up(media: &Media, limit: i64) -> Result<usize, Error> {
    let before = media.deps.clock.now() - media.config.processing_limit;
    media
        .deps
        .transaction(async |tx| {
            let rows = blob::lock_stuck(tx, before, limit).await?;
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            fail(tx, media, &ids, NOT_IN_TIME).await?;
            Ok(ids.len())
        })
        .await
}

async fn fail(tx: &mut Tx, media: &Media, ids: &[Id<Blob>], failure: &str) -> Result<(), Error> {
    blob::fail(tx, ids, failure, media.deps.clock.now()).await?;
    let files = asset::owners_of_blobs(tx, ids).await?;
    emit_failed(tx, &files, failure);
    Ok(())
}

fn emit_ready(tx: &mut Tx, files: &[(Id<Asset>, Id<User>)]) {
    for &(asset, owner) in files {
        tx.emit(&AssetReady { asset, owner });
    }
}

fn emit_failed(tx: &mut Tx, files: &[(Id<Asset>, Id<User>)], reason: &str) {
    for &(asset, owner) in files {
        tx.emit(&AssetProcessingFailed {
            asset,
            owner,
            reason: reason.to_owned(),
        });
    }
}
