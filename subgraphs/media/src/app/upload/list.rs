//! Lists of uploads.

use atelier_kit::{
    error::Error,
    id::{Id, User},
    page::PageRequest,
};

use super::super::Media;
use crate::db::{
    state::UploadStatus,
    upload::{self, UploadKey, UploadRow},
};

/// A page of somebody's own uploads, newest first.
pub async fn page(
    media: &Media,
    owner: Id<User>,
    status: Option<UploadStatus>,
    request: &PageRequest<UploadKey>,
) -> Result<Vec<UploadRow>, Error> {
    let mut connection = media.deps.db.read().await?;
    upload::page(&mut connection, owner, status, request).await
}

/// How many uploads somebody has.
pub async fn total(
    media: &Media,
    owner: Id<User>,
    status: Option<UploadStatus>,
) -> Result<i64, Error> {
    let mut connection = media.deps.db.read().await?;
    upload::count(&mut connection, owner, status).await
}
