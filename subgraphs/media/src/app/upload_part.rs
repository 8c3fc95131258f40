//! Signing requests with which clients send their bytes.

use std::{collections::HashSet, time::Duration};

use atelier_contracts::media::{Upload, UploadStatus};
use atelier_kit::{actor::Actor, error::Error, id::Id};
use atelier_storage::SignedRequest;

use super::{
    Media, storage_failed,
    upload::{demand_open, fact_of, lock, parse_digest, wrong_strategy},
};
use crate::{
    db::{
        upload::UploadRow,
        upload_part::{self, UploadPartRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
    kinds::UploadStrategy,
};

/// The most parts that are signed at once.
pub const MAX_SIGNED: usize = 1000;

/// A part that the client wants to send.
#[derive(Debug, Clone)]
pub struct PartToSign {
    pub number: i32,
    pub sha256: Option<String>,
}

/// A request with which the client may send a part.
#[derive(Debug, Clone)]
pub struct SignedPart {
    pub number: i32,
    pub request: SignedRequest,
}

/// How many bytes a part must have.
pub fn part_bytes(row: &UploadRow, number: i32) -> i64 {
    if number == row.part_count {
        row.byte_size - row.part_size * i64::from(row.part_count - 1)
    } else {
        row.part_size
    }
}

/// Signs parts, as often as the client asks: that is how an upload is resumed.
pub async fn sign_parts(
    media: &Media,
    actor: &Actor,
    id: Id<Upload>,
    wanted: &[PartToSign],
) -> Result<(UploadRow, Vec<SignedPart>), Fail> {
    actor.require_user()?;
    let (row, ledger) = media
        .deps
        .transaction(async |tx| {
            let row = lock(tx, actor, id).await?;
            demand_open(&row)?;
            if row.strategy != UploadStrategy::Multipart {
                return Err(wrong_strategy(&row));
            }
            let ledger = check_parts(media, &row, wanted)?;
            upload_part::note_signed(tx, &ledger).await?;
            tx.emit(&fact_of(&row));
            Ok((row, ledger))
        })
        .await?;
    let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) else {
        return Err(Error::internal("an open multipart upload has a key and an id").into());
    };
    let expires = lifetime(media, &row);
    let mut signed = Vec::with_capacity(ledger.len());
    for part in ledger {
        let request = media
            .storage
            .presign_upload_part(
                key,
                multipart_id,
                u16::try_from(part.number).unwrap_or(0),
                u64::try_from(part.byte_size).unwrap_or(0),
                part.sha256.and_then(|digest| digest.try_into().ok()),
                expires,
            )
            .await
            .map_err(storage_failed)?;
        signed.push(SignedPart {
            number: part.number,
            request,
        });
    }
    Ok((row, signed))
}

fn check_parts(
    media: &Media,
    row: &UploadRow,
    wanted: &[PartToSign],
) -> Result<Vec<UploadPartRow>, Fail> {
    if wanted.is_empty() || wanted.len() > MAX_SIGNED {
        return Err(Refusal::new(MediaErrorCode::ListInvalid, "input.parts")
            .with("max", MAX_SIGNED)
            .into());
    }
    let (mut seen, mut refusals, mut rows) = (HashSet::new(), Vec::new(), Vec::new());
    for (at, part) in wanted.iter().enumerate() {
        if !(1..=row.part_count).contains(&part.number) || !seen.insert(part.number) {
            let path = format!("input.parts.{at}.number");
            refusals
                .push(Refusal::new(MediaErrorCode::PartInvalid, &path).with("number", part.number));
            continue;
        }
        let digest = part.sha256.as_deref().and_then(parse_digest);
        // An upload has digests for all of its parts or for none.
        if digest.is_some() != row.checksum_parts || part.sha256.is_some() != digest.is_some() {
            refusals.push(Refusal::new(
                MediaErrorCode::DigestInvalid,
                &format!("input.parts.{at}.sha256"),
            ));
            continue;
        }
        rows.push(UploadPartRow {
            upload_id: row.id,
            number: part.number,
            byte_size: part_bytes(row, part.number),
            sha256: digest,
            signed_at: Some(media.deps.clock.now()),
            etag: None,
            received_at: None,
        });
    }
    if refusals.is_empty() {
        Ok(rows)
    } else {
        Err(Fail::Refused(refusals))
    }
}

/// Signs the one request of an upload in one piece; `None` if it is not open, or goes another way.
pub async fn sign_put(media: &Media, row: &UploadRow) -> Result<Option<SignedRequest>, Error> {
    let (UploadStatus::Open, UploadStrategy::SinglePut) = (row.status, row.strategy) else {
        return Ok(None);
    };
    let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) else {
        return Ok(None);
    };
    let digest = row.declared_sha256.as_deref();
    media
        .storage
        .presign_upload_part(
            key,
            multipart_id,
            1,
            u64::try_from(row.byte_size).unwrap_or(0),
            digest.and_then(|digest| digest.try_into().ok()),
            lifetime(media, row),
        )
        .await
        .map(Some)
        .map_err(storage_failed)
}

/// A signature never outlives its upload.
fn lifetime(media: &Media, row: &UploadRow) -> Duration {
    let left = (row.expires_at - media.deps.clock.now())
        .to_std()
        .unwrap_or_default();
    media
        .config
        .signature_lifetime
        .min(left)
        .max(Duration::from_secs(1))
}
