//! Derivatives of files.

use async_graphql::{Context, Object, Result};
use atelier_contracts::media::Asset;
use atelier_kit::{
    graphql::{Long, directive::authenticated},
    id::Id,
};

use super::{asset::SignedUrl, media};
use crate::{
    app::{access::Access, derivative, public_file},
    db::derivative::DerivativeRow,
    kinds::DerivativeFormat,
};

/// A smaller or converted version of a file that the caller may see.
pub struct Derivative {
    pub row: DerivativeRow,
    pub access: Access,
    /// The file, if everybody may see it.
    pub public: Option<Id<Asset>>,
}

/// A smaller or converted version of a file. It contains no metadata.
#[Object(tag = "public")]
impl Derivative {
    /// What the derivative is for: for example, `thumbnail_256` fits into 256 x 256 pixels.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// The image format.
    async fn format(&self) -> DerivativeFormat {
        self.row.format
    }

    /// The MIME type.
    async fn content_type(&self) -> &str {
        self.row.format.content_type()
    }

    /// The width in pixels.
    async fn width(&self) -> i32 {
        self.row.width
    }

    /// The height in pixels.
    async fn height(&self) -> i32 {
        self.row.height
    }

    /// The size in bytes.
    async fn byte_size(&self) -> Long {
        self.row.byte_size.into()
    }

    /// The address from which everybody can read the derivative, without signing in: a path on the host
    /// of the API; null if the file is not public. It stays the same, and browsers and CDNs may keep what
    /// they read for an hour, unless the server is configured otherwise.
    async fn public_url(&self) -> Option<String> {
        let asset = self.public?;
        Some(public_file::derivative_path(asset, &self.row))
    }

    /// Returns a temporary URL from which the derivative can be read. For callers to whom the file is only
    /// shown, it is valid for at most 60 seconds.
    #[graphql(directive = authenticated::apply())]
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long the URL is valid, in seconds; between 1 and 604800 (7 days). At most 60 for callers to whom the file is only shown.",
            default = 3600
        )]
        expires_in: i32,
    ) -> Result<SignedUrl> {
        Ok(
            derivative::url(media(ctx), &self.row, self.access, expires_in)
                .await?
                .into(),
        )
    }
}
