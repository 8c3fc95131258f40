//! What is known about the content of a file, by its kind.

use async_graphql::{SimpleObject, Union};
use chrono::{DateTime, Utc};

use crate::{
    db::{blob::BlobRow, state::Kind},
    picture::{Exif, ImageFindings, Position},
};

/// What is known about the content of a file.
#[derive(Debug, Clone, Union)]
pub enum AssetMetadata {
    /// Of a picture.
    Image(ImageMetadata),
    /// Of a film.
    Video(VideoMetadata),
    /// Of sound.
    Audio(AudioMetadata),
    /// Of a text.
    Document(DocumentMetadata),
}

/// What is known about a picture.
#[derive(Debug, Clone, SimpleObject)]
pub struct ImageMetadata {
    /// Pixels from left to right, upright.
    pub width: i32,
    /// Pixels from top to bottom, upright.
    pub height: i32,
    /// Whether it has a channel for transparency.
    pub has_alpha: bool,
    /// What the camera noted.
    pub exif: Option<ImageExif>,
}

/// What a camera noted in a picture.
#[derive(Debug, Clone, SimpleObject)]
pub struct ImageExif {
    /// Who made the camera.
    pub camera_make: Option<String>,
    /// The camera's name.
    pub camera_model: Option<String>,
    /// The lens's name.
    pub lens_model: Option<String>,
    /// When it was taken; UTC is assumed where the camera does not say.
    pub taken_at: Option<DateTime<Utc>>,
    /// Exposure time in seconds.
    pub exposure_seconds: Option<f64>,
    /// The f-number of the aperture.
    pub f_number: Option<f64>,
    /// ISO sensitivity.
    pub iso: Option<i32>,
    /// Focal length in millimetres.
    pub focal_length: Option<f64>,
    /// How the camera was held, 1 to 8; already applied to width, height and derivatives.
    pub orientation: Option<i32>,
    /// Where it was taken; null for everybody but the owner.
    pub position: Option<GeoPosition>,
}

/// A place on earth (WGS 84).
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct GeoPosition {
    /// Degrees, north is positive.
    pub latitude: f64,
    /// Degrees, east is positive.
    pub longitude: f64,
    /// Metres above sea level.
    pub altitude: Option<f64>,
}

/// What is known about a film.
#[derive(Debug, Clone, SimpleObject)]
pub struct VideoMetadata {
    /// The container format, by its first bytes: `mp4`.
    pub format: String,
}

/// What is known about sound.
#[derive(Debug, Clone, SimpleObject)]
pub struct AudioMetadata {
    /// The format, by its first bytes: `flac`.
    pub format: String,
}

/// What is known about a text.
#[derive(Debug, Clone, SimpleObject)]
pub struct DocumentMetadata {
    /// The format: `pdf`.
    pub format: String,
}

impl AssetMetadata {
    /// What is known about a blob; where a picture was taken only if `with_position`.
    pub fn of(blob: &BlobRow, with_position: bool) -> Option<Self> {
        let format = blob
            .content_type
            .split('/')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        match blob.kind {
            Kind::Image => {
                let findings: ImageFindings =
                    serde_json::from_value(blob.metadata.clone()?).ok()?;
                Some(Self::Image(ImageMetadata {
                    width: findings.width,
                    height: findings.height,
                    has_alpha: findings.has_alpha,
                    exif: findings.exif.map(|exif| ImageExif::of(exif, with_position)),
                }))
            }
            Kind::Video => Some(Self::Video(VideoMetadata { format })),
            Kind::Audio => Some(Self::Audio(AudioMetadata { format })),
            Kind::Document => Some(Self::Document(DocumentMetadata { format })),
            Kind::Archive | Kind::Other => None,
        }
    }
}

impl ImageExif {
    fn of(exif: Exif, with_position: bool) -> Self {
        let position = exif.position.filter(|_| with_position);
        Self {
            camera_make: exif.camera_make,
            camera_model: exif.camera_model,
            lens_model: exif.lens_model,
            taken_at: exif.taken_at,
            exposure_seconds: exif.exposure_seconds,
            f_number: exif.f_number,
            iso: exif.iso,
            focal_length: exif.focal_length,
            orientation: exif.orientation,
            position: position.map(
                |Position {
                     latitude,
                     longitude,
                     altitude,
                 }| GeoPosition {
                    latitude,
                    longitude,
                    altitude,
                },
            ),
        }
    }
}
