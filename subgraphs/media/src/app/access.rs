//! Who may see a file: one rule for queries, entity references, URLs, subscriptions and the public
//! route.

use std::time::Duration;

use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode},
    id::{Id, User},
};

use super::is_admin;
use crate::{
    db::asset::AssetAndBlob,
    kinds::{AssetKind, BlobState},
    picture::ImageFindings,
};

/// How long a signed URL may live: a week, by the S3 protocol.
const MAX_URL_SECONDS: i32 = 7 * 24 * 3600;
/// How long a signed URL lives that was given to somebody who may lose access at any moment.
const SHOWN_URL: Duration = Duration::from_secs(60);

/// Why a caller may see a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is theirs.
    Owner,
    /// They look after everybody's files.
    Admin,
    /// It is shown to everybody, or to a group of theirs.
    Shown,
}

/// A file that a caller may see.
#[derive(Debug, Clone)]
pub struct VisibleAsset {
    pub row: AssetAndBlob,
    pub access: Access,
}

impl VisibleAsset {
    /// The file, if the caller may see it; `in_group` tells whether they are members of a group to which
    /// it is attached.
    pub fn of(actor: &Actor, row: AssetAndBlob, in_group: bool) -> Option<Self> {
        let access = if actor.user_id() == Some(row.asset.owner_id) {
            Access::Owner
        } else if is_admin(actor) {
            Access::Admin
        } else if (row.is_public || in_group) && can_be_shown(&row) {
            Access::Shown
        } else {
            return None;
        };
        Some(Self { row, access })
    }

    /// A file of the caller's.
    pub const fn own(row: AssetAndBlob) -> Self {
        let access = Access::Owner;
        Self { row, access }
    }

    /// Whether everybody may see the file.
    pub fn is_public(&self) -> bool {
        self.row.is_public && can_be_shown(&self.row)
    }

    /// Whether the caller may know where a picture was taken.
    pub fn may_know_position(&self) -> bool {
        self.access == Access::Owner
    }

    /// Whether the caller may have the file as it was uploaded. A picture that tells where it was taken,
    /// or of which that is not known, is shown to others only by its derivatives.
    pub fn may_have_original(&self) -> bool {
        match self.access {
            Access::Owner | Access::Admin => true,
            Access::Shown => tells_no_position(&self.row),
        }
    }
}

impl Access {
    /// How long a signed URL is valid that the caller wants for so many seconds.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if the number is out of range.
    pub fn url_lifetime(self, seconds: i32) -> Result<Duration, Error> {
        let wanted = match u64::try_from(seconds) {
            Ok(positive) if (1..=MAX_URL_SECONDS).contains(&seconds) => {
                Duration::from_secs(positive)
            }
            _ => {
                return Err(Error::with_detail(
                    ErrorCode::BadUserInput,
                    format!("\"expiresIn\" is between 1 and {MAX_URL_SECONDS} seconds."),
                ));
            }
        };
        Ok(match self {
            Self::Owner | Self::Admin => wanted,
            Self::Shown => wanted.min(SHOWN_URL),
        })
    }
}

/// Whether the caller may see and change uploads, and change files, of `owner`: no audience ever may.
pub fn may_change(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner) || is_admin(actor)
}

/// Whether a file can be shown to anybody but its owner.
pub fn can_be_shown(row: &AssetAndBlob) -> bool {
    row.asset.trashed_at.is_none() && row.blob.state != BlobState::Quarantined
}

/// Whether a file is known not to tell where it was taken.
pub fn tells_no_position(row: &AssetAndBlob) -> bool {
    let AssetAndBlob { blob, .. } = row;
    if blob.kind != AssetKind::Image {
        return true;
    }
    let findings = blob.metadata.clone().map(serde_json::from_value);
    let Some(Ok(ImageFindings { exif, .. })) = findings else {
        return false;
    };
    exif.is_none_or(|exif| exif.position.is_none())
}
