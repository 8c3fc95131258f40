//! What has arrived of an upload: the store knows, the ledger remembers.

use std::{collections::HashMap, sync::Arc};

use atelier_contracts::media::{Upload, UploadStatus};
use atelier_kit::{error::Error, id::Id, loader::Batch};
use atelier_storage::{Part, StorageError};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};

use super::fact_of;
use crate::{
    app::{Media, storage_failed},
    db::{
        upload::{self, UploadRow},
        upload_part::{self, UploadPartRow},
    },
    kinds::UploadStrategy,
};

/// Uploads of which the store is asked at a time.
const QUESTIONS: usize = 8;

/// What has arrived of uploads; for uploads that the caller may see.
pub struct ReceivedOfUpload(pub Media);

impl Batch for ReceivedOfUpload {
    type Key = Id<Upload>;
    type Value = Arc<Received>;

    async fn load(&self, keys: Vec<Id<Upload>>) -> Result<HashMap<Id<Upload>, Self::Value>, Error> {
        let questions = find(&self.0, &keys).await?.into_iter().map(|row| {
            let media = self.0.clone();
            async move { Ok::<_, Error>((row.id, Arc::new(received(&media, &row).await?))) }
        });
        stream::iter(questions)
            .buffer_unordered(QUESTIONS)
            .try_collect()
            .await
    }
}

async fn find(media: &Media, ids: &[Id<Upload>]) -> Result<Vec<UploadRow>, Error> {
    let mut connection = media.deps.read().await?;
    upload::by_ids(&mut connection, ids).await
}

/// What has arrived.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Received {
    /// Bytes in the store.
    pub bytes: i64,
    /// The parts in the store, by number.
    pub parts: Vec<ReceivedPart>,
}

/// A part in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedPart {
    pub number: i32,
    pub byte_size: i64,
    pub etag: String,
    pub received_at: DateTime<Utc>,
}

impl Received {
    /// The numbers of the parts that are still to be sent, of `count`.
    pub fn missing(&self, row: &UploadRow) -> Vec<i32> {
        if row.strategy != UploadStrategy::Multipart {
            return if self.bytes > 0 || row.strategy == UploadStrategy::Instant {
                Vec::new()
            } else {
                vec![1]
            };
        }
        let mut parts = self.parts.iter().peekable();
        (1..=row.part_count)
            .filter(|number| parts.next_if(|part| part.number == *number).is_none())
            .collect()
    }
}

/// What has arrived of an upload, by the store's word while it is open. New parts are noted in the
/// ledger and told to subscribers.
pub async fn received(media: &Media, row: &UploadRow) -> Result<Received, Error> {
    match (row.status, row.strategy) {
        (UploadStatus::Completed, UploadStrategy::SinglePut | UploadStrategy::Instant) => {
            Ok(Received {
                bytes: row.byte_size,
                parts: Vec::new(),
            })
        }
        (UploadStatus::Open, UploadStrategy::SinglePut) => put_so_far(media, row).await,
        (UploadStatus::Open, UploadStrategy::Multipart) => parts_so_far(media, row).await,
        (_, UploadStrategy::Multipart) => ledger(media, row).await,
        _ => Ok(Received::default()),
    }
}

async fn put_so_far(media: &Media, row: &UploadRow) -> Result<Received, Error> {
    let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) else {
        return Ok(Received::default());
    };
    let bytes = match media.storage.list_parts(key, multipart_id).await {
        Ok(parts) => parts.iter().map(|part| part.size).sum(),
        // Joined by a completion that has not said so yet.
        Err(StorageError::NotFound) => u64::try_from(row.byte_size).unwrap_or(0),
        Err(cause) => return Err(storage_failed(cause)),
    };
    Ok(Received {
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        parts: Vec::new(),
    })
}

async fn parts_so_far(media: &Media, row: &UploadRow) -> Result<Received, Error> {
    let (Some(key), Some(multipart_id)) = (&row.storage_key, &row.multipart_id) else {
        return Ok(Received::default());
    };
    match media.storage.list_parts(key, multipart_id).await {
        Ok(parts) => {
            note(media, row, &parts).await?;
            Ok(sum(parts.into_iter().map(|part| ReceivedPart {
                number: part.number.into(),
                byte_size: i64::try_from(part.size).unwrap_or(i64::MAX),
                etag: part.etag,
                received_at: part.last_modified.unwrap_or_else(|| media.deps.clock.now()),
            })))
        }
        // Joined by a completion that has not said so yet, or a store that does not answer: the
        // ledger is the best there is.
        Err(StorageError::NotFound | StorageError::Unavailable(_)) => ledger(media, row).await,
        Err(cause) => Err(storage_failed(cause)),
    }
}

async fn ledger(media: &Media, row: &UploadRow) -> Result<Received, Error> {
    let mut connection = media.deps.read().await?;
    let rows = upload_part::of_upload(&mut connection, row.id).await?;
    Ok(sum(rows.into_iter().filter_map(|row| {
        Some(ReceivedPart {
            number: row.number,
            byte_size: row.byte_size,
            etag: row.etag?,
            received_at: row.received_at?,
        })
    })))
}

fn sum(parts: impl Iterator<Item = ReceivedPart>) -> Received {
    let parts: Vec<_> = parts.collect();
    Received {
        bytes: parts.iter().map(|part| part.byte_size).sum(),
        parts,
    }
}

/// Notes what the store has in the ledger, and tells subscribers if it is news.
pub async fn note(media: &Media, row: &UploadRow, parts: &[Part]) -> Result<(), Error> {
    let now = media.deps.clock.now();
    let rows: Vec<_> = parts
        .iter()
        .map(|part| UploadPartRow {
            upload_id: row.id,
            number: part.number.into(),
            byte_size: i64::try_from(part.size).unwrap_or(i64::MAX),
            sha256: part.sha256.map(|digest| digest.to_vec()),
            signed_at: None,
            etag: Some(part.etag.clone()),
            received_at: Some(part.last_modified.unwrap_or(now)),
        })
        .filter(|row| row.byte_size > 0)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    media
        .deps
        .transaction(async |tx| {
            if upload_part::note_received(tx, &rows).await? > 0 {
                tx.emit(&fact_of(row));
            }
            Ok::<_, Error>(())
        })
        .await
}
