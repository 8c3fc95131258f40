//! The entity `Upload`.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{
        Long,
        directive::{authenticated, list_size},
        load,
    },
    id::Id,
};
use chrono::{DateTime, Utc};

use super::{
    asset::Asset,
    enums::{UploadStatus, UploadStrategy},
    load_asset, media,
    reference::{TaskReference, UserReference},
    signed::SignedRequest,
};
use crate::{
    app::{
        loader::ReceivedOfUpload,
        upload::{self, Received},
    },
    db::upload::UploadRow,
};

/// The most parts that a list gives at once: all that an upload can have.
const MAX_PARTS: usize = 10_000;

/// The sending of a file.
#[derive(Debug, Clone)]
pub struct Upload(pub UploadRow);

/// A part that has arrived.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadPart {
    /// Its number, from 1.
    pub number: i32,
    /// Its size in bytes.
    pub byte_size: Long,
    /// Its entity tag in the store.
    pub etag: String,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

/// What the client must answer to show that it has the content: the SHA-256 of the nonce's 32 bytes
/// followed by the bytes of the ranges, in order.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadChallenge {
    /// 32 bytes in hexadecimal digits.
    pub nonce: String,
    /// The ranges of the file, at most 16.
    #[graphql(directive = list_size::apply(Some(16), None, None, None))]
    pub ranges: Vec<ByteRange>,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct ByteRange {
    /// Where they begin.
    pub offset: Long,
    /// How many they are.
    pub length: Long,
}

fn bounded(first: i32) -> usize {
    usize::try_from(first).unwrap_or(0).min(MAX_PARTS)
}

impl Upload {
    async fn received(&self, ctx: &Context<'_>) -> Result<Arc<Received>> {
        let batch = || ReceivedOfUpload {
            media: media(ctx).clone(),
        };
        Ok(load(ctx, batch, self.0.id).await?.unwrap_or_default())
    }
}

/// The sending of a file. Only its owner and holders of `admin:media` see it.
#[Object(directive = authenticated::apply())]
impl Upload {
    /// Its id, all that a client needs to resume it.
    pub async fn id(&self) -> Id<crate::Upload> {
        self.0.id
    }

    /// Where it stands.
    async fn status(&self) -> UploadStatus {
        self.0.status.into()
    }

    /// How the bytes reach the store.
    async fn strategy(&self) -> UploadStrategy {
        self.0.strategy.into()
    }

    /// The name of the file.
    async fn filename(&self) -> &str {
        &self.0.filename
    }

    /// The MIME type that was announced.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// The size that was announced, in bytes.
    async fn byte_size(&self) -> Long {
        self.0.byte_size.into()
    }

    /// Whose upload it is.
    async fn owner(&self) -> Option<UserReference> {
        Some(UserReference {
            id: self.0.owner_id,
        })
    }

    /// The size of every part but the last, in bytes.
    async fn part_size(&self) -> Long {
        self.0.part_size.into()
    }

    /// How many parts there are, at most 10,000.
    async fn part_count(&self) -> i32 {
        self.0.part_count
    }

    /// Whether every part is sent with its SHA-256.
    async fn checksum_parts(&self) -> bool {
        self.0.checksum_parts
    }

    /// The parts that have arrived, by the store's word.
    #[graphql(directive = list_size::apply(Some(1000), Some(vec!["first".to_owned()]), None, None))]
    async fn received_parts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, the lowest numbers first.", default = 1000)]
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

    /// The numbers of the parts that are still to be sent.
    #[graphql(directive = list_size::apply(Some(1000), Some(vec!["first".to_owned()]), None, None))]
    async fn missing_parts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most this many, the lowest numbers first.", default = 1000)]
        first: i32,
    ) -> Result<Vec<i32>> {
        let mut missing = self.received(ctx).await?.missing(&self.0);
        missing.truncate(bounded(first));
        Ok(missing)
    }

    /// How many bytes have arrived, by the store's word.
    async fn received_bytes(&self, ctx: &Context<'_>) -> Result<Long> {
        Ok(self.received(ctx).await?.bytes.into())
    }

    /// The request with which to send the file, signed anew each time; null unless the strategy is
    /// `SINGLE_PUT` and the upload is open.
    async fn put(&self, ctx: &Context<'_>) -> Result<Option<SignedRequest>> {
        Ok(upload::sign_put(media(ctx), &self.0)
            .await?
            .map(SignedRequest::from))
    }

    /// What to answer with `uploadProve`; null unless the strategy is `INSTANT` and the upload open.
    async fn challenge(&self) -> Option<UploadChallenge> {
        if self.0.status.is_closed() {
            return None;
        }
        let challenge: upload::Challenge =
            serde_json::from_value(self.0.challenge.clone()?).ok()?;
        let long = |bytes: u64| Long(i64::try_from(bytes).unwrap_or(i64::MAX));
        let ranges = challenge
            .ranges
            .iter()
            .map(|upload::Range { offset, length }| ByteRange {
                offset: long(*offset),
                length: long(*length),
            });
        Some(UploadChallenge {
            nonce: challenge.nonce,
            ranges: ranges.collect(),
        })
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it expires, unless it is completed before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// The file that it became.
    async fn asset(&self, ctx: &Context<'_>) -> Result<Option<Asset>> {
        match self.0.asset_id {
            Some(id) => load_asset(ctx, id).await,
            None => Ok(None),
        }
    }

    /// The task that processes the file, where one was needed.
    async fn task(&self) -> Option<TaskReference> {
        self.0.task_id.map(|id| TaskReference { id })
    }
}
