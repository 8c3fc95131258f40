//! Uploads, from the plan to the file.

mod abort;
mod challenge;
mod check;
mod complete;
mod create;
mod list;
mod parts;
mod prove;
mod receive;
mod received;

pub use abort::{abort, discard};
pub use challenge::{Challenge, Range};
pub use check::check_filename;
pub use complete::complete;
pub use create::{NewUpload, create};
pub use list::{page, total};
pub use parts::{PartToSign, sign_parts, sign_put};
pub use prove::prove;
pub use receive::Object;
pub use received::{Received, received};

use atelier_kit::{actor::Actor, db::Connection};

use super::access::may_see;
use crate::{
    UploadId,
    db::{
        state::UploadStatus,
        upload::{self, UploadRow},
    },
    error::{Fail, MediaErrorCode, Refusal},
};

/// Locks an upload that the caller may change.
async fn lock(connection: &mut Connection, actor: &Actor, id: UploadId) -> Result<UploadRow, Fail> {
    actor.require_user()?;
    upload::lock(connection, id)
        .await?
        .filter(|row| may_see(actor, row.owner_id))
        .ok_or_else(|| Fail::refused(MediaErrorCode::NotFound, "input.uploadId"))
}

/// Refuses what can only be done to an open upload.
fn demand_open(row: &UploadRow) -> Result<(), Fail> {
    if row.status == UploadStatus::Open {
        return Ok(());
    }
    Err(Refusal::new(MediaErrorCode::UploadClosed, "input.uploadId")
        .with("status", row.status.as_str())
        .into())
}

/// Refuses what cannot be done to an upload of this strategy.
fn wrong_strategy(row: &UploadRow) -> Fail {
    Refusal::new(MediaErrorCode::WrongStrategy, "input.uploadId")
        .with("strategy", row.strategy.as_str())
        .into()
}
