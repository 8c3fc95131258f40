//! Audiences of files, for other domains only.

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_contracts::{
    audience::{
        AttachmentRefusalReason, AudienceAttachInput, AudienceDetachInput,
        RefusedAttachment as Refused,
    },
    media::Asset as AssetEntity,
};
use atelier_kit::{
    graphql::{actor, directive::list_size, mutation},
    id::Id,
    payload,
};

use super::media;
use crate::{app::audience, error::MediaUserError};

/// A file that cannot be attached to an audience.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(inaccessible)]
pub struct RefusedAttachment {
    /// The id of the file.
    pub asset_id: Id<AssetEntity>,
    /// Why the file cannot be attached.
    pub reason: AttachmentRefusalReason,
}

impl From<Refused> for RefusedAttachment {
    fn from(refused: Refused) -> Self {
        Self {
            asset_id: refused.asset_id,
            reason: refused.reason,
        }
    }
}

payload! {
    /// The result of `audienceAttach`.
    #[graphql(inaccessible)]
    pub struct AudienceAttachPayload, MediaUserError {
        /// The files that cannot be attached. If there is any, no file was attached.
        #[graphql(directive = list_size::apply(Some(100), None, None, None))]
        refused: Vec<RefusedAttachment>,
    }

    /// The result of `audienceDetach`.
    #[graphql(inaccessible)]
    pub struct AudienceDetachPayload, MediaUserError {
        /// Whether the files are detached; null if the call was refused.
        detached: bool,
    }
}

/// The fields of `Mutation` about audiences.
#[derive(Default)]
pub struct AudienceMutation;

#[Object]
impl AudienceMutation {
    /// Lets an audience see files of a user, on behalf of the calling domain. Either all files are
    /// attached or none. Repeating the call has no further effect. For other domains only.
    #[graphql(inaccessible)]
    async fn audience_attach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The audience and the files.")] input: AudienceAttachInput,
    ) -> Result<AudienceAttachPayload> {
        let refused = audience::attach(media(ctx), actor(ctx), &input).await;
        mutation(
            ctx,
            refused.map(|refused| refused.into_iter().map(Into::into).collect()),
        )
    }

    /// Takes back what `audienceAttach` has done for the same audience and subject; what other domains
    /// or subjects show stays visible. Repeating the call has no further effect. For other domains only.
    #[graphql(inaccessible)]
    async fn audience_detach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The audience and the files.")] input: AudienceDetachInput,
    ) -> Result<AudienceDetachPayload> {
        let detached = audience::detach(media(ctx), actor(ctx), &input).await;
        mutation(ctx, detached.map(|()| true))
    }
}
