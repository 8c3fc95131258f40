//! What is shown until a picture has loaded.

use image::DynamicImage;

use super::{PictureError, shrink};

/// A picture in a few bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Placeholder {
    /// A blurred version (see <https://blurha.sh>).
    pub blurhash: String,
    /// The most common colour, `#rrggbb`.
    pub dominant_color: String,
}

/// The longest side of the picture that is looked at.
const SIDE: u32 = 64;
/// Bits of a channel that tell colours apart.
const BITS: u32 = 4;

/// The placeholder of a picture.
///
/// # Errors
/// If resizing or hashing fails, which bounded sizes rule out.
pub fn placeholder(picture: &DynamicImage) -> Result<Placeholder, PictureError> {
    let small = shrink(picture, SIDE)?.to_rgba8();
    let (width, height) = small.dimensions();
    let (across, down) = if width >= height { (4, 3) } else { (3, 4) };
    let blurhash = blurhash::encode(across, down, width, height, small.as_raw())
        .map_err(|cause| PictureError::Broken(cause.to_string()))?;
    Ok(Placeholder {
        blurhash,
        dominant_color: dominant(small.pixels().map(|pixel| pixel.0)),
    })
}

/// The mean of the most common group of similar colours; transparent pixels do not count.
fn dominant(pixels: impl Iterator<Item = [u8; 4]>) -> String {
    let mut groups = vec![[0u64; 4]; 1 << (3 * BITS)];
    for [red, green, blue, alpha] in pixels {
        let shift = 8 - BITS;
        let group = (usize::from(red >> shift) << (2 * BITS))
            | (usize::from(green >> shift) << BITS)
            | usize::from(blue >> shift);
        let weight = u64::from(alpha);
        for (sum, value) in groups[group].iter_mut().zip([
            u64::from(red) * weight,
            u64::from(green) * weight,
            u64::from(blue) * weight,
            weight,
        ]) {
            *sum += value;
        }
    }
    let [red, green, blue, weight] = groups
        .into_iter()
        .max_by_key(|group| group[3])
        .unwrap_or_default();
    let mean = |sum: u64| sum.checked_div(weight).unwrap_or(0);
    format!("#{:02x}{:02x}{:02x}", mean(red), mean(green), mean(blue))
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    #[test]
    fn the_most_common_colour_wins_and_the_same_picture_gives_the_same_hash() {
        let picture = DynamicImage::from(RgbImage::from_fn(90, 60, |x, _| {
            if x < 60 {
                Rgb([200, 30, 40])
            } else {
                Rgb([10, 10, 240])
            }
        }));
        let first = placeholder(&picture).unwrap();
        // Resizing rounds, and blurs the edge.
        assert!(
            first.dominant_color.starts_with("#c"),
            "{}",
            first.dominant_color
        );
        assert_eq!(first, placeholder(&picture).unwrap());
        assert_eq!(first.blurhash.len(), 28);
    }

    #[test]
    fn a_transparent_picture_has_a_placeholder_too() {
        let clear = DynamicImage::new_rgba8(1, 1);
        assert_eq!(placeholder(&clear).unwrap().dominant_color, "#000000");
    }
}
