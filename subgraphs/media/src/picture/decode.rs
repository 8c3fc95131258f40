//! Reading a picture within limits.

use std::{fs::File, io::BufReader};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, metadata::Orientation};

use super::{PictureLimits, exif::Exif};

/// Why nothing can be made of a picture, as its owner is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureError {
    /// The file is damaged, or not a picture at all.
    #[error("the picture cannot be read: {0}")]
    Broken(String),
    /// Decoding it would take more than is allowed.
    #[error("the picture is too large: {0}")]
    TooLarge(String),
    /// It took more time than a picture may.
    #[error("the picture takes too long to process")]
    TooLong,
}

/// A decoded picture, as it lies in the file.
pub struct Picture {
    /// The pixels, in the file's own format.
    pub pixels: DynamicImage,
    /// How it is to be turned for looking at.
    pub orientation: Orientation,
    /// What the camera noted.
    pub exif: Option<Exif>,
}

/// Decodes the picture in a file.
///
/// The size is judged by the header, before memory is taken: a small file may announce a picture of
/// many gigabytes. What decoders take beside the pixels is bounded by the process that this runs in.
///
/// # Errors
/// [`PictureError`].
pub fn decode(file: File, limits: &PictureLimits) -> Result<Picture, PictureError> {
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|cause| PictureError::Broken(cause.to_string()))?;
    if reader.format().is_none() {
        return Err(PictureError::Broken("the format is not known".to_owned()));
    }
    let mut allowed = Limits::default();
    allowed.max_alloc = Some(limits.max_memory);
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(PictureError::TooLarge(format!(
            "{width} x {height} pixels, at most {} are read",
            limits.max_pixels
        )));
    }
    if decoder.total_bytes() > limits.max_memory {
        return Err(PictureError::TooLarge(format!(
            "{} bytes in memory, at most {}",
            decoder.total_bytes(),
            limits.max_memory
        )));
    }
    // Damaged camera notes are no reason to refuse the picture.
    let notes = decoder.exif_metadata().ok().flatten();
    let orientation = notes
        .as_deref()
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    Ok(Picture {
        pixels: DynamicImage::from_decoder(decoder).map_err(refuse)?,
        orientation,
        exif: notes.and_then(Exif::read),
    })
}

fn refuse(cause: ImageError) -> PictureError {
    match cause {
        ImageError::Limits(cause) => PictureError::TooLarge(cause.to_string()),
        cause => PictureError::Broken(cause.to_string()),
    }
}

/// Decodes a picture held in memory; for tests of what was encoded.
#[cfg(test)]
pub fn decode_bytes(bytes: &[u8]) -> DynamicImage {
    ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .unwrap()
        .decode()
        .unwrap()
}
