//! What the domain does and who may ask for it: the only place that decides.

pub mod access;
pub mod asset;
pub mod fact;
pub mod loader;
pub mod quota;
pub mod sweep;
pub mod upload;

use std::sync::Arc;

use atelier_kit::{
    Deps,
    error::{Error, ErrorCode},
};
use atelier_storage::{Storage, StorageError};

use crate::{
    MediaConfig,
    db::{doomed::NewDoomed, state::Format},
    picture::{FORMATS, THUMBNAILS},
};

/// What every operation of the domain works with; cheap to clone.
#[derive(Clone)]
pub struct Media {
    pub deps: Deps,
    pub storage: Storage,
    pub config: Arc<MediaConfig>,
}

/// A failure of the store, as callers see it.
pub fn storage_failed(cause: StorageError) -> Error {
    Error::caused(ErrorCode::StorageFailed, cause)
}

/// Raised when the recipe changes, so that old and new derivatives never share a key.
const RECIPE: u32 = 1;

/// Where a derivative is kept: known before it is made, so that making it again replaces it and a
/// purge finds it without looking.
pub fn derivative_key(blob: crate::BlobId, name: &str, format: Format) -> String {
    format!(
        "derivatives/{}/v{RECIPE}/{name}.{}",
        blob.uuid().simple(),
        format.as_str()
    )
}

/// Everything in the store that belongs to a blob.
pub fn objects_of(
    blob: crate::BlobId,
    storage_key: &str,
    due_at: chrono::DateTime<chrono::Utc>,
) -> Vec<NewDoomed> {
    let derivatives = THUMBNAILS
        .iter()
        .flat_map(|(name, _)| FORMATS.map(|format| derivative_key(blob, name, format)));
    derivatives
        .chain([storage_key.to_owned()])
        .map(|storage_key| NewDoomed {
            storage_key,
            multipart_id: None,
            due_at,
            upload_id: None,
        })
        .collect()
}
