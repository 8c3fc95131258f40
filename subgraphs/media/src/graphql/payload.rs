//! What mutations give.

use async_graphql::SimpleObject;
use atelier_kit::{
    Locale,
    error::Refusal,
    graphql::{Payload, directive::list_size},
    id::{Asset as AssetEntity, Id},
    payload,
};

use super::{asset::Asset, reference::TaskReference, signed::SignedRequest, upload::Upload};
use crate::error::{MediaErrorCode, MediaUserError};

payload!(
    /// A planned upload.
    pub struct UploadCreatePayload {
        /// The upload: how to send is told by its `strategy`.
        upload: Upload,
    },
    MediaErrorCode,
    MediaUserError
);
payload!(
    /// An upload that was given up.
    pub struct UploadAbortPayload {
        /// The upload.
        upload: Upload,
    },
    MediaErrorCode,
    MediaUserError
);
payload!(
    /// A changed file.
    pub struct AssetUpdatePayload {
        /// The file.
        asset: Asset,
    },
    MediaErrorCode,
    MediaUserError
);
payload!(
    /// A file in the trash.
    pub struct AssetDeletePayload {
        /// The file.
        asset: Asset,
    },
    MediaErrorCode,
    MediaUserError
);
payload!(
    /// A file that came back.
    pub struct AssetRestorePayload {
        /// The file.
        asset: Asset,
    },
    MediaErrorCode,
    MediaUserError
);

fn errors(refusals: Vec<Refusal<MediaErrorCode>>, locale: Locale) -> Vec<MediaUserError> {
    refusals
        .into_iter()
        .map(|refusal| (refusal, locale).into())
        .collect()
}

/// A part that may be sent.
#[derive(SimpleObject)]
pub struct SignedPart {
    /// Its number.
    pub number: i32,
    /// The request with which to send it.
    pub request: SignedRequest,
}

/// Signed parts.
#[derive(Default, SimpleObject)]
pub struct UploadPartsSignPayload {
    /// The upload.
    pub upload: Option<Upload>,
    /// The requests with which to send the parts, in the order asked for.
    #[graphql(directive = list_size::apply(Some(1000), None, None, None))]
    pub parts: Vec<SignedPart>,
    /// Why nothing was signed; empty on success.
    pub user_errors: Vec<MediaUserError>,
}

impl Payload for UploadPartsSignPayload {
    type Code = MediaErrorCode;
    type Done = (Upload, Vec<SignedPart>);

    fn done((upload, parts): Self::Done) -> Self {
        Self {
            upload: Some(upload),
            parts,
            user_errors: Vec::new(),
        }
    }

    fn refused(refusals: Vec<Refusal<MediaErrorCode>>, locale: Locale) -> Self {
        Self {
            user_errors: errors(refusals, locale),
            ..Self::default()
        }
    }
}

/// A completed upload.
#[derive(Default, SimpleObject)]
pub struct UploadCompletePayload {
    /// The upload.
    pub upload: Option<Upload>,
    /// The file that it became.
    pub asset: Option<Asset>,
    /// The task that processes the file, where one is needed.
    pub task: Option<TaskReference>,
    /// Why nothing was completed; empty on success.
    pub user_errors: Vec<MediaUserError>,
}

/// A completed upload, its file, and the task that processes it.
pub type CompletedUpload = (Upload, Option<Asset>, Option<TaskReference>);

impl Payload for UploadCompletePayload {
    type Code = MediaErrorCode;
    type Done = CompletedUpload;

    fn done((upload, asset, task): Self::Done) -> Self {
        Self {
            upload: Some(upload),
            asset,
            task,
            user_errors: Vec::new(),
        }
    }

    fn refused(refusals: Vec<Refusal<MediaErrorCode>>, locale: Locale) -> Self {
        Self {
            user_errors: errors(refusals, locale),
            ..Self::default()
        }
    }
}

/// An upload that was completed without sending.
#[derive(Default, SimpleObject)]
pub struct UploadProvePayload {
    /// The upload.
    pub upload: Option<Upload>,
    /// The file that it became.
    pub asset: Option<Asset>,
    /// Why the answer was not accepted; empty on success.
    pub user_errors: Vec<MediaUserError>,
}

impl Payload for UploadProvePayload {
    type Code = MediaErrorCode;
    type Done = (Upload, Option<Asset>);

    fn done((upload, asset): Self::Done) -> Self {
        Self {
            upload: Some(upload),
            asset,
            user_errors: Vec::new(),
        }
    }

    fn refused(refusals: Vec<Refusal<MediaErrorCode>>, locale: Locale) -> Self {
        Self {
            user_errors: errors(refusals, locale),
            ..Self::default()
        }
    }
}

/// Purged files; those that were not are told in `userErrors`, by their position in `ids`.
#[derive(Default, SimpleObject)]
pub struct AssetsPurgePayload {
    /// The files that are gone.
    #[graphql(directive = list_size::apply(Some(100), None, None, None))]
    pub purged_ids: Vec<Id<AssetEntity>>,
    /// Why the others are not.
    pub user_errors: Vec<MediaUserError>,
}

impl AssetsPurgePayload {
    /// What was purged, and why the rest was not.
    pub fn partly(
        purged_ids: Vec<Id<AssetEntity>>,
        refusals: Vec<Refusal<MediaErrorCode>>,
        locale: Locale,
    ) -> Self {
        Self {
            purged_ids,
            user_errors: errors(refusals, locale),
        }
    }
}
