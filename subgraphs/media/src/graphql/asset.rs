//! The entity `Asset`.

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{
        Long, actor,
        directive::{authenticated, list_size},
        load,
    },
    id::{Asset as AssetEntity, Id},
};
use chrono::{DateTime, Utc};

use super::{
    enums::{AssetKind, AssetStatus, DerivativeFormat},
    media,
    metadata::AssetMetadata,
    reference::UserReference,
    signed::SignedUrl,
};
use crate::{
    app::{access::may_see_position, asset, loader::DerivativesOfBlob},
    db::{asset::AssetAndBlob, derivative::DerivativeRow, state::BlobState},
};

/// A file.
#[derive(Debug, Clone)]
pub struct Asset(pub AssetAndBlob);

/// What is shown until a picture has loaded.
#[derive(Debug, Clone, SimpleObject)]
pub struct Placeholder {
    /// A blurred version in a few characters; see https://blurha.sh.
    pub blurhash: String,
    /// The most common colour, `#rrggbb`.
    pub dominant_color: String,
}

/// A file. Only its owner and holders of `admin:media` see it.
#[Object(directive = authenticated::apply())]
impl Asset {
    /// Its id, which never changes.
    pub async fn id(&self) -> Id<AssetEntity> {
        self.0.0.id
    }

    /// What it is, by its content.
    async fn kind(&self) -> AssetKind {
        self.0.1.kind.into()
    }

    /// Its name, as its owner gave it.
    async fn filename(&self) -> &str {
        &self.0.0.filename
    }

    /// Its MIME type; the bytes were compared with it.
    async fn content_type(&self) -> &str {
        &self.0.0.content_type
    }

    /// Its size in bytes.
    async fn byte_size(&self) -> Long {
        self.0.1.byte_size.into()
    }

    /// The SHA-256 of its bytes in hexadecimal digits, once the server has verified it.
    async fn sha256(&self) -> Option<String> {
        self.0.1.sha256.as_deref().map(hex::encode)
    }

    /// What the uploader meant it for.
    async fn purpose(&self) -> Option<&str> {
        self.0.0.purpose.as_deref()
    }

    /// Where it stands.
    async fn status(&self) -> AssetStatus {
        match (self.0.1.state, self.0.0.trashed_at) {
            (BlobState::Quarantined, _) => AssetStatus::Quarantined,
            (_, Some(_)) => AssetStatus::Trashed,
            (BlobState::Processing, None) => AssetStatus::Processing,
            (BlobState::Ready | BlobState::Failed, None) => AssetStatus::Active,
        }
    }

    /// Why there are no derivatives and metadata, if they could not be made.
    async fn failure(&self) -> Option<&str> {
        self.0.1.failure.as_deref()
    }

    /// Whose file it is.
    async fn owner(&self) -> Option<UserReference> {
        Some(UserReference {
            id: self.0.0.owner_id,
        })
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.0.created_at
    }

    /// When it was last renamed, trashed or restored.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.0.updated_at
    }

    /// When it went into the trash.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.0.0.trashed_at
    }

    /// A URL under which its bytes can be read for a while; null for quarantined files. Files that
    /// could run scripts in a browser are always offered as downloads.
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long the URL is valid, in seconds; at most a week.",
            default = 3600
        )]
        expires_in: i32,
        #[graphql(
            desc = "Offer the file as a download instead of showing it.",
            default = false
        )]
        download: bool,
    ) -> Result<Option<SignedUrl>> {
        Ok(asset::url(media(ctx), &self.0, expires_in, download)
            .await?
            .map(SignedUrl::from))
    }

    /// What is shown until the picture has loaded.
    async fn placeholder(&self) -> Option<Placeholder> {
        let blob = &self.0.1;
        Some(Placeholder {
            blurhash: blob.blurhash.clone()?,
            dominant_color: blob.dominant_color.clone()?,
        })
    }

    /// What is known about its content.
    async fn metadata(&self, ctx: &Context<'_>) -> Option<AssetMetadata> {
        AssetMetadata::of(&self.0.1, may_see_position(actor(ctx), self.0.0.owner_id))
    }

    /// Smaller or converted versions, at most six, small ones first.
    #[graphql(directive = list_size::apply(Some(6), None, None, None))]
    async fn derivatives(&self, ctx: &Context<'_>) -> Result<Vec<Derivative>> {
        let batch = || DerivativesOfBlob {
            media: media(ctx).clone(),
        };
        let rows = load(ctx, batch, self.0.1.id).await?;
        Ok(rows
            .map(|rows| rows.iter().cloned().map(Derivative).collect())
            .unwrap_or_default())
    }
}

/// A smaller or converted version of a file.
pub struct Derivative(DerivativeRow);

/// A smaller or converted version of a file, without any metadata in it.
#[Object(directive = authenticated::apply())]
impl Derivative {
    /// What it is for: `thumbnail_256` fits into 256 x 256 pixels.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its format.
    async fn format(&self) -> DerivativeFormat {
        self.0.format.into()
    }

    /// Its MIME type.
    async fn content_type(&self) -> &str {
        self.0.format.content_type()
    }

    /// Pixels from left to right.
    async fn width(&self) -> i32 {
        self.0.width
    }

    /// Pixels from top to bottom.
    async fn height(&self) -> i32 {
        self.0.height
    }

    /// Its size in bytes.
    async fn byte_size(&self) -> Long {
        self.0.byte_size.into()
    }

    /// A URL under which it can be read for a while.
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long the URL is valid, in seconds; at most a week.",
            default = 3600
        )]
        expires_in: i32,
    ) -> Result<SignedUrl> {
        Ok(asset::derivative_url(media(ctx), &self.0, expires_in)
            .await?
            .into())
    }
}
