//! Files: renaming them, the trash, purging, signed URLs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use atelier_contracts::media::{
    Asset, AssetFact, AssetPurged, AssetRestored, AssetTrashed, AssetUpdated,
};
use atelier_kit::{
    actor::Actor,
    error::Error,
    id::Id,
    loader::Batch,
    page::{Page, PageArgs},
    transaction::Tx,
};
use atelier_storage::{Disposition, GetOptions, SignedRequest};
use chrono::{DateTime, Utc};

use super::{
    Media,
    access::{VisibleAsset, may_change},
    object_removal::{clean_up, objects_of},
    quota, storage_failed,
    upload::check_filename,
};
use crate::{
    Blob,
    db::{
        asset::{self, AssetAndBlob, AssetFilter, AssetRow, Usage},
        blob, object_removal, quota as quota_rows,
        upload::UploadRow,
    },
    error::{Fail, MediaErrorCode, Refusal},
    kinds::BlobState,
    sniff,
};

/// The most files that are purged at once.
pub const MAX_PURGED: usize = 100;

/// Files that the caller may see.
pub struct AssetById {
    pub media: Media,
    pub actor: Arc<Actor>,
}

impl Batch for AssetById {
    type Key = Id<Asset>;
    type Value = VisibleAsset;

    async fn load(&self, keys: Vec<Id<Asset>>) -> Result<HashMap<Id<Asset>, VisibleAsset>, Error> {
        let mut connection = self.media.deps.read().await?;
        let rows = asset::by_ids(&mut connection, &keys, self.actor.user_id()).await?;
        Ok(rows
            .into_iter()
            .filter_map(|(row, in_group)| VisibleAsset::of(&self.actor, row, in_group))
            .map(|visible| (visible.row.asset.id, visible))
            .collect())
    }
}

/// A page of the caller's files, newest first.
pub async fn page(
    media: &Media,
    actor: &Actor,
    filter: AssetFilter,
    page: &PageArgs,
) -> Result<Page<AssetAndBlob>, Error> {
    let owner = actor.require_user()?;
    page.fetch(
        &media.deps,
        async |connection, request| asset::page(connection, owner, filter, request).await,
        async |connection| asset::count(connection, owner, filter).await,
    )
    .await
}

/// What the caller's files take.
pub async fn usage(media: &Media, actor: &Actor) -> Result<Usage, Error> {
    let owner = actor.require_user()?;
    let mut connection = media.deps.read().await?;
    asset::usage(&mut connection, owner).await
}

fn not_found() -> Fail {
    Fail::refused(MediaErrorCode::NotFound, "input.id")
}

/// Locks a file that the caller may change.
async fn lock(tx: &mut Tx, actor: &Actor, id: Id<Asset>) -> Result<AssetRow, Fail> {
    actor.require_user()?;
    let row = asset::lock(tx, &[id]).await?.pop();
    row.filter(|row| may_change(actor, row.owner_id))
        .ok_or_else(not_found)
}

/// Renames a file.
pub async fn rename(
    media: &Media,
    actor: &Actor,
    id: Id<Asset>,
    filename: Option<&str>,
) -> Result<VisibleAsset, Fail> {
    actor.require_user()?;
    if let Some(refusal) = filename.and_then(check_filename) {
        return Err(refusal.into());
    }
    media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            if let Some(filename) = filename.filter(|name| *name != row.filename) {
                asset::rename(tx, id, filename, media.deps.clock.now()).await?;
                tx.emit(&AssetUpdated {
                    asset: id,
                    owner: row.owner_id,
                });
            }
            let row = asset::find(tx, id).await?;
            row.and_then(|row| VisibleAsset::of(actor, row, false))
                .ok_or_else(not_found)
        })
        .await
}

/// Puts a file into the trash. May be repeated.
pub async fn trash(media: &Media, actor: &Actor, id: Id<Asset>) -> Result<VisibleAsset, Fail> {
    let now = media.deps.clock.now();
    set_trashed(media, actor, id, Some(now)).await
}

/// Takes a file out of the trash. May be repeated.
pub async fn restore(media: &Media, actor: &Actor, id: Id<Asset>) -> Result<VisibleAsset, Fail> {
    set_trashed(media, actor, id, None).await
}

async fn set_trashed(
    media: &Media,
    actor: &Actor,
    id: Id<Asset>,
    at: Option<DateTime<Utc>>,
) -> Result<VisibleAsset, Fail> {
    media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            if row.trashed_at.is_some() != at.is_some() {
                asset::set_trashed(tx, id, at, media.deps.clock.now()).await?;
                let owner = row.owner_id;
                tx.emit::<AssetFact>(&if at.is_some() {
                    AssetTrashed { asset: id, owner }.into()
                } else {
                    AssetRestored { asset: id, owner }.into()
                });
            }
            let row = asset::find(tx, id).await?;
            row.and_then(|row| VisibleAsset::of(actor, row, false))
                .ok_or_else(not_found)
        })
        .await
}

/// Removes files from the trash for good; tells which, and why not the others.
pub async fn purge(
    media: &Media,
    actor: &Actor,
    ids: &[Id<Asset>],
) -> Result<(Vec<Id<Asset>>, Vec<Refusal>), Fail> {
    actor.require_user()?;
    if ids.is_empty() || ids.len() > MAX_PURGED {
        return Err(Refusal::new(MediaErrorCode::ListInvalid, "input.ids")
            .with("max", MAX_PURGED)
            .into());
    }
    let (purged, refusals, uploads) = media
        .deps
        .transaction(async |tx| {
            let rows = asset::lock(tx, ids).await?;
            let (purged, refusals) = select_trashed(actor, ids, &rows);
            let uploads = remove(tx, media, &purged).await?;
            let purged: Vec<_> = purged.into_iter().map(|row| row.id).collect();
            Ok::<_, Fail>((purged, refusals, uploads))
        })
        .await?;
    // What fails here the sweep does.
    quota::settle(media, &uploads).await;
    clean_up(media).await;
    Ok((purged, refusals))
}

/// Those files that the caller may purge, and why not the others.
fn select_trashed(
    actor: &Actor,
    ids: &[Id<Asset>],
    rows: &[AssetRow],
) -> (Vec<AssetRow>, Vec<Refusal>) {
    let (mut selected, mut refusals) = (Vec::<AssetRow>::new(), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        let path = format!("input.ids.{at}");
        match rows
            .iter()
            .find(|row| row.id == *id && may_change(actor, row.owner_id))
        {
            None => refusals.push(Refusal::new(MediaErrorCode::NotFound, &path)),
            Some(row) if row.trashed_at.is_none() => {
                refusals.push(Refusal::new(MediaErrorCode::NotTrashed, &path));
            }
            Some(row) if selected.iter().any(|other| other.id == row.id) => {}
            Some(row) => selected.push(row.clone()),
        }
    }
    (selected, refusals)
}

/// Removes files in the caller's transaction, and the bytes to which nothing else refers. The
/// caller holds the files' locks, and settles the uploads' quota after the commit.
pub async fn remove(
    tx: &mut Tx,
    media: &Media,
    rows: &[AssetRow],
) -> Result<Vec<UploadRow>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let uploads = quota_rows::release_for_assets(tx, &ids).await?;
    asset::delete(tx, &ids).await?;
    let mut lost: BTreeMap<Id<Blob>, i32> = BTreeMap::new();
    for row in rows {
        *lost.entry(row.blob_id).or_default() += 1;
    }
    remove_references(tx, media, &lost).await?;
    for row in rows {
        tx.emit(&AssetPurged {
            asset: row.id,
            owner: row.owner_id,
        });
    }
    Ok(uploads)
}

/// Takes so many references from each of these blobs, and removes those that have none left.
async fn remove_references(
    tx: &mut Tx,
    media: &Media,
    lost: &BTreeMap<Id<Blob>, i32>,
) -> Result<(), Error> {
    let ids: Vec<_> = lost.keys().copied().collect();
    let blobs = blob::lock_all(tx, &ids).await?;
    let (unused, shared): (Vec<_>, Vec<_>) = blobs
        .into_iter()
        .partition(|blob| lost.get(&blob.id) == Some(&blob.reference_count));
    let shared: Vec<_> = shared
        .iter()
        .filter_map(|blob| Some((blob.id, *lost.get(&blob.id)?)))
        .collect();
    blob::unrefer(tx, &shared).await?;
    let now = media.deps.clock.now();
    let removals: Vec<_> = unused
        .iter()
        .flat_map(|blob| objects_of(blob.id, &blob.storage_key, now))
        .collect();
    object_removal::insert(tx, &removals).await?;
    let unused: Vec<_> = unused.iter().map(|blob| blob.id).collect();
    blob::delete(tx, &unused).await
}

/// A URL under which the bytes of a file can be read for a while; `None` for files that the caller may
/// not have as they were uploaded, and for quarantined ones.
pub async fn url(
    media: &Media,
    asset: &VisibleAsset,
    expires_in: i32,
    download: bool,
) -> Result<Option<SignedRequest>, Error> {
    let expires = asset.access.url_lifetime(expires_in)?;
    let AssetAndBlob {
        asset: file, blob, ..
    } = &asset.row;
    if blob.state == BlobState::Quarantined || !asset.may_have_original() {
        return Ok(None);
    }
    let inline = !download && sniff::is_safe_inline(&file.content_type);
    let options = GetOptions {
        filename: Some(file.filename.clone()),
        disposition: if inline {
            Disposition::Inline
        } else {
            Disposition::Attachment
        },
        content_type: Some(file.content_type.clone()),
    };
    media
        .storage
        .presign_get(&blob.storage_key, &options, expires)
        .await
        .map(Some)
        .map_err(storage_failed)
}
