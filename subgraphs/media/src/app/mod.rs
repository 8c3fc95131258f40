//! What the domain does and who may ask for it: the only place that decides.

pub mod access;
pub mod asset;
pub mod audience;
pub mod blob;
pub mod deleted_user;
pub mod derivative;
pub mod group;
pub mod object_removal;
pub mod public_file;
pub mod quota;
pub mod sweep;
pub mod upload;
pub mod upload_part;

use std::sync::Arc;

use atelier_kit::{
    Deps,
    actor::Actor,
    error::{Error, ErrorCode},
};
use atelier_storage::{Storage, StorageError};

use crate::MediaConfig;

/// The scope of those who look after everybody's files.
const ADMIN: &str = "admin:media";

/// What every operation of the domain works with; cheap to clone.
#[derive(Clone)]
pub struct Media {
    pub deps: Deps,
    pub storage: Storage,
    pub config: Arc<MediaConfig>,
}

/// Whether the caller looks after everybody's files.
pub fn is_admin(actor: &Actor) -> bool {
    actor.has_scope(ADMIN)
}

/// A failure of the store, as callers see it.
pub fn storage_failed(cause: StorageError) -> Error {
    Error::caused(ErrorCode::StorageFailed, cause)
}
