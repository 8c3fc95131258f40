//! What a caller has of their own.
//!
//! The rule is on the fields and not on the type: who asks for the caller and is nobody gets null
//! and no error.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{Long, directive::authenticated},
    id::{Id, User},
    page::{Connection, Cursor, PageArgs, wants_total},
};

use super::{
    asset::Asset,
    enums::{AssetKind, UploadStatus},
    media,
    upload::Upload,
};
use crate::{
    app::{asset, upload},
    db::asset::AssetFilter,
};

/// The caller.
pub struct Viewer {
    pub id: Id<User>,
}

/// What somebody's files take.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct StorageUsage {
    /// Files outside the trash.
    pub assets: Long,
    /// Bytes of the files outside the trash.
    pub bytes: Long,
    /// Files in the trash.
    pub trashed_assets: Long,
    /// Bytes of the files in the trash.
    pub trashed_bytes: Long,
    /// Bytes announced by uploads that are not completed.
    pub uploading_bytes: Long,
}

/// Which files are wanted.
#[derive(Debug, Clone, Default, InputObject)]
pub struct AssetWhere {
    /// Only files of this kind.
    pub kind: Option<AssetKind>,
    /// Those in the trash instead of the others.
    #[graphql(default)]
    pub trashed: bool,
}

/// Which uploads are wanted.
#[derive(Debug, Clone, Default, InputObject)]
pub struct UploadWhere {
    /// Only uploads that stand here.
    pub status: Option<UploadStatus>,
}

/// The signed-in caller, and what only they may see. For nobody there is none.
#[Object]
impl Viewer {
    /// The id of the caller's account.
    #[graphql(directive = authenticated::apply())]
    async fn id(&self) -> Id<User> {
        self.id
    }

    /// The caller's uploads, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn uploads(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which uploads are wanted.")] filter: Option<UploadWhere>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Option<Connection<Upload>>> {
        const LIST: &str = "media.uploads";
        let (media, status) = (
            media(ctx),
            filter.and_then(|filter| filter.status).map(Into::into),
        );
        let sealer = &media.deps.cursors;
        let request = PageArgs {
            first,
            after,
            last,
            before,
        }
        .open(LIST, sealer)?;
        let rows = upload::page(media, self.id, status, &request).await?;
        let total = if wants_total(ctx) {
            Some(upload::total(media, self.id, status).await?)
        } else {
            None
        };
        let nodes = rows.into_iter().map(Upload).collect();
        Ok(Some(
            Connection::build(&request, nodes, sealer, LIST, |node| {
                (node.0.created_at, node.0.id)
            })
            .with_total(total),
        ))
    }

    /// The caller's files, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn assets(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which files are wanted.")] filter: Option<AssetWhere>,
        #[graphql(desc = "Items from the front, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this.")] after: Option<Cursor>,
        #[graphql(desc = "Items from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this.")] before: Option<Cursor>,
    ) -> Result<Option<Connection<Asset>>> {
        const LIST: &str = "media.assets";
        let media = media(ctx);
        let filter = filter
            .map(|filter| AssetFilter {
                kind: filter.kind.map(Into::into),
                trashed: filter.trashed,
            })
            .unwrap_or_default();
        let sealer = &media.deps.cursors;
        let request = PageArgs {
            first,
            after,
            last,
            before,
        }
        .open(LIST, sealer)?;
        let rows = asset::page(media, self.id, filter, &request).await?;
        let total = if wants_total(ctx) {
            Some(asset::total(media, self.id, filter).await?)
        } else {
            None
        };
        let nodes = rows.into_iter().map(Asset).collect();
        Ok(Some(
            Connection::build(&request, nodes, sealer, LIST, |node| {
                (node.0.0.created_at, node.0.0.id)
            })
            .with_total(total),
        ))
    }

    /// What the caller's files take.
    #[graphql(directive = authenticated::apply())]
    async fn storage(&self, ctx: &Context<'_>) -> Result<Option<StorageUsage>> {
        let usage = asset::usage(media(ctx), self.id).await?;
        Ok(Some(StorageUsage {
            assets: usage.assets.into(),
            bytes: usage.bytes.into(),
            trashed_assets: usage.trashed_assets.into(),
            trashed_bytes: usage.trashed_bytes.into(),
            uploading_bytes: usage.uploading_bytes.into(),
        }))
    }
}
