//! Pictures: what they are, and smaller ones made of them. Pure work on the CPU, no I/O but the
//! file that is read. It runs in a process of its own: [`crate::worker`].

mod decode;
mod encode;
mod exif;
mod make;
mod placeholder;
mod shrink;

pub use decode::{Picture, PictureError, decode};
pub use encode::encode;
pub use exif::{Exif, Position};
pub use make::{ImageFindings, Made, Stage, Thumbnail, make};
pub use placeholder::{Placeholder, placeholder};
pub use shrink::{reduce, shrink};

/// The longest sides of the thumbnails that are made, in pixels.
pub const THUMBNAILS: [(&str, u32); 2] = [("thumbnail_256", 256), ("thumbnail_1024", 1024)];
/// The formats that each thumbnail is made in.
pub const FORMATS: [DerivativeFormat; 3] = [
    DerivativeFormat::Webp,
    DerivativeFormat::Jpeg,
    DerivativeFormat::Avif,
];

use serde::{Deserialize, Serialize};

use crate::kinds::DerivativeFormat;

/// What working on one picture may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureLimits {
    /// The most pixels.
    pub max_pixels: u64,
    /// The most memory, in bytes.
    pub max_memory: u64,
    /// The speed of the AVIF encoder, 1 to 10.
    pub avif_speed: u8,
}
