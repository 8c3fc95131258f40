//! Per-request loaders: each asks the database once for everything a request wants.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    actor::Actor,
    error::Error,
    id::{Asset, Id},
    loader::Batch,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Media,
    access::may_see,
    upload::{Received, received},
};
use crate::{
    BlobId, UploadId,
    db::{
        asset::{self, AssetAndBlob},
        derivative::{self, DerivativeRow},
        upload::{self, UploadRow},
    },
};

/// Files that the caller may see.
pub struct AssetById {
    pub media: Media,
    pub actor: Arc<Actor>,
}

impl Batch for AssetById {
    type Key = Id<Asset>;
    type Value = AssetAndBlob;

    async fn load(&self, keys: Vec<Id<Asset>>) -> Result<HashMap<Id<Asset>, AssetAndBlob>, Error> {
        let mut connection = self.media.deps.db.read().await?;
        let rows = asset::by_ids(&mut connection, &keys).await?;
        Ok(rows
            .into_iter()
            .filter(|(file, _)| may_see(&self.actor, file.owner_id))
            .map(|row| (row.0.id, row))
            .collect())
    }
}

/// Uploads that the caller may see.
pub struct UploadById {
    pub media: Media,
    pub actor: Arc<Actor>,
}

impl Batch for UploadById {
    type Key = UploadId;
    type Value = UploadRow;

    async fn load(&self, keys: Vec<UploadId>) -> Result<HashMap<UploadId, UploadRow>, Error> {
        let mut connection = self.media.deps.db.read().await?;
        let rows = upload::by_ids(&mut connection, &keys).await?;
        Ok(rows
            .into_iter()
            .filter(|row| may_see(&self.actor, row.owner_id))
            .map(|row| (row.id, row))
            .collect())
    }
}

/// The derivatives of blobs; for blobs of files that the caller may see.
pub struct DerivativesOfBlob {
    pub media: Media,
}

impl Batch for DerivativesOfBlob {
    type Key = BlobId;
    type Value = Arc<Vec<DerivativeRow>>;

    async fn load(&self, keys: Vec<BlobId>) -> Result<HashMap<BlobId, Self::Value>, Error> {
        let mut connection = self.media.deps.db.read().await?;
        let mut by_blob: HashMap<BlobId, Vec<DerivativeRow>> = HashMap::new();
        for row in derivative::of_blobs(&mut connection, &keys).await? {
            by_blob.entry(row.blob_id).or_default().push(row);
        }
        Ok(by_blob
            .into_iter()
            .map(|(blob, rows)| (blob, Arc::new(rows)))
            .collect())
    }
}

/// What has arrived of uploads; for uploads that the caller may see.
pub struct ReceivedOfUpload {
    pub media: Media,
}

/// Uploads of which the store is asked at a time.
const QUESTIONS: usize = 8;

impl Batch for ReceivedOfUpload {
    type Key = UploadId;
    type Value = Arc<Received>;

    async fn load(&self, keys: Vec<UploadId>) -> Result<HashMap<UploadId, Self::Value>, Error> {
        let mut connection = self.media.deps.db.read().await?;
        let rows = upload::by_ids(&mut connection, &keys).await?;
        drop(connection);
        let questions = rows.into_iter().map(|row| {
            let media = self.media.clone();
            async move { Ok::<_, Error>((row.id, Arc::new(received(&media, &row).await?))) }
        });
        stream::iter(questions)
            .buffer_unordered(QUESTIONS)
            .try_collect()
            .await
    }
}
