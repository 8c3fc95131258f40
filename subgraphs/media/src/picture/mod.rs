//! Pictures: what they are, and smaller ones made of them. Pure work on the CPU, no I/O but the
//! file that is read.

mod decode;
mod encode;
mod exif;
mod placeholder;

pub use decode::{Picture, PictureError, decode};
pub use encode::encode;
pub use exif::{Exif, Position};
pub use placeholder::{Placeholder, placeholder};

use fast_image_resize::{ResizeOptions, Resizer};
use image::DynamicImage;

/// What size `width` x `height` gets so that the longest side is at most `longest`; never larger
/// than it is.
pub fn fit(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let side = width.max(height);
    if side <= longest {
        return (width, height);
    }
    let scale = |length: u32| {
        let scaled =
            (u64::from(length) * u64::from(longest) + u64::from(side) / 2) / u64::from(side);
        u32::try_from(scaled).unwrap_or(longest).max(1)
    };
    (scale(width), scale(height))
}

/// A copy of `picture` whose longest side is at most `longest` pixels.
///
/// # Errors
/// If the resizer does not take the pixel format, which decoding has ruled out.
pub fn shrink(picture: &DynamicImage, longest: u32) -> Result<DynamicImage, PictureError> {
    let (width, height) = fit(picture.width(), picture.height(), longest);
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture.clone());
    }
    let mut small = DynamicImage::new(width, height, picture.color());
    Resizer::new()
        .resize(picture, &mut small, &ResizeOptions::new())
        .map_err(|cause| PictureError::Broken(cause.to_string()))?;
    Ok(small)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn pictures_keep_their_proportions_and_are_never_enlarged() {
        assert_eq!(fit(4000, 3000, 1024), (1024, 768));
        assert_eq!(fit(3000, 4000, 256), (192, 256));
        assert_eq!(fit(100, 50, 256), (100, 50));
        assert_eq!(fit(100_000, 1, 256), (256, 1));
    }
}
