//! Uploads of content that is already stored: the challenge, and its answer.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_contracts::media::Upload as UploadEntity;
use atelier_kit::{
    graphql::{
        Long, actor,
        directive::{authenticated, list_size},
        mutation,
    },
    id::Id,
    payload,
};

use super::{asset::Asset, media, upload::Upload};
use crate::{
    app::upload::{self, Challenge, Range},
    error::MediaUserError,
};

/// A proof that the client must give that it has the content. The answer is the SHA-256 of the 32 bytes
/// of the nonce, followed by the bytes of the ranges in the given order.
#[derive(Debug, Clone, SimpleObject)]
pub struct UploadChallenge {
    /// 32 random bytes in hexadecimal digits.
    pub nonce: String,
    /// Ranges of the file, at most 16.
    #[graphql(directive = list_size::apply(Some(16), None, None, None))]
    pub ranges: Vec<ByteRange>,
}

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct ByteRange {
    /// The position of the first byte, from 0.
    pub offset: Long,
    /// The number of bytes.
    pub length: Long,
}

impl From<Challenge> for UploadChallenge {
    fn from(challenge: Challenge) -> Self {
        Self {
            nonce: challenge.nonce,
            ranges: challenge.ranges.into_iter().map(ByteRange::from).collect(),
        }
    }
}

impl From<Range> for ByteRange {
    fn from(range: Range) -> Self {
        let long = |bytes: u64| Long(i64::try_from(bytes).unwrap_or(i64::MAX));
        Self {
            offset: long(range.offset),
            length: long(range.length),
        }
    }
}

/// The input of `uploadProve`.
#[derive(Debug, InputObject)]
pub struct UploadProveInput {
    /// The ID of the upload.
    pub upload_id: Id<UploadEntity>,
    /// The answer to the challenge of the upload: a SHA-256 in hexadecimal digits.
    pub answer: String,
}

payload! {
    /// The result of `uploadProve`.
    pub struct UploadProvePayload, MediaUserError {
        /// The completed upload.
        upload: Upload,
        /// The file that the upload became.
        asset: Option<Asset>,
    }
}

/// The fields of `Mutation` about challenges.
#[derive(Default)]
pub struct UploadChallengeMutation;

#[Object]
impl UploadChallengeMutation {
    /// Creates the file from content that is already stored, if the answer proves that the caller has it.
    /// After three wrong answers the upload is rejected.
    #[graphql(directive = authenticated::apply())]
    async fn upload_prove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload and the answer to its challenge.")] input: UploadProveInput,
    ) -> Result<UploadProvePayload> {
        match upload::prove(media(ctx), actor(ctx), input.upload_id, &input.answer).await {
            Ok(row) => {
                let upload = Upload(row);
                let asset = upload.file(ctx).await?;
                mutation(ctx, Ok((upload, asset)))
            }
            Err(fail) => mutation(ctx, Err(fail)),
        }
    }
}
