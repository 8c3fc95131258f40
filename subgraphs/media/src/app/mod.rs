//! What the domain does and who may ask for it: the only place that decides.

pub mod asset;
pub mod blob;
pub mod deleted_user;
pub mod derivative;
pub mod object_removal;
pub mod quota;
pub mod sweep;
pub mod upload;
pub mod upload_part;

use std::sync::Arc;

use atelier_kit::{
    Deps,
    actor::Actor,
    error::{Error, ErrorCode},
    id::{Id, User},
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

/// Whether the caller may see, and change, files and uploads of `owner`: one rule for queries,
/// mutations, entity references and subscriptions.
pub fn may_see(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner) || is_admin(actor)
}

/// Whether the caller may know where a picture was taken: nobody but its owner.
pub fn may_see_position(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner)
}

/// A failure of the store, as callers see it.
pub fn storage_failed(cause: StorageError) -> Error {
    Error::caused(ErrorCode::StorageFailed, cause)
}
