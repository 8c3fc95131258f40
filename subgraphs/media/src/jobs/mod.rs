//! Background tasks: what only a worker does, because it takes reading whole files.

mod derive_images;
mod finish;
mod verify_content;

pub use derive_images::DeriveImages;
pub use verify_content::VerifyContent;

use std::sync::Arc;

use atelier_kit::{
    Deps,
    error::{Error, ErrorCode},
    id::{Id, User},
    jobs::{Handler, NewTask, TaskFailure},
};
use atelier_storage::StorageError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    BlobId,
    app::{Media, upload::Object},
    db::{blob::BlobRow, state::BlobState},
    sniff,
};

/// The queue of short work on files.
pub const QUEUE: &str = "media";

/// What a worker is told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Payload {
    blob: BlobId,
}

/// Everything that works on `media`'s queue.
pub fn all(media: &Media) -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(DeriveImages::new(media.clone())),
        Arc::new(VerifyContent::new(media.clone())),
    ]
}

/// The state in which a blob begins: there is nothing to find out about a file whose digest the
/// store has verified and that is no picture.
pub fn first_state(object: &Object) -> BlobState {
    if sniff::is_decodable_image(&object.content_type) || object.sha256.is_none() {
        BlobState::Processing
    } else {
        BlobState::Ready
    }
}

/// The task that a new blob needs.
pub fn task_for(deps: &Deps, blob: &BlobRow, owner: Id<User>) -> Option<NewTask> {
    if blob.state != BlobState::Processing {
        return None;
    }
    let (task_type, steps): (_, &[&str]) = if sniff::is_decodable_image(&blob.content_type) {
        (derive_images::TASK_TYPE, &derive_images::STEPS)
    } else {
        (verify_content::TASK_TYPE, &verify_content::STEPS)
    };
    let payload = serde_json::to_value(Payload { blob: blob.id }).unwrap_or_default();
    Some(NewTask {
        owner: Some(owner),
        unique_key: Some(format!("media.process:{}", blob.id)),
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        ..NewTask::new(deps.new_id(), task_type, QUEUE, payload)
    })
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
