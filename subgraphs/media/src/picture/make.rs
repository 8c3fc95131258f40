//! Everything that is made of a picture.

use std::fs::File;

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use super::{
    Exif, FORMATS, Picture, PictureError, PictureLimits, Placeholder, THUMBNAILS, decode, encode,
    placeholder, reduce, shrink,
};
use crate::kinds::DerivativeFormat;

/// What is kept about a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageFindings {
    /// Pixels from left to right, upright.
    pub width: i32,
    /// Pixels from top to bottom, upright.
    pub height: i32,
    /// Whether parts of it are transparent, or could be.
    pub has_alpha: bool,
    /// What the camera noted.
    pub exif: Option<Exif>,
}

/// What was found out about a picture, when all smaller ones have been made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// What it is.
    pub findings: ImageFindings,
    /// What is shown until it has loaded.
    pub placeholder: Placeholder,
}

/// A smaller picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Which of [`THUMBNAILS`].
    pub name: &'static str,
    /// Its format.
    pub format: DerivativeFormat,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How far the work on a picture is.
pub enum Stage {
    /// The original is being decoded.
    Decoding,
    /// A smaller one is there, one of so many.
    Made(Thumbnail, usize),
}

/// All the work on one picture; `on_stage` is called as it goes on, with each thumbnail at once.
///
/// # Errors
/// [`PictureError`], and whatever `on_stage` fails with.
pub fn make<E: From<PictureError>>(
    file: File,
    limits: &PictureLimits,
    mut on_stage: impl FnMut(Stage) -> Result<(), E>,
) -> Result<Made, E> {
    on_stage(Stage::Decoding)?;
    let Picture {
        pixels,
        orientation,
        exif,
    } = decode(file, limits)?;
    let (width, height) = upright(pixels.width(), pixels.height(), orientation);
    let findings = ImageFindings {
        width: i32::try_from(width).unwrap_or(i32::MAX),
        height: i32::try_from(height).unwrap_or(i32::MAX),
        has_alpha: pixels.color().has_alpha(),
        exif,
    };
    let wanted = sizes(width.max(height));
    let (_, largest) = wanted[wanted.len() - 1];
    // The largest first: the others are made of it, and the original's memory is free by then. It is
    // turned when it is small, which is cheaper.
    let mut source = reduce(pixels, largest)?;
    source.apply_orientation(orientation);
    let placeholder = placeholder(&source)?;
    for (name, side) in wanted.iter().rev() {
        source = shrink(&source, *side)?;
        for format in FORMATS {
            let bytes = encode(&source, format, limits.avif_speed)?;
            let picture = Thumbnail {
                name,
                format,
                width: source.width(),
                height: source.height(),
                bytes,
            };
            on_stage(Stage::Made(picture, wanted.len() * FORMATS.len()))?;
        }
    }
    Ok(Made {
        findings,
        placeholder,
    })
}

/// The thumbnails that a picture gets: the small one, and each larger one that adds anything.
fn sizes(longest: u32) -> &'static [(&'static str, u32)] {
    let count = 1 + THUMBNAILS[..THUMBNAILS.len() - 1]
        .iter()
        .filter(|(_, side)| *side < longest)
        .count();
    &THUMBNAILS[..count]
}

fn upright(width: u32, height: u32, orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}
