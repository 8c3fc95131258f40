//! Pictures as cameras make them.

use std::io::Cursor;

use exif::{Field, In, Rational, Tag, Value, experimental::Writer};
use image::{ImageEncoder, Rgb, RgbImage, codecs};

/// The left half red, the right half blue.
pub fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([220, 20, 20])
        } else {
            Rgb([20, 20, 220])
        }
    })
}

/// Notes of a camera that was held upright (orientation 6) in Hangzhou.
pub fn notes() -> Vec<u8> {
    let ascii = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let degrees = |d, m, s| {
        Value::Rational(vec![
            Rational { num: d, denom: 1 },
            Rational { num: m, denom: 1 },
            Rational { num: s, denom: 100 },
        ])
    };
    let fields = [
        (Tag::Make, ascii("Atelier")),
        (Tag::Model, ascii("One")),
        (Tag::Orientation, Value::Short(vec![6])),
        (Tag::DateTimeOriginal, ascii("2026:05:04 03:02:01")),
        (Tag::OffsetTimeOriginal, ascii("+08:00")),
        (
            Tag::FNumber,
            Value::Rational(vec![Rational { num: 28, denom: 10 }]),
        ),
        (Tag::PhotographicSensitivity, Value::Short(vec![400])),
        (Tag::GPSLatitudeRef, ascii("N")),
        (Tag::GPSLatitude, degrees(30, 15, 0)),
        (Tag::GPSLongitudeRef, ascii("E")),
        (Tag::GPSLongitude, degrees(120, 9, 0)),
    ]
    .map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes, false).unwrap();
    bytes.into_inner()
}

fn encoded(picture: &RgbImage, notes: Option<Vec<u8>>, mut encoder: impl ImageEncoder) {
    if let Some(notes) = notes {
        encoder.set_exif_metadata(notes).unwrap();
    }
    encoder
        .write_image(
            picture,
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
}

pub fn jpeg(picture: &RgbImage, notes: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoded(
        picture,
        notes,
        codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90),
    );
    bytes
}

pub fn png(picture: &RgbImage, notes: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoded(picture, notes, codecs::png::PngEncoder::new(&mut bytes));
    bytes
}

pub fn webp(picture: &RgbImage, notes: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoded(
        picture,
        notes,
        codecs::webp::WebPEncoder::new_lossless(&mut bytes),
    );
    bytes
}
