//! Uploads, from the plan to the file.

mod abort;
mod challenge;
mod check;
mod complete;
mod create;
mod prove;
mod receive;
mod received;

pub use abort::{abort, discard};
pub use challenge::{Challenge, Range};
pub use check::{check_filename, parse_digest};
pub use complete::complete;
pub use create::{NewUpload, create};
pub use prove::prove;
pub use received::{Received, ReceivedOfUpload, received};

use std::{collections::HashMap, sync::Arc};

use atelier_contracts::media::{Upload, UploadClosed, UploadFact, UploadProgressed, UploadStatus};
use atelier_kit::{
    actor::Actor,
    error::Error,
    id::Id,
    loader::Batch,
    page::{Page, PageArgs},
    transaction::Tx,
};

use super::{Media, access::may_change};
use crate::{
    db::upload::{self, UploadRow},
    error::{Fail, MediaErrorCode, Refusal},
};

/// Uploads that the caller may see.
pub struct UploadById {
    pub media: Media,
    pub actor: Arc<Actor>,
}

impl Batch for UploadById {
    type Key = Id<Upload>;
    type Value = UploadRow;

    async fn load(&self, keys: Vec<Id<Upload>>) -> Result<HashMap<Id<Upload>, UploadRow>, Error> {
        let mut connection = self.media.deps.read().await?;
        let rows = upload::by_ids(&mut connection, &keys).await?;
        Ok(rows
            .into_iter()
            .filter(|row| may_change(&self.actor, row.owner_id))
            .map(|row| (row.id, row))
            .collect())
    }
}

/// A page of the caller's uploads, newest first.
pub async fn page(
    media: &Media,
    actor: &Actor,
    status: Option<UploadStatus>,
    page: &PageArgs,
) -> Result<Page<UploadRow>, Error> {
    let owner = actor.require_user()?;
    page.fetch(
        &media.deps,
        async |connection, request| upload::page(connection, owner, status, request).await,
        async |connection| upload::count(connection, owner, status).await,
    )
    .await
}

/// Locks an upload that the caller may change.
pub(super) async fn lock(tx: &mut Tx, actor: &Actor, id: Id<Upload>) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    upload::lock(tx, id)
        .await?
        .filter(|row| may_change(actor, row.owner_id))
        .ok_or_else(not_found)
}

fn not_found() -> Fail {
    Fail::refused(MediaErrorCode::NotFound, "input.uploadId")
}

/// Refuses what can only be done to an open upload.
pub(super) fn demand_open(row: &UploadRow) -> Result<(), Fail> {
    if row.status == UploadStatus::Open {
        Ok(())
    } else {
        Err(closed(row.status))
    }
}

/// Refuses what cannot be done to an upload that has ended like this.
fn closed(status: UploadStatus) -> Fail {
    Refusal::new(MediaErrorCode::UploadClosed, "input.uploadId")
        .with("status", status.as_str().to_ascii_lowercase())
        .into()
}

/// Refuses what cannot be done to an upload of this strategy.
pub(super) fn wrong_strategy(row: &UploadRow) -> Fail {
    Refusal::new(MediaErrorCode::WrongStrategy, "input.uploadId")
        .with("strategy", row.strategy.as_str().to_ascii_lowercase())
        .into()
}

/// What is told of an upload that has moved.
pub(super) fn fact_of(row: &UploadRow) -> UploadFact {
    let (upload, owner, status) = (row.id, row.owner_id, row.status);
    if status.is_closed() {
        UploadClosed {
            upload,
            owner,
            status,
        }
        .into()
    } else {
        UploadProgressed {
            upload,
            owner,
            status,
        }
        .into()
    }
}
