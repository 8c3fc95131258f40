//! What is known about the content of a file, by its kind.

use async_graphql::{SimpleObject, Union};
use chrono::{DateTime, Utc};

use crate::{
    db::blob::BlobRow,
    kinds::AssetKind,
    picture::{Exif, ImageFindings, Position},
};

/// Metadata of a file, by its kind.
#[derive(Debug, Clone, Union)]
pub enum AssetMetadata {
    /// Metadata of a picture.
    Image(ImageMetadata),
    /// Metadata of a video.
    Video(VideoMetadata),
    /// Metadata of a sound file.
    Audio(AudioMetadata),
    /// Metadata of a document.
    Document(DocumentMetadata),
}

/// Metadata of a picture.
#[derive(Debug, Clone, SimpleObject)]
pub struct ImageMetadata {
    /// The width of the upright picture, in pixels.
    pub width: i32,
    /// The height of the upright picture, in pixels.
    pub height: i32,
    /// Whether the picture has an alpha channel (transparency).
    pub has_alpha: bool,
    /// What the camera recorded (Exif); null if the picture has no such record.
    pub exif: Option<ImageExif>,
}

/// What a camera recorded in a picture (Exif).
#[derive(Debug, Clone, SimpleObject)]
pub struct ImageExif {
    /// The manufacturer of the camera.
    pub camera_make: Option<String>,
    /// The model of the camera.
    pub camera_model: Option<String>,
    /// The model of the lens.
    pub lens_model: Option<String>,
    /// The time when the picture was taken. UTC is assumed if the camera did not record a time zone.
    pub taken_at: Option<DateTime<Utc>>,
    /// The exposure time in seconds.
    pub exposure_seconds: Option<f64>,
    /// The f-number of the aperture.
    pub f_number: Option<f64>,
    /// The ISO sensitivity.
    pub iso: Option<i32>,
    /// The focal length in millimetres.
    pub focal_length: Option<f64>,
    /// How the camera was held, as an Exif orientation from 1 to 8. Width, height and derivatives are
    /// already corrected for it.
    pub orientation: Option<i32>,
    /// Where the picture was taken; null for everyone but the owner of the file.
    pub position: Option<GeoPosition>,
}

/// A position on Earth (WGS 84).
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct GeoPosition {
    /// The latitude in degrees; positive values are north of the equator.
    pub latitude: f64,
    /// The longitude in degrees; positive values are east of Greenwich.
    pub longitude: f64,
    /// The altitude in metres above sea level.
    pub altitude: Option<f64>,
}

/// Metadata of a video.
#[derive(Debug, Clone, SimpleObject)]
pub struct VideoMetadata {
    /// The container format, judged by the first bytes of the file, for example `mp4`.
    pub format: String,
}

/// Metadata of a sound file.
#[derive(Debug, Clone, SimpleObject)]
pub struct AudioMetadata {
    /// The format, judged by the first bytes of the file, for example `flac`.
    pub format: String,
}

/// Metadata of a document.
#[derive(Debug, Clone, SimpleObject)]
pub struct DocumentMetadata {
    /// The format, for example `pdf`.
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
            AssetKind::Image => {
                let findings: ImageFindings =
                    serde_json::from_value(blob.metadata.clone()?).ok()?;
                Some(Self::Image(ImageMetadata {
                    width: findings.width,
                    height: findings.height,
                    has_alpha: findings.has_alpha,
                    exif: findings.exif.map(|exif| ImageExif::of(exif, with_position)),
                }))
            }
            AssetKind::Video => Some(Self::Video(VideoMetadata { format })),
            AssetKind::Audio => Some(Self::Audio(AudioMetadata { format })),
            AssetKind::Document => Some(Self::Document(DocumentMetadata { format })),
            AssetKind::Archive | AssetKind::Other => None,
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
