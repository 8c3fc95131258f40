//! Task handlers: what only a worker does, because it takes reading whole files.

mod derive_images;
mod verify_content;

use std::sync::Arc;

use atelier_kit::{
    error::{Error, ErrorCode},
    jobs::{Handler, TaskFailure, handler},
};
use atelier_storage::StorageError;
use sha2::{Digest, Sha256};

use crate::app::Media;

/// Everything that works on `media`'s queue.
pub fn all(media: &Media) -> Vec<Arc<dyn Handler>> {
    vec![
        handler(derive_images::ImageDeriver::new(media.clone())),
        handler(verify_content::ContentVerifier::new(media.clone())),
    ]
}

/// Sorts failures of the store by whether trying again can help.
fn storage_failure(cause: StorageError) -> TaskFailure {
    let gone = matches!(cause, StorageError::NotFound);
    let error = Error::caused(ErrorCode::StorageFailed, cause);
    if gone {
        TaskFailure::GiveUp(error)
    } else {
        TaskFailure::Retry(error)
    }
}

/// A digest over chunks.
#[derive(Default)]
struct Digester(Sha256);

impl Digester {
    fn update(&mut self, chunk: &[u8]) {
        self.0.update(chunk);
    }

    fn finish(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
