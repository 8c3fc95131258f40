//! The parts of uploads.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_contracts::media::Upload as UploadEntity;
use atelier_kit::{
    Locale,
    error::{Refusal, UserErrorObject},
    graphql::{Long, Payload, actor, directive::authenticated, directive::list_size, mutation},
    id::Id,
};
use chrono::{DateTime, Utc};

use super::{media, upload::Upload};
use crate::{
    app::upload_part::{self, PartToSign},
    error::{MediaErrorCode, MediaUserError},
};

/// A part that has arrived in the object store.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadPart {
    /// The number of the part, from 1.
    pub number: i32,
    /// The size in bytes.
    pub byte_size: Long,
    /// The entity tag that the store gave the part.
    pub etag: String,
    /// The time when the part arrived.
    pub received_at: DateTime<Utc>,
}

/// A header of an HTTP request.
#[derive(Debug, Clone, SimpleObject)]
pub struct RequestHeader {
    /// The name of the header.
    pub name: String,
    /// The value of the header.
    pub value: String,
}

/// An HTTP request to send to the object store, exactly as it is given here.
#[derive(Debug, Clone, SimpleObject)]
pub struct SignedRequest {
    /// The HTTP method.
    pub method: String,
    /// The URL, including its signature.
    pub url: String,
    /// The headers that must be sent, at most 8.
    #[graphql(directive = list_size::apply(Some(8), None, None, None))]
    pub headers: Vec<RequestHeader>,
    /// The time when the signature expires.
    pub expires_at: DateTime<Utc>,
}

impl From<atelier_storage::SignedRequest> for SignedRequest {
    fn from(request: atelier_storage::SignedRequest) -> Self {
        let headers = request
            .headers
            .into_iter()
            .map(|(name, value)| RequestHeader { name, value });
        Self {
            method: request.method,
            url: request.url,
            headers: headers.collect(),
            expires_at: request.expires_at,
        }
    }
}

/// The input of `uploadPartsSign`.
#[derive(Debug, InputObject)]
pub struct UploadPartsSignInput {
    /// The ID of the upload.
    pub upload_id: Id<UploadEntity>,
    /// The parts to send, at most 1000.
    pub parts: Vec<UploadPartInput>,
}

/// A part that the client wants to send.
#[derive(Debug, InputObject)]
pub struct UploadPartInput {
    /// The number of the part, from 1.
    pub number: i32,
    /// The SHA-256 of the part in hexadecimal digits. Required if the upload was created with
    /// `checksumParts`, and refused otherwise.
    pub sha256: Option<String>,
}

impl From<UploadPartInput> for PartToSign {
    fn from(part: UploadPartInput) -> Self {
        Self {
            number: part.number,
            sha256: part.sha256,
        }
    }
}

/// A signed request for sending a part.
#[derive(SimpleObject)]
pub struct SignedPart {
    /// The number of the part.
    pub number: i32,
    /// The request with which to send the part.
    pub request: SignedRequest,
}

impl From<upload_part::SignedPart> for SignedPart {
    fn from(part: upload_part::SignedPart) -> Self {
        Self {
            number: part.number,
            request: part.request.into(),
        }
    }
}

/// The result of `uploadPartsSign`.
#[derive(Default, SimpleObject)]
pub struct UploadPartsSignPayload {
    /// The upload.
    pub upload: Option<Upload>,
    /// The requests with which to send the parts, in the order of the input.
    #[graphql(directive = list_size::apply(Some(1000), None, None, None))]
    pub parts: Vec<SignedPart>,
    /// Why nothing was signed; empty on success.
    pub user_errors: Vec<MediaUserError>,
}

// By hand, because the list of parts is never null.
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
        let in_words = |refusal| MediaUserError::of(refusal, locale);
        Self {
            user_errors: refusals.into_iter().map(in_words).collect(),
            ..Self::default()
        }
    }
}

/// The fields of `Mutation` about parts.
#[derive(Default)]
pub struct UploadPartMutation;

#[Object]
impl UploadPartMutation {
    /// Signs the requests with which to send parts of a multipart upload. To resume an upload, sign its
    /// `missingParts` again.
    #[graphql(directive = authenticated::apply())]
    async fn upload_parts_sign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The parts to send.")] input: UploadPartsSignInput,
    ) -> Result<UploadPartsSignPayload> {
        let parts: Vec<_> = input.parts.into_iter().map(PartToSign::from).collect();
        let signed = upload_part::sign_parts(media(ctx), actor(ctx), input.upload_id, &parts).await;
        let signed = signed.map(|(row, parts)| {
            let parts = parts.into_iter().map(SignedPart::from).collect();
            (Upload(row), parts)
        });
        mutation(ctx, signed)
    }
}
