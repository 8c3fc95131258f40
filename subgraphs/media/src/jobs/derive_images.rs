//! `media.derive_images`: thumbnails, placeholder and camera notes of a picture.

use std::{io::Read, path::Path, sync::Arc};

use async_trait::async_trait;
use atelier_kit::{
    error::{Error, ErrorCode},
    jobs::{Job, Running, TaskFailure, Work},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use super::{Digester, storage_failure};
use crate::{
    app::{
        Media,
        blob::{self as blobs, DeriveImages, Outcome},
        derivative,
    },
    db::{
        blob::{BlobRow, Findings},
        derivative::DerivativeRow,
    },
    kinds::BlobState,
    picture::{Made, PictureError, PictureLimits, Thumbnail},
    worker::WorkerError,
};

const STEPS: &[&str] = DeriveImages::STEPS;

/// Makes pictures of pictures.
pub struct ImageDeriver {
    media: Media,
    /// Bounds the memory of all pictures together.
    turns: Semaphore,
}

impl ImageDeriver {
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
        pictures: Vec<Thumbnail>,
    ) -> Result<Vec<DerivativeRow>, TaskFailure> {
        let mut rows = Vec::with_capacity(pictures.len());
        for picture in pictures {
            if task.is_stopped() {
                return Err(TaskFailure::Cancelled);
            }
            let storage_key = derivative::key(blob.id, picture.name, picture.format);
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
impl Work<DeriveImages> for ImageDeriver {
    async fn work(&self, job: DeriveImages, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        let found = blobs::find(&self.media, job.blob).await?;
        let blob = match found {
            Some(blob) if blob.state == BlobState::Processing => blob,
            Some(BlobRow {
                failure: Some(failure),
                ..
            }) => return Err(broken(&failure)),
            _ => return Ok(json!({ "skipped": true })),
        };
        task.progress(0.0, Some(STEPS[0]));
        let max_bytes = self.media.config.images.max_bytes;
        if u64::try_from(blob.byte_size).unwrap_or(u64::MAX) > max_bytes {
            // Too large to be looked at as a picture; without its digest it is still a file.
            return self
                .fail(
                    &blob,
                    None,
                    &PictureError::TooLarge(format!(
                        "{} bytes, at most {} are read",
                        blob.byte_size, max_bytes
                    )),
                )
                .await;
        }
        let _turn = tokio::select! {
            turn = self.turns.acquire() => turn?,
            () = task.stopped() => return Err(TaskFailure::Cancelled),
        };
        let file = self.fetch(&*task, &blob).await?;
        let path = file.path().to_owned();
        let digest = tokio::task::spawn_blocking(move || digest(&path));
        let (made, sha256) = tokio::join!(self.make(&*task, file.reopen()?), digest);
        let sha256 = sha256??;
        match made {
            Ok((made, pictures)) => self.keep(&*task, &blob, sha256, made, pictures).await,
            Err(WorkerError::Stopped) => Err(TaskFailure::Cancelled),
            Err(WorkerError::Failed(cause)) => Err(TaskFailure::Retry(Error::internal(cause))),
            Err(WorkerError::Picture(cause)) => self.fail(&blob, Some(sha256), &cause).await,
        }
    }
}

impl ImageDeriver {
    /// Everything that takes reading the picture, in a process of its own.
    async fn make(
        &self,
        task: &dyn Running,
        file: std::fs::File,
    ) -> Result<(Made, Vec<Thumbnail>), WorkerError> {
        let images = &self.media.config.images;
        let limits = PictureLimits {
            max_pixels: images.max_pixels,
            max_memory: images.max_memory,
            avif_speed: images.avif_speed,
        };
        let on_progress = |share: f64, decoded: bool| {
            task.progress(share, Some(STEPS[if decoded { 2 } else { 1 }]));
        };
        let work = images.worker.work(
            file,
            limits,
            images.max_duration,
            task.stopped(),
            on_progress,
        );
        work.await
    }

    /// Keeps what was made, and writes down what was found out.
    async fn keep(
        &self,
        task: &dyn Running,
        blob: &BlobRow,
        sha256: Vec<u8>,
        made: Made,
        pictures: Vec<Thumbnail>,
    ) -> Result<Value, TaskFailure> {
        task.progress(0.85, Some(STEPS[3]));
        let count = pictures.len();
        let derivatives = self.store(task, blob, pictures).await?;
        let findings = Findings {
            failure: None,
            metadata: Some(serde_json::to_value(&made.findings)?),
            blurhash: Some(made.placeholder.blurhash),
            dominant_color: Some(made.placeholder.dominant_color),
        };
        let outcome = Outcome {
            sha256,
            findings,
            derivatives,
        };
        blobs::finish(&self.media, blob.id, &outcome).await?;
        task.progress(1.0, Some(STEPS[3]));
        Ok(
            json!({ "width": made.findings.width, "height": made.findings.height, "derivatives": count }),
        )
    }

    /// A picture that cannot be processed stays a file.
    async fn fail(
        &self,
        blob: &BlobRow,
        sha256: Option<Vec<u8>>,
        cause: &PictureError,
    ) -> Result<Value, TaskFailure> {
        let failure = cause.to_string();
        let Some(sha256) = sha256.or_else(|| blob.sha256.clone()) else {
            blobs::fail_unread(&self.media, blob.id, &failure).await?;
            return Err(broken(&failure));
        };
        let findings = Findings {
            failure: Some(failure.clone()),
            ..Findings::default()
        };
        blobs::finish(
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
