//! Files that everybody may see, under addresses that stay the same.

use atelier_contracts::media::Asset;
use atelier_kit::{actor::Actor, error::Error, id::Id};
use sha2::{Digest, Sha256};

use super::{
    Media,
    access::{VisibleAsset, tells_no_position},
};
use crate::{
    db::{
        asset,
        derivative::{self, DerivativeRow},
    },
    kinds::{AssetKind, DerivativeFormat},
    sniff,
};

/// What is under the name of a file as it was uploaded.
const ORIGINAL: &str = "original";

/// A file that is in the store and may be served to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicFile {
    /// Where it is kept.
    pub storage_key: String,
    /// Its MIME type, which runs no scripts.
    pub content_type: String,
    /// Its size in bytes.
    pub byte_size: u64,
    /// Its entity tag, with quotes. Other bytes have another one.
    pub etag: String,
}

impl PublicFile {
    fn of(storage_key: &str, content_type: &str, byte_size: i64) -> Option<Self> {
        let byte_size = u64::try_from(byte_size).ok()?;
        // Objects are never overwritten with other bytes, but where they are kept is nobody's business.
        let digest = Sha256::digest(format!("{storage_key} {byte_size}"));
        Some(Self {
            storage_key: storage_key.to_owned(),
            content_type: content_type.to_owned(),
            byte_size,
            etag: format!("\"{}\"", hex::encode(&digest[..16])),
        })
    }
}

/// Where a public file can be read as it was uploaded; `None` if it cannot.
pub fn original_path(media: &Media, asset: &VisibleAsset) -> Option<String> {
    original(media, asset)?;
    Some(path(asset.row.asset.id, ORIGINAL))
}

/// Where a derivative of a public file can be read.
pub fn derivative_path(asset: Id<Asset>, row: &DerivativeRow) -> String {
    path(asset, &format!("{}.{}", row.name, row.format.extension()))
}

fn path(asset: Id<Asset>, file: &str) -> String {
    format!("/media/public/{asset}/{file}")
}

/// The file under a path, if everybody may see it.
pub async fn find(media: &Media, asset: &str, file: &str) -> Result<Option<PublicFile>, Error> {
    let Ok(id) = asset.parse::<Id<Asset>>() else {
        return Ok(None);
    };
    let mut connection = media.deps.read().await?;
    let row = asset::find(&mut connection, id).await?;
    let Some(asset) = row.and_then(|row| VisibleAsset::of(&Actor::anonymous(), row, false)) else {
        return Ok(None);
    };
    if file == ORIGINAL {
        return Ok(original(media, &asset));
    }
    let Some((name, format)) = parse(file) else {
        return Ok(None);
    };
    let rows = derivative::of_blobs(&mut connection, &[asset.row.blob.id]).await?;
    Ok(rows
        .iter()
        .find(|row| row.name == name && row.format == format)
        .and_then(|row| PublicFile::of(&row.storage_key, row.format.content_type(), row.byte_size)))
}

/// The name and format of a derivative's file.
fn parse(file: &str) -> Option<(&str, DerivativeFormat)> {
    let (name, extension) = file.rsplit_once('.')?;
    let mut formats = DerivativeFormat::ALL.iter();
    let format = formats.find(|format| format.extension() == extension)?;
    Some((name, *format))
}

/// A public file as it was uploaded, if it can be served: it is small, a browser shows it without running
/// anything in it, and it does not tell where it was taken.
fn original(media: &Media, asset: &VisibleAsset) -> Option<PublicFile> {
    let row = &asset.row;
    let content_type = &row.asset.content_type;
    let shown = matches!(
        row.blob.kind,
        AssetKind::Image | AssetKind::Audio | AssetKind::Video
    );
    let fits =
        u64::try_from(row.blob.byte_size).is_ok_and(|size| size <= media.config.public_max_bytes);
    (asset.is_public()
        && shown
        && fits
        && sniff::is_safe_inline(content_type)
        && tells_no_position(row))
    .then(|| PublicFile::of(&row.blob.storage_key, content_type, row.blob.byte_size))
    .flatten()
}
