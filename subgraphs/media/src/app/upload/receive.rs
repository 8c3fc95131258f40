//! Taking over what a client has sent: the store's word counts, never the client's.

use std::collections::HashSet;

use atelier_kit::{
    error::Error,
    storage::{CompletedPart, ObjectInfo, Part, StorageError},
};

use super::{
    super::{Media, storage_failed},
    parts::part_bytes,
    received::note,
};
use crate::{
    db::{state::Strategy, upload::UploadRow},
    error::{MediaErrorCode, Refusal},
    sniff,
};

/// An object that is what was announced, as far as can be told without reading all of it.
pub struct Object {
    pub key: String,
    /// Verified by the store; `None` where it does not know.
    pub sha256: Option<Vec<u8>>,
    pub content_type: String,
}

/// Why what was sent is not taken over.
pub enum Refused {
    /// The client may send again.
    Again(Refusal),
    /// Nothing can come of this upload any more.
    ForGood(Refusal),
    /// Something failed on our side.
    Failed(Error),
}

impl From<StorageError> for Refused {
    fn from(cause: StorageError) -> Self {
        Self::Failed(storage_failed(cause))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes over what was sent; `keep_at` is where bytes sent in one piece are to be kept.
pub async fn receive(media: &Media, row: &UploadRow, keep_at: &str) -> Result<Object, Refused> {
    let arrived = row.storage_key.as_deref().unwrap_or_default();
    let (key, info) = if row.strategy == Strategy::Multipart {
        join(media, row, arrived).await?;
        (arrived, media.storage.head(arrived).await?)
    } else {
        check_announced(row, &head(media, arrived).await?).map_err(Refused::Again)?;
        media.storage.copy(arrived, keep_at).await?;
        (keep_at, media.storage.head(keep_at).await?)
    };
    // Judged again: what is kept counts, and a client can change what arrived until it is copied.
    check_announced(row, &info).map_err(|refusal| {
        if row.strategy == Strategy::Multipart {
            Refused::ForGood(refusal)
        } else {
            Refused::Again(refusal)
        }
    })?;
    let content_type = check_type(media, row, key).await?;
    Ok(Object {
        key: key.to_owned(),
        sha256: info.sha256.map(|digest| digest.to_vec()),
        content_type,
    })
}

async fn head(media: &Media, key: &str) -> Result<ObjectInfo, Refused> {
    match media.storage.head(key).await {
        Ok(info) => Ok(info),
        Err(StorageError::NotFound) => Err(Refused::Again(Refusal::new(
            MediaErrorCode::NotUploaded,
            "input.uploadId",
        ))),
        Err(cause) => Err(cause.into()),
    }
}

fn check_announced(row: &UploadRow, info: &ObjectInfo) -> Result<(), Refusal> {
    let actual = i64::try_from(info.size).unwrap_or(i64::MAX);
    if actual != row.byte_size {
        return Err(Refusal::new(MediaErrorCode::SizeMismatch, "input.uploadId")
            .with("actual", actual)
            .with("expected", row.byte_size));
    }
    match (&row.declared_sha256, info.sha256) {
        (Some(declared), Some(actual)) if declared[..] != actual => Err(Refusal::new(
            MediaErrorCode::ChecksumMismatch,
            "input.uploadId",
        )),
        _ => Ok(()),
    }
}

/// The type under which the object is kept: what was announced, if the bytes do not contradict it.
pub async fn check_type(media: &Media, row: &UploadRow, key: &str) -> Result<String, Refused> {
    let head = media
        .storage
        .get_range(key, 0, sniff::SNIFFED_BYTES)
        .await?;
    sniff::reconcile(&row.content_type, sniff::detect(&head)).map_err(|detected| {
        let refusal = Refusal::new(MediaErrorCode::TypeMismatch, "input.uploadId");
        Refused::ForGood(
            refusal
                .with("declared", row.content_type.clone())
                .with("detected", detected),
        )
    })
}

/// Joins the parts, if all are there as they should be.
async fn join(media: &Media, row: &UploadRow, key: &str) -> Result<(), Refused> {
    let multipart_id = row.multipart_id.as_deref().unwrap_or_default();
    let parts = match media.storage.list_parts(key, multipart_id).await {
        Ok(parts) => parts,
        // A completion that died after joining them has left the object.
        Err(StorageError::NotFound) => return head(media, key).await.map(drop),
        Err(cause) => return Err(cause.into()),
    };
    note(media, row, &parts).await?;
    check_parts(row, &parts).map_err(Refused::Again)?;
    let list: Vec<CompletedPart> = parts.into_iter().map(CompletedPart::from).collect();
    match media
        .storage
        .complete_multipart(key, multipart_id, &list)
        .await
    {
        Ok(_) => Ok(()),
        // A part was sent anew between the listing and the joining.
        Err(StorageError::InvalidPart { .. }) => Err(Refused::Again(Refusal::new(
            MediaErrorCode::UploadBusy,
            "input.uploadId",
        ))),
        Err(cause) => Err(cause.into()),
    }
}

fn check_parts(row: &UploadRow, parts: &[Part]) -> Result<(), Refusal> {
    let numbers: HashSet<i32> = parts.iter().map(|part| part.number.into()).collect();
    let missing: Vec<i32> = (1..=row.part_count)
        .filter(|number| !numbers.contains(number))
        .collect();
    if let Some(first) = missing.first() {
        return Err(Refusal::new(MediaErrorCode::PartsMissing, "input.uploadId")
            .with("count", missing.len())
            .with("first", *first));
    }
    for part in parts {
        let (actual, expected) = (
            i64::try_from(part.size).unwrap_or(i64::MAX),
            part_bytes(row, part.number.into()),
        );
        if i32::from(part.number) > row.part_count || actual != expected {
            let refusal = Refusal::new(MediaErrorCode::PartSizeMismatch, "input.uploadId")
                .with("number", part.number);
            return Err(refusal.with("actual", actual).with("expected", expected));
        }
    }
    Ok(())
}
