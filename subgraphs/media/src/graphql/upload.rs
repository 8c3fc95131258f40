//! The entity `Upload`.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};
use atelier_contracts::{
    media::{Upload as UploadEntity, UploadStatus},
    stub,
};
use atelier_kit::{
    graphql::{
        Long, actor,
        directive::{authenticated, list_size},
        load, mutation, scope,
    },
    id::Id,
    payload,
};
use chrono::{DateTime, Utc};

use super::{
    asset::Asset,
    media,
    upload_challenge::UploadChallenge,
    upload_part::{SignedRequest, UploadPart},
};
use crate::{
    app::{
        upload::{self, Received, ReceivedOfUpload, UploadById},
        upload_part,
    },
    db::upload::UploadRow,
    error::MediaUserError,
    kinds::UploadStrategy,
};

/// The most parts that a list gives at once: all that an upload can have.
const MAX_PARTS: usize = 10_000;

/// The transfer of a file to the object store.
#[derive(Debug, Clone)]
pub struct Upload(pub UploadRow);

fn bounded(first: i32) -> usize {
    usize::try_from(first).unwrap_or(0).min(MAX_PARTS)
}

impl Upload {
    /// The upload with an id, if the caller may see it.
    async fn load(ctx: &Context<'_>, id: Id<UploadEntity>) -> Result<Option<Self>> {
        let batch = || UploadById {
            media: media(ctx).clone(),
            actor: Arc::clone(&scope(ctx).actor),
        };
        Ok(load(ctx, batch, id).await?.map(Self))
    }

    /// The file that the upload became.
    pub async fn file(&self, ctx: &Context<'_>) -> Result<Option<Asset>> {
        match self.0.asset_id {
            Some(id) => Asset::load(ctx, id).await,
            None => Ok(None),
        }
    }

    async fn received(&self, ctx: &Context<'_>) -> Result<Arc<Received>> {
        let batch = || ReceivedOfUpload(media(ctx).clone());
        Ok(load(ctx, batch, self.0.id).await?.unwrap_or_default())
    }
}

/// The transfer of a file to the object store. Only its owner and callers with the scope `admin:media`
/// can see it.
#[Object(directive = authenticated::apply())]
impl Upload {
    /// The ID of the upload. It is all a client needs to resume it.
    pub async fn id(&self) -> Id<UploadEntity> {
        self.0.id
    }

    /// The state of the upload.
    async fn status(&self) -> UploadStatus {
        self.0.status
    }

    /// How to send the file.
    async fn strategy(&self) -> UploadStrategy {
        self.0.strategy
    }

    /// The name of the file.
    async fn filename(&self) -> &str {
        &self.0.filename
    }

    /// The announced MIME type.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// The announced size of the file, in bytes.
    async fn byte_size(&self) -> Long {
        self.0.byte_size.into()
    }

    /// The user who owns the upload.
    async fn owner(&self) -> Option<stub::User> {
        let id = self.0.owner_id;
        Some(stub::User { id })
    }

    /// The size of each part in bytes; the last part may be smaller.
    async fn part_size(&self) -> Long {
        self.0.part_size.into()
    }

    /// The number of parts, at most 10,000.
    async fn part_count(&self) -> i32 {
        self.0.part_count
    }

    /// Whether each part is sent with its SHA-256.
    async fn checksum_parts(&self) -> bool {
        self.0.checksum_parts
    }

    /// The parts that have arrived, as reported by the object store, in the order of their numbers.
    #[graphql(directive = list_size::apply(Some(1000), Some(vec!["first".to_owned()]), None, None))]
    async fn received_parts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns at most this many parts, lowest numbers first.",
            default = 1000
        )]
        first: i32,
    ) -> Result<Vec<UploadPart>> {
        let received = self.received(ctx).await?;
        let parts = received.parts.iter().take(bounded(first)).cloned();
        Ok(parts
            .map(|part| UploadPart {
                number: part.number,
                byte_size: part.byte_size.into(),
                etag: part.etag,
                received_at: part.received_at,
            })
            .collect())
    }

    /// The numbers of the parts that have not arrived yet, in ascending order.
    #[graphql(directive = list_size::apply(Some(1000), Some(vec!["first".to_owned()]), None, None))]
    async fn missing_parts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns at most this many numbers, lowest first.",
            default = 1000
        )]
        first: i32,
    ) -> Result<Vec<i32>> {
        let mut missing = self.received(ctx).await?.missing(&self.0);
        missing.truncate(bounded(first));
        Ok(missing)
    }

    /// The number of bytes that have arrived, as reported by the object store.
    async fn received_bytes(&self, ctx: &Context<'_>) -> Result<Long> {
        Ok(self.received(ctx).await?.bytes.into())
    }

    /// The request with which to send the file; signed anew each time. Null unless the strategy is
    /// `SINGLE_PUT` and the upload is open.
    async fn put(&self, ctx: &Context<'_>) -> Result<Option<SignedRequest>> {
        Ok(upload_part::sign_put(media(ctx), &self.0)
            .await?
            .map(SignedRequest::from))
    }

    /// The challenge to answer with `uploadProve`. Null unless the strategy is `INSTANT` and the upload is
    /// open.
    async fn challenge(&self) -> Option<UploadChallenge> {
        if self.0.status.is_closed() {
            return None;
        }
        let challenge: upload::Challenge =
            serde_json::from_value(self.0.challenge.clone()?).ok()?;
        Some(challenge.into())
    }

    /// The time when the upload was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The time when the upload expires unless it is completed before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// The file that the upload became; null until it is completed.
    async fn asset(&self, ctx: &Context<'_>) -> Result<Option<Asset>> {
        self.file(ctx).await
    }

    /// The task that processes the file; null if the file needs no processing.
    async fn task(&self) -> Option<stub::Task> {
        self.0.task_id.map(|id| stub::Task { id })
    }
}

/// Selects uploads of a list.
#[derive(Debug, Clone, Default, InputObject)]
pub struct UploadWhere {
    /// Returns only uploads in this state.
    pub status: Option<UploadStatus>,
}

/// The fields of `Query` about uploads.
#[derive(Default)]
pub struct UploadQuery;

#[Object]
impl UploadQuery {
    /// Returns an upload, or null if it does not exist or the caller may not see it.
    #[graphql(directive = authenticated::apply())]
    async fn upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the upload.")] id: Id<UploadEntity>,
    ) -> Result<Option<Upload>> {
        Upload::load(ctx, id).await
    }

    /// An upload by its key.
    #[graphql(entity)]
    async fn find_upload_by_id(
        &self,
        ctx: &Context<'_>,
        id: Id<UploadEntity>,
    ) -> Result<Option<Upload>> {
        Upload::load(ctx, id).await
    }
}

/// The input of `uploadCreate`: a file to be uploaded.
#[derive(Debug, InputObject)]
pub struct UploadCreateInput {
    /// The file name: 1 to 255 characters, without slashes.
    pub filename: String,
    /// The MIME type, which is checked against the content. Use `application/octet-stream` if it is not
    /// known.
    pub content_type: String,
    /// The size of the file in bytes.
    pub byte_size: Long,
    /// The SHA-256 of the file in hexadecimal digits. The content is verified against it; if the same
    /// content is already stored, it need not be sent.
    pub sha256: Option<String>,
    /// What the file is for, in your own terms; at most 128 characters.
    pub purpose: Option<String>,
    /// A key of your choice, at most 128 characters. Repeating the call with the same key and input
    /// returns the same upload.
    pub idempotency_key: Option<String>,
    /// Whether each part is sent with its SHA-256, which the store verifies. Has no effect on files sent in
    /// one request.
    #[graphql(default)]
    pub checksum_parts: bool,
    /// Whether to skip sending if the same content is already stored. Needs `sha256`.
    #[graphql(default = true)]
    pub instant: bool,
}

impl From<UploadCreateInput> for upload::NewUpload {
    fn from(input: UploadCreateInput) -> Self {
        Self {
            filename: input.filename,
            content_type: input.content_type,
            byte_size: input.byte_size.0,
            sha256: input.sha256,
            purpose: input.purpose,
            idempotency_key: input.idempotency_key,
            checksum_parts: input.checksum_parts,
            instant: input.instant,
        }
    }
}

/// The input of `uploadComplete`.
#[derive(Debug, InputObject)]
pub struct UploadCompleteInput {
    /// The ID of the upload.
    pub upload_id: Id<UploadEntity>,
}

/// The input of `uploadAbort`.
#[derive(Debug, InputObject)]
pub struct UploadAbortInput {
    /// The ID of the upload.
    pub upload_id: Id<UploadEntity>,
}

payload! {
    /// The result of `uploadCreate`.
    pub struct UploadCreatePayload, MediaUserError {
        /// The upload. Its `strategy` tells how to send the file.
        upload: Upload,
    }

    /// The result of `uploadComplete`.
    pub struct UploadCompletePayload, MediaUserError {
        /// The completed upload.
        upload: Upload,
        /// The file that the upload became.
        asset: Option<Asset>,
        /// The task that processes the file; null if the file needs no processing.
        task: Option<stub::Task>,
    }

    /// The result of `uploadAbort`.
    pub struct UploadAbortPayload, MediaUserError {
        /// The aborted upload.
        upload: Upload,
    }
}

/// The fields of `Mutation` about uploads.
#[derive(Default)]
pub struct UploadMutation;

#[Object]
impl UploadMutation {
    /// Creates an upload and reserves storage for the file.
    #[graphql(directive = authenticated::apply())]
    async fn upload_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: UploadCreateInput,
    ) -> Result<UploadCreatePayload> {
        let created = upload::create(media(ctx), actor(ctx), input.into()).await;
        mutation(ctx, created.map(Upload))
    }

    /// Verifies the size, checksum and type of what was sent, and creates the file. Repeating the call
    /// returns the same file.
    #[graphql(directive = authenticated::apply())]
    async fn upload_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload.")] input: UploadCompleteInput,
    ) -> Result<UploadCompletePayload> {
        match upload::complete(media(ctx), actor(ctx), input.upload_id).await {
            Ok(row) => {
                let task = row.task_id.map(|id| stub::Task { id });
                let upload = Upload(row);
                let asset = upload.file(ctx).await?;
                mutation(ctx, Ok((upload, asset, task)))
            }
            Err(fail) => mutation(ctx, Err(fail)),
        }
    }

    /// Aborts an upload: removes what was sent and releases the reserved storage. Repeating the call has
    /// no further effect.
    #[graphql(directive = authenticated::apply())]
    async fn upload_abort(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload.")] input: UploadAbortInput,
    ) -> Result<UploadAbortPayload> {
        let aborted = upload::abort(media(ctx), actor(ctx), input.upload_id).await;
        mutation(ctx, aborted.map(Upload))
    }
}
