//! The entity `Asset`.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use atelier_contracts::{media::Asset as AssetEntity, stub};
use atelier_kit::{
    error::{Fail, UserErrorObject},
    graphql::{Long, actor, directive::authenticated, directive::list_size, load, mutation, scope},
    id::Id,
    payload,
};
use chrono::{DateTime, Utc};

use super::{derivative::Derivative, media, metadata::AssetMetadata};
use crate::{
    app::{
        access::{Access, VisibleAsset},
        asset::{self, AssetById},
        derivative::DerivativesOfBlob,
        public_file,
    },
    db::{asset::AssetFilter, derivative::DerivativeRow},
    error::MediaUserError,
    kinds::{AssetKind, BlobState},
};

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AssetStatus {
    /// The file can be read. Its derivatives and metadata are still being made.
    Processing,
    /// The file can be read, and its processing has ended.
    Active,
    /// The file failed verification and cannot be read.
    Quarantined,
    /// The file is in the trash.
    Trashed,
}

/// A stored file that the caller may see.
#[derive(Debug, Clone)]
pub struct Asset(pub VisibleAsset);

/// What to show until a picture has loaded.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(tag = "public")]
pub struct Placeholder {
    /// A blurred version of the picture as a BlurHash string; see https://blurha.sh.
    pub blurhash: String,
    /// The most common colour of the picture, as `#rrggbb`.
    pub dominant_color: String,
}

/// A URL that gives read access to anyone who has it, until it expires.
#[derive(Debug, Clone, SimpleObject)]
pub struct SignedUrl {
    /// The URL, including its signature.
    pub url: String,
    /// The time when the URL expires.
    pub expires_at: DateTime<Utc>,
}

impl From<atelier_storage::SignedRequest> for SignedUrl {
    fn from(request: atelier_storage::SignedRequest) -> Self {
        Self {
            url: request.url,
            expires_at: request.expires_at,
        }
    }
}

impl Asset {
    /// The file with an id, if the caller may see it.
    pub async fn load(ctx: &Context<'_>, id: Id<AssetEntity>) -> Result<Option<Self>> {
        let batch = || AssetById {
            media: media(ctx).clone(),
            actor: Arc::clone(&scope(ctx).actor),
        };
        Ok(load(ctx, batch, id).await?.map(Self))
    }
}

/// A stored file. Its owner and callers with the scope `admin:media` can see it. So can those to whom it
/// is shown, unless it is in the trash or quarantined: the members of a space or conversation in which it
/// was posted; or everybody, if it is public, like the pictures of users.
#[Object(tag = "public")]
impl Asset {
    /// The ID of the file. It never changes.
    pub async fn id(&self) -> Id<AssetEntity> {
        self.0.row.asset.id
    }

    /// The kind of file, judged by its content.
    async fn kind(&self) -> AssetKind {
        self.0.row.blob.kind
    }

    /// The file name.
    async fn filename(&self) -> &str {
        &self.0.row.asset.filename
    }

    /// The MIME type. It was checked against the content when the file was uploaded.
    async fn content_type(&self) -> &str {
        &self.0.row.asset.content_type
    }

    /// The size in bytes.
    async fn byte_size(&self) -> Long {
        self.0.row.blob.byte_size.into()
    }

    /// The SHA-256 of the content in hexadecimal digits; null until the server has verified it.
    #[graphql(directive = authenticated::apply())]
    async fn sha256(&self) -> Option<String> {
        self.0.row.blob.sha256.as_deref().map(hex::encode)
    }

    /// The purpose that was given when the file was uploaded; null for everyone but the owner of the file
    /// and callers with the scope `admin:media`.
    #[graphql(directive = authenticated::apply())]
    async fn purpose(&self) -> Option<&str> {
        let purpose = self.0.row.asset.purpose.as_deref();
        purpose.filter(|_| self.0.access != Access::Shown)
    }

    /// The state of the file.
    async fn status(&self) -> AssetStatus {
        match (self.0.row.blob.state, self.0.row.asset.trashed_at) {
            (BlobState::Quarantined, _) => AssetStatus::Quarantined,
            (_, Some(_)) => AssetStatus::Trashed,
            (BlobState::Processing, None) => AssetStatus::Processing,
            (BlobState::Ready | BlobState::Failed, None) => AssetStatus::Active,
        }
    }

    /// Why processing failed, so that there are no derivatives and no metadata; null if it did not fail.
    #[graphql(directive = authenticated::apply())]
    async fn failure(&self) -> Option<&str> {
        self.0.row.blob.failure.as_deref()
    }

    /// The user who owns the file.
    async fn owner(&self) -> Option<stub::User> {
        let id = self.0.row.asset.owner_id;
        Some(stub::User { id })
    }

    /// The time when the upload was completed.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.asset.created_at
    }

    /// The time when the file was last renamed, moved to the trash or restored.
    #[graphql(directive = authenticated::apply())]
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.row.asset.updated_at
    }

    /// The time when the file was moved to the trash; null if it is not in the trash.
    #[graphql(directive = authenticated::apply())]
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.asset.trashed_at
    }

    /// Returns a temporary URL from which the file can be read, or null if the file is quarantined. Files
    /// that could run scripts in a browser are always offered as downloads. For callers to whom the file
    /// is only shown, the URL is valid for at most 60 seconds; and it is null for a picture that records
    /// where it was taken, or may do so, because the file itself would tell: show a derivative.
    #[graphql(directive = authenticated::apply())]
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long the URL is valid, in seconds; between 1 and 604800 (7 days). At most 60 for callers to whom the file is only shown.",
            default = 3600
        )]
        expires_in: i32,
        #[graphql(
            desc = "Whether browsers offer the file as a download instead of displaying it.",
            default = false
        )]
        download: bool,
    ) -> Result<Option<SignedUrl>> {
        Ok(asset::url(media(ctx), &self.0, expires_in, download)
            .await?
            .map(SignedUrl::from))
    }

    /// The address from which everybody can read the file as it was uploaded, without signing in: a path
    /// on the host of the API. It stays the same, and browsers and CDNs may keep what they read for an
    /// hour, unless the server is configured otherwise. Null if the file is not public; if it is larger
    /// than 16 MiB; if it is not a picture, sound or video that browsers can show safely; or if it is a
    /// picture that records where it was taken, or may do so. Derivatives have addresses of their own.
    async fn public_url(&self, ctx: &Context<'_>) -> Option<String> {
        public_file::original_path(media(ctx), &self.0)
    }

    /// What to show until the picture has loaded; null if the file is not a picture or is not processed
    /// yet.
    async fn placeholder(&self) -> Option<Placeholder> {
        let blob = &self.0.row.blob;
        Some(Placeholder {
            blurhash: blob.blurhash.clone()?,
            dominant_color: blob.dominant_color.clone()?,
        })
    }

    /// What is known about the content of the file.
    #[graphql(directive = authenticated::apply())]
    async fn metadata(&self) -> Option<AssetMetadata> {
        AssetMetadata::of(&self.0.row.blob, self.0.may_know_position())
    }

    /// Smaller or converted versions of the file, at most six, smallest first.
    #[graphql(directive = list_size::apply(Some(6), None, None, None))]
    async fn derivatives(&self, ctx: &Context<'_>) -> Result<Vec<Derivative>> {
        let batch = || DerivativesOfBlob(media(ctx).clone());
        let rows = load(ctx, batch, self.0.row.blob.id)
            .await?
            .unwrap_or_default();
        let derivative = |row: &DerivativeRow| Derivative {
            row: row.clone(),
            access: self.0.access,
            public: self.0.is_public().then_some(self.0.row.asset.id),
        };
        Ok(rows.iter().map(derivative).collect())
    }
}

/// Selects files of a list.
#[derive(Debug, Clone, Default, InputObject)]
pub struct AssetWhere {
    /// Returns only files of this kind.
    pub kind: Option<AssetKind>,
    /// Returns the files in the trash instead of those outside of it.
    #[graphql(default)]
    pub trashed: bool,
}

impl From<AssetWhere> for AssetFilter {
    fn from(filter: AssetWhere) -> Self {
        Self {
            kind: filter.kind,
            trashed: filter.trashed,
        }
    }
}

/// The fields of `Query` about files.
#[derive(Default)]
pub struct AssetQuery;

#[Object]
impl AssetQuery {
    /// Returns a file, or null if it does not exist or the caller may not see it.
    #[graphql(directive = authenticated::apply())]
    async fn asset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the file.")] id: Id<AssetEntity>,
    ) -> Result<Option<Asset>> {
        Asset::load(ctx, id).await
    }

    /// A file by its key.
    #[graphql(entity)]
    async fn find_asset_by_id(
        &self,
        ctx: &Context<'_>,
        id: Id<AssetEntity>,
    ) -> Result<Option<Asset>> {
        Asset::load(ctx, id).await
    }
}

/// The input of `assetUpdate`.
#[derive(Debug, InputObject)]
pub struct AssetUpdateInput {
    /// The ID of the file.
    pub id: Id<AssetEntity>,
    /// The new file name: 1 to 255 characters, without slashes. Unchanged if omitted.
    pub filename: Option<String>,
}

/// The input of `assetDelete`.
#[derive(Debug, InputObject)]
pub struct AssetDeleteInput {
    /// The ID of the file.
    pub id: Id<AssetEntity>,
}

/// The input of `assetRestore`.
#[derive(Debug, InputObject)]
pub struct AssetRestoreInput {
    /// The ID of the file.
    pub id: Id<AssetEntity>,
}

/// The input of `assetsPurge`.
#[derive(Debug, InputObject)]
pub struct AssetsPurgeInput {
    /// The IDs of files in the trash, at most 100.
    pub ids: Vec<Id<AssetEntity>>,
}

payload! {
    /// The result of `assetUpdate`.
    pub struct AssetUpdatePayload, MediaUserError {
        /// The updated file.
        asset: Asset,
    }

    /// The result of `assetDelete`.
    pub struct AssetDeletePayload, MediaUserError {
        /// The file, now in the trash.
        asset: Asset,
    }

    /// The result of `assetRestore`.
    pub struct AssetRestorePayload, MediaUserError {
        /// The restored file.
        asset: Asset,
    }
}

/// The result of `assetsPurge`. Part of the files may be deleted even if others are refused.
#[derive(SimpleObject)]
pub struct AssetsPurgePayload {
    /// The IDs of the files that were deleted.
    #[graphql(directive = list_size::apply(Some(100), None, None, None))]
    pub purged_ids: Vec<Id<AssetEntity>>,
    /// Why the other files were not deleted; `path` tells their positions in `ids`.
    pub user_errors: Vec<MediaUserError>,
}

/// The fields of `Mutation` about files.
#[derive(Default)]
pub struct AssetMutation;

#[Object]
impl AssetMutation {
    /// Renames a file.
    #[graphql(directive = authenticated::apply())]
    async fn asset_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file and its changes.")] input: AssetUpdateInput,
    ) -> Result<AssetUpdatePayload> {
        let filename = input.filename.as_deref();
        let renamed = asset::rename(media(ctx), actor(ctx), input.id, filename).await;
        mutation(ctx, renamed.map(Asset))
    }

    /// Moves a file to the trash. Files in the trash are deleted for good after 30 days, unless the server
    /// is configured otherwise. Repeating the call has no further effect.
    #[graphql(directive = authenticated::apply())]
    async fn asset_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: AssetDeleteInput,
    ) -> Result<AssetDeletePayload> {
        let trashed = asset::trash(media(ctx), actor(ctx), input.id).await;
        mutation(ctx, trashed.map(Asset))
    }

    /// Takes a file out of the trash. Repeating the call has no further effect.
    #[graphql(directive = authenticated::apply())]
    async fn asset_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: AssetRestoreInput,
    ) -> Result<AssetRestorePayload> {
        let restored = asset::restore(media(ctx), actor(ctx), input.id).await;
        mutation(ctx, restored.map(Asset))
    }

    /// Deletes files in the trash for good and frees the storage they use.
    #[graphql(directive = authenticated::apply())]
    async fn assets_purge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The files.")] input: AssetsPurgeInput,
    ) -> Result<AssetsPurgePayload> {
        let (purged_ids, refusals) = match asset::purge(media(ctx), actor(ctx), &input.ids).await {
            Ok(done) => done,
            Err(Fail::Refused(refusals)) => (Vec::new(), refusals),
            Err(Fail::Error(error)) => return Err(error.into()),
        };
        let in_words = |refusal| MediaUserError::of(refusal, actor(ctx).locale);
        Ok(AssetsPurgePayload {
            purged_ids,
            user_errors: refusals.into_iter().map(in_words).collect(),
        })
    }
}
