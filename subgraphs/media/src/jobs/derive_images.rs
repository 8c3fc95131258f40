//! `media.derive_images`: thumbnails, placeholder and camera notes of a picture.

use std::{io::Read, path::Path, sync::Arc, time::Instant};

use async_trait::async_trait;
use atelier_kit::{
    error::{Error, ErrorCode},
    jobs::{Handler, Running, TaskFailure},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use super::{
    Digester, Payload, QUEUE,
    finish::{Outcome, finish},
    storage_failure,
};
use crate::{
    app::{FORMATS, Media, THUMBNAILS, derivative_key},
    config::ImageLimits,
    db::{
        blob::{self, BlobRow, Findings},
        derivative::DerivativeRow,
        state::{BlobState, Format},
    },
    picture::{self, Exif, Picture, PictureError, Placeholder},
};

/// The name of this kind of task.
pub const TASK_TYPE: &str = "media.derive_images";
/// Its steps.
pub const STEPS: [&str; 4] = ["fetch", "decode", "encode", "store"];

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

/// Makes pictures of pictures.
pub struct DeriveImages {
    media: Media,
    /// Bounds the memory of all pictures together.
    turns: Semaphore,
}

/// Everything that was made of a picture.
struct Made {
    findings: ImageFindings,
    placeholder: Placeholder,
    pictures: Vec<MadePicture>,
}

struct MadePicture {
    name: &'static str,
    format: Format,
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl DeriveImages {
    /// A handler with these surroundings.
    pub fn new(media: Media) -> Self {
        Self {
            turns: Semaphore::new(media.config.images.at_a_time.max(1)),
            media,
        }
    }

    /// Streams the file to the disk, where decoders can read it.
    async fn fetch(
        &self,
        task: &dyn Running,
        blob: &BlobRow,
    ) -> Result<NamedTempFile, TaskFailure> {
        let file = NamedTempFile::new()?;
        let written = tokio::select! {
            written = self.media.storage.get_to_file(&blob.storage_key, file.path()) => written.map_err(storage_failure)?,
            () = task.stopped() => return Err(TaskFailure::Cancelled),
        };
        if i64::try_from(written) != Ok(blob.byte_size) {
            return Err(TaskFailure::Retry(Error::caused(
                ErrorCode::StorageFailed,
                format!("{written} bytes came instead of {}", blob.byte_size),
            )));
        }
        Ok(file)
    }

    /// Puts the made pictures where they belong.
    async fn store(
        &self,
        task: &dyn Running,
        blob: &BlobRow,
        pictures: Vec<MadePicture>,
    ) -> Result<Vec<DerivativeRow>, TaskFailure> {
        let mut rows = Vec::with_capacity(pictures.len());
        for picture in pictures {
            if task.is_stopped() {
                return Err(TaskFailure::Cancelled);
            }
            let storage_key = derivative_key(blob.id, picture.name, picture.format);
            rows.push(DerivativeRow {
                blob_id: blob.id,
                name: picture.name.to_owned(),
                format: picture.format,
                width: i32::try_from(picture.width).unwrap_or(i32::MAX),
                height: i32::try_from(picture.height).unwrap_or(i32::MAX),
                byte_size: i64::try_from(picture.bytes.len()).unwrap_or(i64::MAX),
                storage_key: storage_key.clone(),
            });
            self.media
                .storage
                .put_bytes(&storage_key, picture.format.content_type(), picture.bytes)
                .await
                .map_err(storage_failure)?;
        }
        Ok(rows)
    }
}

#[async_trait]
impl Handler for DeriveImages {
    fn task_type(&self) -> &'static str {
        TASK_TYPE
    }

    fn queue(&self) -> &'static str {
        QUEUE
    }

    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        let payload: Payload = serde_json::from_value(task.payload().clone())?;
        let mut connection = self.media.deps.db.read().await?;
        let found = blob::find(&mut connection, payload.blob).await?;
        drop(connection);
        let blob = match found {
            Some(blob) if blob.state == BlobState::Processing => blob,
            Some(BlobRow {
                failure: Some(failure),
                ..
            }) => return Err(broken(&failure)),
            _ => return Ok(json!({ "skipped": true })),
        };
        task.progress(0.0, Some(STEPS[0]));
        let limits = self.media.config.images.clone();
        if u64::try_from(blob.byte_size).unwrap_or(u64::MAX) > limits.max_bytes {
            // Too large to be looked at as a picture; without its digest it is still a file.
            return self
                .fail(
                    &blob,
                    None,
                    &PictureError::TooLarge(format!(
                        "{} bytes, at most {} are read",
                        blob.byte_size, limits.max_bytes
                    )),
                )
                .await;
        }
        let _turn = tokio::select! {
            turn = self.turns.acquire() => turn?,
            () = task.stopped() => return Err(TaskFailure::Cancelled),
        };
        let file = self.fetch(&*task, &blob).await?;
        let (worker, path) = (Arc::clone(&task), file.path().to_owned());
        let (sha256, made) =
            tokio::task::spawn_blocking(move || (digest(&path), make(&path, &limits, &*worker)))
                .await?;
        let sha256 = sha256?;
        match made {
            Ok(made) => {
                task.progress(0.85, Some(STEPS[3]));
                let count = made.pictures.len();
                let derivatives = self.store(&*task, &blob, made.pictures).await?;
                let findings = Findings {
                    failure: None,
                    metadata: Some(serde_json::to_value(&made.findings)?),
                    blurhash: Some(made.placeholder.blurhash),
                    dominant_color: Some(made.placeholder.dominant_color),
                };
                finish(
                    &self.media,
                    blob.id,
                    &Outcome {
                        sha256,
                        findings,
                        derivatives,
                    },
                )
                .await?;
                task.progress(1.0, Some(STEPS[3]));
                Ok(
                    json!({ "width": made.findings.width, "height": made.findings.height, "derivatives": count }),
                )
            }
            Err(PictureError::Stopped) if task.is_stopped() => Err(TaskFailure::Cancelled),
            Err(PictureError::File(cause)) => Err(TaskFailure::Retry(Error::internal(cause))),
            Err(cause) => self.fail(&blob, Some(sha256), &cause).await,
        }
    }
}

impl DeriveImages {
    /// A picture that cannot be processed stays a file.
    async fn fail(
        &self,
        blob: &BlobRow,
        sha256: Option<Vec<u8>>,
        cause: &PictureError,
    ) -> Result<Value, TaskFailure> {
        let failure = match cause {
            PictureError::Stopped => "the picture takes too long to process".to_owned(),
            cause => cause.to_string(),
        };
        let Some(sha256) = sha256.or_else(|| blob.sha256.clone()) else {
            super::finish::fail_unread(&self.media, blob.id, &failure).await?;
            return Err(broken(&failure));
        };
        let findings = Findings {
            failure: Some(failure.clone()),
            ..Findings::default()
        };
        finish(
            &self.media,
            blob.id,
            &Outcome {
                sha256,
                findings,
                derivatives: Vec::new(),
            },
        )
        .await?;
        Err(broken(&failure))
    }
}

fn broken(failure: &str) -> TaskFailure {
    TaskFailure::GiveUp(Error::with_detail(ErrorCode::BadUserInput, failure))
}

fn digest(path: &Path) -> std::io::Result<Vec<u8>> {
    let (mut file, mut digester, mut buffer) = (
        std::fs::File::open(path)?,
        Digester::default(),
        vec![0; 256 * 1024],
    );
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digester.finish()),
            read => digester.update(&buffer[..read]),
        }
    }
}

/// All the work on the CPU; looks up between the steps whether it should stop.
fn make(path: &Path, limits: &ImageLimits, task: &dyn Running) -> Result<Made, PictureError> {
    let deadline = Instant::now() + limits.max_duration;
    let check = || {
        if task.is_stopped() || Instant::now() > deadline {
            Err(PictureError::Stopped)
        } else {
            Ok(())
        }
    };
    task.progress(0.1, Some(STEPS[1]));
    let Picture { pixels, exif } = picture::decode(path, limits)?;
    check()?;
    let placeholder = picture::placeholder(&pixels)?;
    let findings = ImageFindings {
        width: i32::try_from(pixels.width()).unwrap_or(i32::MAX),
        height: i32::try_from(pixels.height()).unwrap_or(i32::MAX),
        has_alpha: pixels.color().has_alpha(),
        exif,
    };
    let longest = pixels.width().max(pixels.height());
    // Largest first: the small ones are made of it, and the original's memory is free by then.
    let mut source = pixels;
    let mut pictures = Vec::new();
    let wanted: Vec<_> = THUMBNAILS
        .iter()
        .enumerate()
        .filter(|(at, _)| *at == 0 || THUMBNAILS[at - 1].1 < longest)
        .map(|(_, size)| *size)
        .collect();
    let total = wanted.len() * FORMATS.len();
    for (name, side) in wanted.into_iter().rev() {
        source = picture::shrink(&source, side)?;
        for format in FORMATS {
            check()?;
            #[expect(clippy::cast_precision_loss, reason = "a handful of pictures")]
            task.progress(
                0.3 + 0.55 * pictures.len() as f64 / total as f64,
                Some(STEPS[2]),
            );
            let bytes = picture::encode(&source, format, limits.avif_speed)?;
            pictures.push(MadePicture {
                name,
                format,
                width: source.width(),
                height: source.height(),
                bytes,
            });
        }
    }
    Ok(Made {
        findings,
        placeholder,
        pictures,
    })
}
