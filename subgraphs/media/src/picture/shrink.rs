//! Making pictures smaller.

use fast_image_resize::{MulDiv, ResizeOptions, Resizer};
use image::DynamicImage;

use super::PictureError;

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

/// Turns a decoded picture of any pixel format into one of 8 bits per channel, RGB or RGBA, whose
/// longest side is at most `longest`.
///
/// The original is worked on where it lies: there is never a second picture of its size.
///
/// # Errors
/// If the resizer does not take the pixel format, which no decoder in use gives.
pub fn reduce(mut picture: DynamicImage, longest: u32) -> Result<DynamicImage, PictureError> {
    let size = fit(picture.width(), picture.height(), longest);
    if size == (picture.width(), picture.height()) {
        return Ok(eight_bits(picture));
    }
    let mut small = DynamicImage::new(size.0, size.1, picture.color());
    // Transparent pixels count by what can be seen of them.
    let alpha = picture.color().has_alpha().then(MulDiv::new);
    if let Some(alpha) = &alpha {
        alpha.multiply_alpha_inplace(&mut picture).map_err(failed)?;
    }
    let options = ResizeOptions::new().use_alpha(false);
    Resizer::new()
        .resize(&picture, &mut small, &options)
        .map_err(failed)?;
    drop(picture);
    if let Some(alpha) = &alpha {
        alpha.divide_alpha_inplace(&mut small).map_err(failed)?;
    }
    Ok(eight_bits(small))
}

/// A copy of a picture (8-bit RGB or RGBA) whose longest side is at most `longest` pixels.
///
/// # Errors
/// If the resizer does not take the pixel format.
pub fn shrink(picture: &DynamicImage, longest: u32) -> Result<DynamicImage, PictureError> {
    let (width, height) = fit(picture.width(), picture.height(), longest);
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture.clone());
    }
    let mut small = DynamicImage::new(width, height, picture.color());
    Resizer::new()
        .resize(picture, &mut small, &ResizeOptions::new())
        .map_err(failed)?;
    Ok(small)
}

fn eight_bits(pixels: DynamicImage) -> DynamicImage {
    match pixels {
        pixels @ (DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_)) => pixels,
        pixels if pixels.color().has_alpha() => pixels.into_rgba8().into(),
        pixels => pixels.into_rgb8().into(),
    }
}

fn failed(cause: impl std::fmt::Display) -> PictureError {
    PictureError::Broken(cause.to_string())
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Luma, LumaA, Rgba, RgbaImage};

    use super::{fit, reduce};

    #[test]
    fn pictures_keep_their_proportions_and_are_never_enlarged() {
        assert_eq!(fit(4000, 3000, 1024), (1024, 768));
        assert_eq!(fit(3000, 4000, 256), (192, 256));
        assert_eq!(fit(100, 50, 256), (100, 50));
        assert_eq!(fit(100_000, 1, 256), (256, 1));
    }

    #[test]
    fn what_cannot_be_seen_does_not_colour_what_can() {
        // Columns of opaque red and of green that is fully transparent.
        let picture = RgbaImage::from_fn(64, 64, |x, _| {
            if x % 2 == 0 {
                Rgba([200, 0, 0, 255])
            } else {
                Rgba([0, 255, 0, 0])
            }
        });
        let small = reduce(picture.into(), 16).unwrap().to_rgba8();
        let Rgba([red, green, _, alpha]) = *small.get_pixel(8, 8);
        assert!(red > 190 && green < 10, "{red} {green}");
        assert!((100..156).contains(&alpha), "{alpha}");
    }

    #[test]
    fn every_pixel_format_becomes_rgb_or_rgba() {
        let grey = image::GrayImage::from_pixel(40, 20, Luma([77]));
        let deep = image::ImageBuffer::from_pixel(40, 20, Luma([77u16 * 257]));
        let clear = image::ImageBuffer::from_pixel(40, 20, LumaA([77u16 * 257, 65535]));
        for (picture, alpha) in [
            (DynamicImage::from(grey), false),
            (DynamicImage::ImageLuma16(deep), false),
            (DynamicImage::ImageLumaA16(clear), true),
        ] {
            for longest in [10, 100] {
                let small = reduce(picture.clone(), longest).unwrap();
                assert_eq!(
                    (small.color().has_alpha(), small.color().bytes_per_pixel()),
                    (alpha, if alpha { 4 } else { 3 })
                );
                let pixel = small.to_rgba8().get_pixel(3, 3).0;
                assert!(
                    pixel[..3].iter().all(|c| (76..=78).contains(c)),
                    "{pixel:?}"
                );
            }
        }
    }
}
