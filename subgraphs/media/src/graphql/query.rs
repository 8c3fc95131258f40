//! What can be asked.

use async_graphql::{Context, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated},
    id::{Asset as AssetEntity, Id, User},
};

use super::{asset::Asset, load_asset, load_upload, upload::Upload, viewer::Viewer};
use crate::UploadId;

/// What can be asked.
pub struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// The signed-in caller; null for nobody.
    #[graphql(shareable, tag = "public")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Viewer> {
        actor(ctx).user_id().map(|id| Viewer { id })
    }

    /// A file; null if there is none that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn asset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: Id<AssetEntity>,
    ) -> Result<Option<Asset>> {
        load_asset(ctx, id).await
    }

    /// An upload; null if there is none that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload's id.")] id: UploadId,
    ) -> Result<Option<Upload>> {
        load_upload(ctx, id).await
    }

    /// A file by its key.
    #[graphql(entity)]
    async fn find_asset_by_id(
        &self,
        ctx: &Context<'_>,
        id: Id<AssetEntity>,
    ) -> Result<Option<Asset>> {
        load_asset(ctx, id).await
    }

    /// An upload by its key.
    #[graphql(entity)]
    async fn find_upload_by_id(&self, ctx: &Context<'_>, id: UploadId) -> Result<Option<Upload>> {
        load_upload(ctx, id).await
    }

    /// The caller by their key: nobody sees another one's.
    #[graphql(entity)]
    async fn find_viewer_by_id(&self, ctx: &Context<'_>, id: Id<User>) -> Result<Option<Viewer>> {
        Ok(actor(ctx)
            .user_id()
            .filter(|user| *user == id)
            .map(|id| Viewer { id }))
    }
}
