//! Planning an upload.

use atelier_contracts::media::{Upload, UploadStatus};
use atelier_kit::{
    actor::Actor,
    error::Error,
    id::{Id, User},
};
use atelier_storage::PartChecksum;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Challenge, check::check};
use crate::{
    MediaConfig,
    app::{Media, quota, storage_failed},
    config::MIB,
    db::{
        blob::{self, BlobRow},
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode},
    kinds::{BlobState, QuotaState, UploadStrategy},
    sniff,
};

/// The most parts, by the S3 protocol.
const MAX_PARTS: u64 = 10_000;

/// The most bytes of one request, by the S3 protocol.
const MAX_PUT: u64 = 5 * 1024 * MIB;

/// What the client wants to upload.
#[derive(Debug, Clone, Serialize)]
pub struct NewUpload {
    pub filename: String,
    pub content_type: String,
    pub byte_size: i64,
    pub sha256: Option<String>,
    pub purpose: Option<String>,
    #[serde(skip)]
    pub idempotency_key: Option<String>,
    pub checksum_parts: bool,
    pub instant: bool,
}

/// Plans an upload: quota is set aside, and the client is told how to send.
///
/// With an idempotency key it may be repeated, also after a crash in the middle of it.
pub async fn create(media: &Media, actor: &Actor, input: NewUpload) -> Result<UploadRow, Fail> {
    let owner = actor.require_user()?;
    let digest = check(&media.config, &input).map_err(Fail::Refused)?;
    let row = find_or_insert(media, owner, &input, digest).await?;
    if row.status == UploadStatus::Preparing {
        prepare(media, row).await
    } else {
        Ok(row)
    }
}

async fn find_or_insert(
    media: &Media,
    owner: Id<User>,
    input: &NewUpload,
    digest: Option<Vec<u8>>,
) -> Result<UploadRow, Fail> {
    let request_hash = Sha256::digest(serde_json::to_vec(input)?).to_vec();
    let known = match &digest {
        Some(digest) if media.config.instant && input.instant => {
            find_content(media, digest, input.byte_size).await?
        }
        _ => None,
    };
    let row = plan(
        media,
        owner,
        input,
        digest,
        request_hash.clone(),
        known.as_ref(),
    );
    if media
        .deps
        .statement(async |tx| upload::insert(tx, &row).await)
        .await?
    {
        return Ok(row);
    }
    let key = input.idempotency_key.as_deref().unwrap_or_default();
    let mut connection = media.deps.read().await?;
    match upload::by_idempotency_key(&mut connection, owner, key).await? {
        Some(earlier) if earlier.request_hash == Some(request_hash) => Ok(earlier),
        Some(_) => Err(Fail::refused(
            MediaErrorCode::IdempotencyKeyReused,
            "input.idempotencyKey",
        )),
        None => Err(Error::internal("an upload was neither added nor there").into()),
    }
}

/// Content with this digest and size that is there already.
async fn find_content(media: &Media, digest: &[u8], size: i64) -> Result<Option<BlobRow>, Error> {
    let mut connection = media.deps.read().await?;
    let found = blob::by_sha256(&mut connection, digest).await?;
    Ok(found.filter(|blob| {
        blob.byte_size == size && matches!(blob.state, BlobState::Ready | BlobState::Failed)
    }))
}

fn plan(
    media: &Media,
    owner: Id<User>,
    input: &NewUpload,
    digest: Option<Vec<u8>>,
    request_hash: Vec<u8>,
    known: Option<&BlobRow>,
) -> UploadRow {
    let (deps, config) = (&media.deps, &media.config);
    let (id, now) = (deps.new_id::<Upload>(), deps.clock.now());
    let size = u64::try_from(input.byte_size).unwrap_or(0);
    let strategy = match known {
        Some(_) => UploadStrategy::Instant,
        None if size > config.multipart_threshold.min(MAX_PUT) => UploadStrategy::Multipart,
        None => UploadStrategy::SinglePut,
    };
    let (part_size, part_count) = if strategy == UploadStrategy::Multipart {
        parts(config, size)
    } else {
        (size, 1)
    };
    // A signed request brings parts, also where there is only one: what was joined of them is final,
    // and a request that comes later finds nothing to bring them to.
    let storage_key = match strategy {
        UploadStrategy::SinglePut | UploadStrategy::Multipart => {
            Some(format!("blobs/{}", id.uuid().simple()))
        }
        UploadStrategy::Instant => None,
    };
    let challenge = known.map(|blob| Challenge::pick(&*deps.random, blob.id, size));
    let lifetime = if strategy == UploadStrategy::Multipart {
        config.multipart_lifetime
    } else {
        config.single_lifetime
    };
    UploadRow {
        id,
        owner_id: owner,
        filename: input.filename.clone(),
        content_type: input.content_type.clone(),
        byte_size: input.byte_size,
        declared_sha256: digest,
        purpose: input.purpose.clone(),
        strategy,
        status: UploadStatus::Preparing,
        storage_key,
        multipart_id: None,
        part_size: i64::try_from(part_size).unwrap_or(i64::MAX),
        part_count: i32::try_from(part_count).unwrap_or(1),
        checksum_parts: input.checksum_parts && strategy == UploadStrategy::Multipart,
        challenge: challenge.and_then(|challenge| serde_json::to_value(challenge).ok()),
        proof_attempts: 0,
        quota_state: QuotaState::Reserved,
        idempotency_key: input.idempotency_key.clone(),
        request_hash: Some(request_hash),
        claimed_until: None,
        claim_key: None,
        asset_id: None,
        task_id: None,
        created_at: now,
        expires_at: now + lifetime,
        closed_at: None,
    }
}

/// The size and number of parts: as small as allowed, in whole MiB, and at most 10,000 of them.
fn parts(config: &MediaConfig, size: u64) -> (u64, u64) {
    let needed = size.div_ceil(MAX_PARTS).div_ceil(MIB) * MIB;
    let part_size = config.min_part_size.max(needed);
    (part_size, size.div_ceil(part_size))
}

/// Asks accounts for the quota and the store for a multipart upload, then opens the upload. What a
/// crash leaves behind is found by the expiry sweep, or by the same request coming again.
async fn prepare(media: &Media, row: UploadRow) -> Result<UploadRow, Fail> {
    if quota::reserve(media, &row).await? == quota::Reserved::Exceeded {
        media
            .deps
            .statement(async |tx| upload::delete_unprepared(tx, row.id).await)
            .await?;
        return Err(Fail::refused(
            MediaErrorCode::QuotaExceeded,
            "input.byteSize",
        ));
    }
    let multipart_id = begin_multipart(media, &row).await?;
    let opened = media
        .deps
        .statement(async |tx| upload::open(tx, row.id, multipart_id.as_deref()).await)
        .await?;
    if let Some(opened) = opened {
        return Ok(opened);
    }
    // The same request came twice, and the other one was faster.
    if let (Some(key), Some(surplus)) = (&row.storage_key, &multipart_id) {
        media
            .storage
            .abort_multipart(key, surplus)
            .await
            .map_err(storage_failed)?;
    }
    let mut connection = media.deps.read().await?;
    upload::find(&mut connection, row.id)
        .await?
        .ok_or_else(|| Fail::refused(MediaErrorCode::NotFound, "input.idempotencyKey"))
}

/// Begins a multipart upload in the store, if anything is to be sent.
async fn begin_multipart(media: &Media, row: &UploadRow) -> Result<Option<String>, Error> {
    let Some(key) = &row.storage_key else {
        return Ok(None);
    };
    let whole = row.strategy == UploadStrategy::SinglePut && row.declared_sha256.is_some();
    let checksum = if row.checksum_parts || whole {
        PartChecksum::Sha256
    } else {
        PartChecksum::None
    };
    // The type that was announced is not worth more than that; the true one is signed into the URLs for
    // reading.
    media
        .storage
        .create_multipart(key, sniff::UNKNOWN, checksum)
        .await
        .map(Some)
        .map_err(storage_failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_size_fit_into_ten_thousand_parts() {
        let config = MediaConfig::default();
        assert_eq!(parts(&config, 17 * MIB), (8 * MIB, 3));
        for size in [80_000 * MIB, 80_000 * MIB + 1, 5 * MIB * MIB] {
            let (part_size, count) = parts(&config, size);
            assert!(count <= MAX_PARTS && part_size % MIB == 0, "{size}");
            assert!(
                (count - 1) * part_size < size && size <= count * part_size,
                "{size}"
            );
        }
    }
}
