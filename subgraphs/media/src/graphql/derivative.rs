//! Derivatives of files.

use async_graphql::{Context, Object, Result};
use atelier_kit::graphql::{Long, directive::authenticated};

use super::{asset::SignedUrl, media};
use crate::{app::derivative, db::derivative::DerivativeRow, kinds::DerivativeFormat};

/// A smaller or converted version of a file.
pub struct Derivative(pub DerivativeRow);

/// A smaller or converted version of a file. It contains no metadata.
#[Object(directive = authenticated::apply())]
impl Derivative {
    /// What the derivative is for: for example, `thumbnail_256` fits into 256 x 256 pixels.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The image format.
    async fn format(&self) -> DerivativeFormat {
        self.0.format
    }

    /// The MIME type.
    async fn content_type(&self) -> &str {
        self.0.format.content_type()
    }

    /// The width in pixels.
    async fn width(&self) -> i32 {
        self.0.width
    }

    /// The height in pixels.
    async fn height(&self) -> i32 {
        self.0.height
    }

    /// The size in bytes.
    async fn byte_size(&self) -> Long {
        self.0.byte_size.into()
    }

    /// Returns a temporary URL from which the derivative can be read.
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How long the URL is valid, in seconds; between 1 and 604800 (7 days).",
            default = 3600
        )]
        expires_in: i32,
    ) -> Result<SignedUrl> {
        Ok(derivative::url(media(ctx), &self.0, expires_in)
            .await?
            .into())
    }
}
