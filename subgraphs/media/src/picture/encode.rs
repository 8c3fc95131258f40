//! Writing pictures for the web.

use image::{DynamicImage, ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder};
use ravif::{BitDepth, Img, RGB8, RGBA8};

use super::PictureError;
use crate::kinds::DerivativeFormat;

const JPEG_QUALITY: u8 = 82;
const WEBP_QUALITY: f32 = 78.0;
const AVIF_QUALITY: f32 = 62.0;

/// Encodes `picture` (8-bit RGB or RGBA) without any metadata. JPEG has no transparency: it gets a
/// white ground.
///
/// # Errors
/// If an encoder fails, which bounded sizes rule out.
pub fn encode(
    picture: &DynamicImage,
    format: DerivativeFormat,
    avif_speed: u8,
) -> Result<Vec<u8>, PictureError> {
    match format {
        DerivativeFormat::Jpeg => jpeg(picture),
        DerivativeFormat::Webp => webp(picture),
        DerivativeFormat::Avif => avif(picture, avif_speed),
    }
}

fn failed(cause: impl std::fmt::Display) -> PictureError {
    PictureError::Broken(cause.to_string())
}

fn jpeg(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let opaque = on_white(picture);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .write_image(
            &opaque,
            opaque.width(),
            opaque.height(),
            image::ExtendedColorType::Rgb8,
        )
        .map_err(failed)?;
    Ok(bytes)
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    let DynamicImage::ImageRgba8(pixels) = picture else {
        return picture.to_rgb8();
    };
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0.map(u32::from);
        let blend = |channel: u32| {
            u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
        };
        image::Rgb([blend(red), blend(green), blend(blue)])
    })
}

fn webp(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (picture.width(), picture.height());
    let rgb;
    let encoder = if let DynamicImage::ImageRgba8(pixels) = picture {
        webp::Encoder::from_rgba(pixels, width, height)
    } else {
        rgb = picture.to_rgb8();
        webp::Encoder::from_rgb(&rgb, width, height)
    };
    let bytes = encoder
        .encode_simple(false, WEBP_QUALITY)
        .map_err(|cause| failed(format!("{cause:?}")))?;
    Ok(bytes.to_vec())
}

fn avif(picture: &DynamicImage, speed: u8) -> Result<Vec<u8>, PictureError> {
    // Ten bits would take twice the time for a difference that thumbnails do not show.
    let encoder = ravif::Encoder::new()
        .with_quality(AVIF_QUALITY)
        .with_alpha_quality(AVIF_QUALITY)
        .with_bit_depth(BitDepth::Eight)
        .with_speed(speed.clamp(1, 10));
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let encoded = if let DynamicImage::ImageRgba8(pixels) = picture {
        let pixels: Vec<RGBA8> = pixels.pixels().map(|pixel| RGBA8::from(pixel.0)).collect();
        encoder.encode_rgba(Img::new(pixels.as_slice(), width, height))
    } else {
        let pixels: Vec<RGB8> = picture
            .to_rgb8()
            .pixels()
            .map(|pixel| RGB8::from(pixel.0))
            .collect();
        encoder.encode_rgb(Img::new(pixels.as_slice(), width, height))
    };
    Ok(encoded.map_err(failed)?.avif_file)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;
    use crate::picture::decode::decode_bytes;

    #[test]
    fn transparent_pictures_get_a_white_ground_as_jpeg_only() {
        let clear = DynamicImage::from(RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0])));
        let jpeg = decode_bytes(&encode(&clear, DerivativeFormat::Jpeg, 10).unwrap()).to_rgb8();
        assert!(jpeg.get_pixel(8, 8).0.iter().all(|channel| *channel > 250));
        let webp = decode_bytes(&encode(&clear, DerivativeFormat::Webp, 10).unwrap()).to_rgba8();
        assert_eq!(webp.get_pixel(8, 8).0[3], 0);
        let avif = encode(&clear, DerivativeFormat::Avif, 10).unwrap();
        assert_eq!(crate::sniff::detect(&avif), Some("image/avif"));
    }
}
