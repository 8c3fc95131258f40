//! What a camera notes in a picture (Exif 3.0).

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use exif::{In, Reader, Tag, Value};
use serde::{Deserialize, Serialize};

/// The notes that are kept; everything else is dropped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exif {
    /// Who made the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera_make: Option<String>,
    /// The camera's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera_model: Option<String>,
    /// The lens's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_model: Option<String>,
    /// When it was taken; UTC is assumed where the camera does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<DateTime<Utc>>,
    /// Exposure time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_seconds: Option<f64>,
    /// The f-number of the aperture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_number: Option<f64>,
    /// ISO sensitivity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<i32>,
    /// Focal length in millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length: Option<f64>,
    /// How the camera was held, 1 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<i32>,
    /// Where it was taken: for the owner's eyes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A place on earth (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees, north is positive.
    pub latitude: f64,
    /// Degrees, east is positive.
    pub longitude: f64,
    /// Metres above sea level.
    pub altitude: Option<f64>,
}

/// The most characters of a text that are kept.
const TEXT: usize = 100;

impl Exif {
    /// Reads a raw Exif block; `None` if nothing in it can be used.
    pub fn read(raw: Vec<u8>) -> Option<Self> {
        let notes = Reader::new().read_raw(raw).ok()?;
        let read = Self {
            camera_make: text(&notes, Tag::Make),
            camera_model: text(&notes, Tag::Model),
            lens_model: text(&notes, Tag::LensModel),
            taken_at: taken_at(&notes),
            exposure_seconds: number(&notes, Tag::ExposureTime),
            f_number: number(&notes, Tag::FNumber),
            iso: integer(&notes, Tag::PhotographicSensitivity),
            focal_length: number(&notes, Tag::FocalLength),
            orientation: integer(&notes, Tag::Orientation),
            position: position(&notes),
        };
        (read != Self::default()).then_some(read)
    }

    /// The same within the bounds that [`Self::read`] keeps, whoever made it.
    pub fn checked(self) -> Self {
        let text = |text: Option<String>| text.as_deref().and_then(clean);
        let number = |number: Option<f64>| number.filter(|number| number.is_finite());
        let position = |at: &Position| at.latitude.abs() <= 90.0 && at.longitude.abs() <= 180.0;
        Self {
            camera_make: text(self.camera_make),
            camera_model: text(self.camera_model),
            lens_model: text(self.lens_model),
            exposure_seconds: number(self.exposure_seconds),
            f_number: number(self.f_number),
            focal_length: number(self.focal_length),
            position: self.position.filter(position),
            ..self
        }
    }
}

fn text(notes: &exif::Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(lines) = &notes.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    clean(&String::from_utf8_lossy(lines.first()?))
}

fn clean(line: &str) -> Option<String> {
    let clean: String = line
        .trim_matches(['\0', ' '])
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT)
        .collect();
    (!clean.is_empty()).then_some(clean)
}

fn number(notes: &exif::Exif, tag: Tag) -> Option<f64> {
    let Value::Rational(values) = &notes.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let value = values.first()?.to_f64();
    value.is_finite().then_some(value)
}

fn integer(notes: &exif::Exif, tag: Tag) -> Option<i32> {
    i32::try_from(notes.get_field(tag, In::PRIMARY)?.value.get_uint(0)?).ok()
}

/// `2026:11:21 01:50:00`, with an offset beside it in newer files.
fn taken_at(notes: &exif::Exif) -> Option<DateTime<Utc>> {
    let local =
        NaiveDateTime::parse_from_str(&text(notes, Tag::DateTimeOriginal)?, "%Y:%m:%d %H:%M:%S")
            .ok()?;
    let offset =
        text(notes, Tag::OffsetTimeOriginal).and_then(|offset| offset.parse::<FixedOffset>().ok());
    match offset {
        Some(offset) => local
            .and_local_timezone(offset)
            .single()
            .map(|at| at.to_utc()),
        None => Some(local.and_utc()),
    }
}

fn position(notes: &exif::Exif) -> Option<Position> {
    let latitude = degrees(notes, Tag::GPSLatitude, Tag::GPSLatitudeRef, "S", 90.0)?;
    let longitude = degrees(notes, Tag::GPSLongitude, Tag::GPSLongitudeRef, "W", 180.0)?;
    let below = integer(notes, Tag::GPSAltitudeRef) == Some(1);
    let altitude =
        number(notes, Tag::GPSAltitude).map(|metres| if below { -metres } else { metres });
    Some(Position {
        latitude,
        longitude,
        altitude,
    })
}

fn degrees(notes: &exif::Exif, tag: Tag, side: Tag, negative: &str, limit: f64) -> Option<f64> {
    let Value::Rational(values) = &notes.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let [degrees, minutes, seconds] = values.get(..3)? else {
        return None;
    };
    let value = degrees.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3600.0;
    let value = if text(notes, side)?.eq_ignore_ascii_case(negative) {
        -value
    } else {
        value
    };
    (value.is_finite() && value.abs() <= limit).then_some(value)
}
