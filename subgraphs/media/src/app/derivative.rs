//! Derivatives of blobs: where they are kept, and how they are read.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{error::Error, id::Id, loader::Batch};
use atelier_storage::{Disposition, GetOptions, SignedRequest};

use super::{Media, access::Access, storage_failed};
use crate::{
    Blob,
    db::derivative::{self, DerivativeRow},
    kinds::DerivativeFormat,
    picture::{FORMATS, THUMBNAILS},
};

/// Raised when the recipe changes, so that old and new derivatives never share a key.
const RECIPE: u32 = 1;

/// Where a derivative is kept: known before it is made, so that making it again replaces it and a
/// purge finds it without looking.
pub fn key(blob: Id<Blob>, name: &str, format: DerivativeFormat) -> String {
    format!(
        "derivatives/{}/v{RECIPE}/{name}.{}",
        blob.uuid().simple(),
        format.extension()
    )
}

/// Where all derivatives of a blob are kept.
pub fn keys(blob: Id<Blob>) -> impl Iterator<Item = String> {
    THUMBNAILS
        .iter()
        .flat_map(move |(name, _)| FORMATS.map(|format| key(blob, name, format)))
}

/// A URL under which a derivative can be read for a while.
pub async fn url(
    media: &Media,
    row: &DerivativeRow,
    access: Access,
    expires_in: i32,
) -> Result<SignedRequest, Error> {
    let options = GetOptions {
        filename: Some(format!("{}.{}", row.name, row.format.extension())),
        disposition: Disposition::Inline,
        content_type: Some(row.format.content_type().to_owned()),
    };
    media
        .storage
        .presign_get(&row.storage_key, &options, access.url_lifetime(expires_in)?)
        .await
        .map_err(storage_failed)
}

/// The derivatives of blobs; for blobs of files that the caller may see.
pub struct DerivativesOfBlob(pub Media);

impl Batch for DerivativesOfBlob {
    type Key = Id<Blob>;
    type Value = Arc<Vec<DerivativeRow>>;

    async fn load(&self, keys: Vec<Id<Blob>>) -> Result<HashMap<Id<Blob>, Self::Value>, Error> {
        let mut connection = self.0.deps.read().await?;
        let mut by_blob: HashMap<_, Vec<DerivativeRow>> = HashMap::new();
        for row in derivative::of_blobs(&mut connection, &keys).await? {
            by_blob.entry(row.blob_id).or_default().push(row);
        }
        Ok(by_blob
            .into_iter()
            .map(|(blob, rows)| (blob, Arc::new(rows)))
            .collect())
    }
}
