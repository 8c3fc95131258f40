//! Taking over what a client has sent: the store's word counts, never the client's.

use std::collections::HashSet;

use atelier_kit::error::Error;
use atelier_storage::{CompletedPart, Part, StorageError};

use super::received::note;
use crate::{
    app::{Media, storage_failed, upload_part::part_bytes},
    db::upload::UploadRow,
    error::{Fail, MediaErrorCode, Refusal},
    kinds::UploadStrategy,
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

impl From<Refused> for Fail {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Again(refusal) | Refused::ForGood(refusal) => refusal.into(),
            Refused::Failed(error) => error.into(),
        }
    }
}

/// Takes over what was sent. What is judged here is final: the object is made of the very parts that
/// were listed, and nothing that was ever signed can write to it.
pub async fn receive(media: &Media, row: &UploadRow) -> Result<Object, Refused> {
    let key = row.storage_key.as_deref().unwrap_or_default();
    let sha256 = join(media, row, key).await?;
    let actual = i64::try_from(media.storage.head(key).await?.size).unwrap_or(i64::MAX);
    if actual != row.byte_size {
        return Err(Refused::ForGood(size_mismatch(row, actual)));
    }
    let content_type = check_type(media, row, key).await?;
    Ok(Object {
        key: key.to_owned(),
        sha256,
        content_type,
    })
}

fn not_uploaded() -> Refusal {
    Refusal::new(MediaErrorCode::NotUploaded, "input.uploadId")
}

fn size_mismatch(row: &UploadRow, actual: i64) -> Refusal {
    Refusal::new(MediaErrorCode::SizeMismatch, "input.uploadId")
        .with("actual", actual)
        .with("expected", row.byte_size)
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

/// Joins the parts, if all are there as they should be; the digest of the whole, where the store has
/// verified it.
async fn join(media: &Media, row: &UploadRow, key: &str) -> Result<Option<Vec<u8>>, Refused> {
    let multipart_id = row.multipart_id.as_deref().unwrap_or_default();
    let parts = match media.storage.list_parts(key, multipart_id).await {
        Ok(parts) => parts,
        Err(StorageError::NotFound) => return joined_before(media, key).await.map(|()| None),
        Err(cause) => return Err(cause.into()),
    };
    let digest = if row.strategy == UploadStrategy::SinglePut {
        check_only_part(row, &parts).map_err(Refused::Again)?
    } else {
        note(media, row, &parts).await?;
        check_parts(row, &parts).map_err(Refused::Again)?;
        None
    };
    let list: Vec<CompletedPart> = parts.into_iter().map(CompletedPart::from).collect();
    match media
        .storage
        .complete_multipart(key, multipart_id, &list)
        .await
    {
        Ok(_) => Ok(digest),
        // A part was sent anew between the listing and the joining.
        Err(StorageError::InvalidPart { .. }) => Err(Refused::Again(Refusal::new(
            MediaErrorCode::UploadBusy,
            "input.uploadId",
        ))),
        Err(cause) => Err(cause.into()),
    }
}

/// A completion that died after joining the parts has left the object.
async fn joined_before(media: &Media, key: &str) -> Result<(), Refused> {
    match media.storage.head(key).await {
        Ok(_) => Ok(()),
        Err(StorageError::NotFound) => Err(Refused::Again(not_uploaded())),
        Err(cause) => Err(cause.into()),
    }
}

/// Judges what came in one piece; its digest, where the store has verified it.
fn check_only_part(row: &UploadRow, parts: &[Part]) -> Result<Option<Vec<u8>>, Refusal> {
    let [part] = parts else {
        return Err(not_uploaded());
    };
    let actual = i64::try_from(part.size).unwrap_or(i64::MAX);
    if actual != row.byte_size {
        return Err(size_mismatch(row, actual));
    }
    match (&row.declared_sha256, part.sha256) {
        (Some(declared), Some(actual)) if declared[..] != actual => Err(Refusal::new(
            MediaErrorCode::ChecksumMismatch,
            "input.uploadId",
        )),
        (_, verified) => Ok(verified.map(|digest| digest.to_vec())),
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
