//! Files: renaming them, the trash, purging, signed URLs.

use std::time::Duration;

use atelier_kit::{
    actor::Actor,
    db::Connection,
    error::{Error, ErrorCode},
    id::{Asset, Id, User},
    page::PageRequest,
};
use atelier_storage::{Disposition, GetOptions, SignedRequest};
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{
    Media, access::may_see, fact, objects_of, quota, storage_failed, sweep, upload::check_filename,
};
use crate::{
    db::{
        asset::{self, AssetAndBlob, AssetFilter, AssetKey, AssetRow, Usage},
        blob,
        derivative::DerivativeRow,
        doomed,
        state::BlobState,
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
    sniff,
};

/// The most files that are purged at once.
pub const MAX_PURGED: usize = 100;
/// How long a signed URL may live: a week, by the S3 protocol.
const MAX_URL_SECONDS: i32 = 7 * 24 * 3600;

fn not_found() -> Fail {
    Fail::refused(MediaErrorCode::NotFound, "input.id")
}

/// Locks a file that the caller may change.
async fn lock(connection: &mut Connection, actor: &Actor, id: Id<Asset>) -> Result<AssetRow, Fail> {
    actor.require_user()?;
    let row = asset::lock(connection, &[id]).await?.pop();
    row.filter(|row| may_see(actor, row.owner_id))
        .ok_or_else(not_found)
}

/// Renames a file.
pub async fn rename(
    media: &Media,
    actor: &Actor,
    id: Id<Asset>,
    filename: Option<&str>,
) -> Result<AssetAndBlob, Fail> {
    if let Some(refusal) = filename.and_then(check_filename) {
        return Err(refusal.into());
    }
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let row = lock(connection, actor, id).await?;
            if let Some(filename) = filename.filter(|name| *name != row.filename) {
                asset::rename(connection, id, filename, media.deps.clock.now()).await?;
                fact::tell_assets(
                    connection,
                    &media.deps,
                    fact::ASSET_UPDATED,
                    &[(id, row.owner_id)],
                    None,
                )
                .await?;
            }
            asset::find(connection, id).await?.ok_or_else(not_found)
        })
        .await
}

/// Puts a file into the trash. May be repeated.
pub async fn trash(media: &Media, actor: &Actor, id: Id<Asset>) -> Result<AssetAndBlob, Fail> {
    let now = media.deps.clock.now();
    set_trashed(media, actor, id, Some(now)).await
}

/// Takes a file out of the trash. May be repeated.
pub async fn restore(media: &Media, actor: &Actor, id: Id<Asset>) -> Result<AssetAndBlob, Fail> {
    set_trashed(media, actor, id, None).await
}

async fn set_trashed(
    media: &Media,
    actor: &Actor,
    id: Id<Asset>,
    at: Option<DateTime<Utc>>,
) -> Result<AssetAndBlob, Fail> {
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let row = lock(connection, actor, id).await?;
            if row.trashed_at.is_some() != at.is_some() {
                asset::set_trashed(connection, id, at, media.deps.clock.now()).await?;
                let topic = if at.is_some() {
                    fact::ASSET_TRASHED
                } else {
                    fact::ASSET_RESTORED
                };
                fact::tell_assets(connection, &media.deps, topic, &[(id, row.owner_id)], None)
                    .await?;
            }
            asset::find(connection, id).await?.ok_or_else(not_found)
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
    let mut connection = media.deps.db.write().await?;
    let (purged, refusals, uploads) = connection
        .transaction(async |connection| {
            let rows = asset::lock(connection, ids).await?;
            let (mut doomed, mut refusals) = (Vec::<AssetRow>::new(), Vec::new());
            for (at, id) in ids.iter().enumerate() {
                let path = format!("input.ids.{at}");
                match rows
                    .iter()
                    .find(|row| row.id == *id && may_see(actor, row.owner_id))
                {
                    None => refusals.push(Refusal::new(MediaErrorCode::NotFound, &path)),
                    Some(row) if row.trashed_at.is_none() => {
                        refusals.push(Refusal::new(MediaErrorCode::NotTrashed, &path))
                    }
                    Some(row) if doomed.iter().any(|other| other.id == row.id) => {}
                    Some(row) => doomed.push(row.clone()),
                }
            }
            let uploads = remove(connection, media, &doomed).await?;
            Ok::<_, Fail>((
                doomed.into_iter().map(|row| row.id).collect(),
                refusals,
                uploads,
            ))
        })
        .await?;
    drop(connection);
    settle_removed(media, &uploads).await;
    Ok((purged, refusals))
}

/// Removes files in the caller's transaction, and the bytes to which nothing else refers. The
/// caller holds the files' locks, and settles the uploads' quota after the commit.
pub async fn remove(
    connection: &mut Connection,
    media: &Media,
    rows: &[AssetRow],
) -> Result<Vec<UploadRow>, Error> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let uploads = upload::release_for_assets(connection, &ids).await?;
    asset::delete(connection, &ids).await?;
    // In one order everywhere, so that two purges cannot wait for each other.
    let mut blobs: Vec<_> = rows.iter().map(|row| row.blob_id).collect();
    blobs.sort_unstable();
    for id in blobs {
        let left = blob::unrefer(connection, id).await?;
        if left.reference_count == 0 {
            doomed::doom(
                connection,
                &objects_of(id, &left.storage_key, media.deps.clock.now()),
            )
            .await?;
            blob::delete(connection, id).await?;
        }
    }
    let about: Vec<_> = rows.iter().map(|row| (row.id, row.owner_id)).collect();
    fact::tell_assets(connection, &media.deps, fact::ASSET_PURGED, &about, None).await?;
    Ok(uploads)
}

/// What follows the removal of files: quota and store. What fails here the sweep does.
pub async fn settle_removed(media: &Media, uploads: &[UploadRow]) {
    for row in uploads {
        quota::settle(media, row).await;
    }
    sweep::clean_up(media).await;
}

/// A URL under which the bytes of a file can be read for a while; `None` for quarantined files.
pub async fn url(
    media: &Media,
    (file, blob): &AssetAndBlob,
    expires_in: i32,
    download: bool,
) -> Result<Option<SignedRequest>, Error> {
    let expires = lifetime(expires_in)?;
    if blob.state == BlobState::Quarantined {
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

/// A URL under which a derivative can be read for a while.
pub async fn derivative_url(
    media: &Media,
    row: &DerivativeRow,
    expires_in: i32,
) -> Result<SignedRequest, Error> {
    let options = GetOptions {
        filename: Some(format!("{}.{}", row.name, row.format.as_str())),
        disposition: Disposition::Inline,
        content_type: Some(row.format.content_type().to_owned()),
    };
    media
        .storage
        .presign_get(&row.storage_key, &options, lifetime(expires_in)?)
        .await
        .map_err(storage_failed)
}

fn lifetime(seconds: i32) -> Result<Duration, Error> {
    match u64::try_from(seconds) {
        Ok(positive) if (1..=MAX_URL_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs(positive))
        }
        _ => Err(Error::with_detail(
            ErrorCode::BadUserInput,
            format!("\"expiresIn\" is between 1 and {MAX_URL_SECONDS} seconds."),
        )),
    }
}

/// A page of somebody's files, newest first.
pub async fn page(
    media: &Media,
    owner: Id<User>,
    filter: AssetFilter,
    request: &PageRequest<AssetKey>,
) -> Result<Vec<AssetAndBlob>, Error> {
    let mut connection = media.deps.db.read().await?;
    asset::page(&mut connection, owner, filter, request).await
}

/// How many files somebody has.
pub async fn total(media: &Media, owner: Id<User>, filter: AssetFilter) -> Result<i64, Error> {
    let mut connection = media.deps.db.read().await?;
    asset::count(&mut connection, owner, filter).await
}

/// What somebody's files take.
pub async fn usage(media: &Media, owner: Id<User>) -> Result<Usage, Error> {
    let mut connection = media.deps.db.read().await?;
    asset::usage(&mut connection, owner).await
}
