//! Reading a picture within limits.

use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, metadata::Orientation};

use super::exif::Exif;
use crate::config::ImageLimits;

/// Why nothing can be made of a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file is damaged, or not a picture at all.
    #[error("the picture cannot be read: {0}")]
    Broken(String),
    /// Decoding it would take more than is allowed.
    #[error("the picture is too large: {0}")]
    TooLarge(String),
    /// The file itself could not be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// It took too long, or the task was stopped.
    #[error("the work was stopped")]
    Stopped,
}

/// A decoded picture, upright.
pub struct Picture {
    /// The pixels, 8 bits per channel, as they are to be looked at.
    pub pixels: DynamicImage,
    /// What the camera noted.
    pub exif: Option<Exif>,
}

/// Decodes the picture in a file and turns it upright.
///
/// The size is judged by the header, before memory is taken: a small file may announce a picture of
/// many gigabytes.
///
/// # Errors
/// [`PictureError`].
pub fn decode(path: &Path, limits: &ImageLimits) -> Result<Picture, PictureError> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
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
    let mut pixels = eight_bits(DynamicImage::from_decoder(decoder).map_err(refuse)?);
    pixels.apply_orientation(orientation);
    Ok(Picture {
        pixels,
        exif: notes.and_then(Exif::read),
    })
}

fn eight_bits(pixels: DynamicImage) -> DynamicImage {
    match pixels {
        pixels @ (DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_)) => pixels,
        pixels if pixels.color().has_alpha() => pixels.into_rgba8().into(),
        pixels => pixels.into_rgb8().into(),
    }
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
