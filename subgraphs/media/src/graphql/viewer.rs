//! What the caller has of their own.

use async_graphql::{Context, Result, SimpleObject};
use atelier_kit::{
    graphql::{Long, actor, directive::authenticated},
    page::{Connection, PageArgs},
};

use super::{
    asset::{Asset, AssetWhere},
    media,
    upload::{Upload, UploadWhere},
};
use crate::app::{access::VisibleAsset, asset, upload};

/// How much storage the files of a user take.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct StorageUsage {
    /// The number of files outside the trash.
    pub assets: Long,
    /// The total size of the files outside the trash, in bytes.
    pub bytes: Long,
    /// The number of files in the trash.
    pub trashed_assets: Long,
    /// The total size of the files in the trash, in bytes.
    pub trashed_bytes: Long,
    /// The total size that unfinished uploads have announced, in bytes.
    pub uploading_bytes: Long,
}

/// The caller's files and uploads.
#[derive(Default)]
pub struct MediaOfViewer;

#[atelier_kit::object]
impl MediaOfViewer {
    /// The caller's uploads, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn uploads(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Selects uploads; all if omitted.")] filter: Option<
            UploadWhere,
        >,
        page: PageArgs,
    ) -> Result<Option<Connection<Upload>>> {
        let status = filter.and_then(|filter| filter.status);
        let page = upload::page(media(ctx), actor(ctx), status, &page).await?;
        Ok(Some(page.connection(Upload)))
    }

    /// The caller's files, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn assets(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            name = "where",
            desc = "Selects files; all outside the trash if omitted."
        )]
        filter: Option<AssetWhere>,
        page: PageArgs,
    ) -> Result<Option<Connection<Asset>>> {
        let filter = filter.unwrap_or_default().into();
        let page = asset::page(media(ctx), actor(ctx), filter, &page).await?;
        Ok(Some(page.connection(|row| Asset(VisibleAsset::own(row)))))
    }

    /// How much storage the caller's files take.
    #[graphql(directive = authenticated::apply())]
    async fn storage(&self, ctx: &Context<'_>) -> Result<Option<StorageUsage>> {
        let usage = asset::usage(media(ctx), actor(ctx)).await?;
        Ok(Some(StorageUsage {
            assets: usage.assets.into(),
            bytes: usage.bytes.into(),
            trashed_assets: usage.trashed_assets.into(),
            trashed_bytes: usage.trashed_bytes.into(),
            uploading_bytes: usage.uploading_bytes.into(),
        }))
    }
}

atelier_kit::viewer!(MediaOfViewer);
