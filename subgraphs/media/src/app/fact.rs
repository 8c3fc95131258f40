//! The events that the domain publishes.

use atelier_kit::{
    Deps,
    db::Connection,
    error::Error,
    event::{NewEvent, emit_all},
    id::{Asset, Id, User},
};
use serde::{Deserialize, Serialize};

use crate::{
    Upload,
    db::{state::UploadStatus, upload::UploadRow},
};

/// A file exists.
pub const ASSET_CREATED: &str = "asset.created";
/// Everything is known about a file, and its derivatives are there.
pub const ASSET_READY: &str = "asset.ready";
/// A file could not be processed; it stays usable as a file.
pub const ASSET_PROCESSING_FAILED: &str = "asset.processing_failed";
/// A file is not what was announced and is not handed out.
pub const ASSET_QUARANTINED: &str = "asset.quarantined";
/// A file was renamed.
pub const ASSET_UPDATED: &str = "asset.updated";
/// A file went into the trash.
pub const ASSET_TRASHED: &str = "asset.trashed";
/// A file came back from the trash.
pub const ASSET_RESTORED: &str = "asset.restored";
/// A file is gone for good.
pub const ASSET_PURGED: &str = "asset.purged";
/// An upload has got further.
pub const UPLOAD_PROGRESS: &str = "upload.progress";
/// An upload has ended, in the state that the event tells.
pub const UPLOAD_CLOSED: &str = "upload.closed";

/// What an event about a file tells; its key is the file's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssetFact {
    /// Whose file it is.
    pub owner: Id<User>,
    /// Which file.
    pub asset: Id<Asset>,
    /// What went wrong, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an event about an upload tells; its key is the upload's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadFact {
    /// Whose upload it is.
    pub owner: Id<User>,
    /// Which upload.
    pub upload: Id<Upload>,
    /// Where it stands.
    pub status: String,
}

/// Tells something about files, in the transaction that makes it true.
pub async fn tell_assets(
    connection: &mut Connection,
    deps: &Deps,
    topic: &str,
    assets: &[(Id<Asset>, Id<User>)],
    reason: Option<&str>,
) -> Result<(), Error> {
    let events = assets.iter().map(|(asset, owner)| NewEvent {
        topic,
        key: asset.to_string(),
        concerns: vec![owner.to_string()],
        payload: AssetFact {
            owner: *owner,
            asset: *asset,
            reason: reason.map(str::to_owned),
        },
    });
    emit_all(connection, deps, events.collect()).await
}

/// Tells that an upload has moved, in the transaction that makes it true.
pub async fn tell_upload(
    connection: &mut Connection,
    deps: &Deps,
    row: &UploadRow,
) -> Result<(), Error> {
    tell_upload_as(connection, deps, row, row.status).await
}

/// Tells that an upload stands at `status`, in the transaction that makes it true.
pub async fn tell_upload_as(
    connection: &mut Connection,
    deps: &Deps,
    row: &UploadRow,
    status: UploadStatus,
) -> Result<(), Error> {
    let event = NewEvent {
        topic: if status.is_closed() {
            UPLOAD_CLOSED
        } else {
            UPLOAD_PROGRESS
        },
        key: row.id.to_string(),
        concerns: vec![row.owner_id.to_string()],
        payload: UploadFact {
            owner: row.owner_id,
            upload: row.id,
            status: status.as_str().to_owned(),
        },
    };
    emit_all(connection, deps, vec![event]).await
}
