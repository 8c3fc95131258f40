//! What an operator may set.

use std::time::Duration;

pub use crate::worker::PictureWorker;

/// Mebibyte, in bytes.
pub const MIB: u64 = 1024 * 1024;

/// How the domain works; [`Default`] is right for most installations.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The largest file, in bytes; S3 itself ends at 5 TiB.
    pub max_upload_bytes: u64,
    /// Files above this size are uploaded in parts, in bytes.
    pub multipart_threshold: u64,
    /// The smallest part, in bytes; S3 wants at least 5 MiB.
    pub min_part_size: u64,
    /// How long an upload in one piece stays open.
    pub single_lifetime: Duration,
    /// How long an upload in parts stays open.
    pub multipart_lifetime: Duration,
    /// How long a signed upload request is valid, at most seven days.
    pub signature_lifetime: Duration,
    /// Whether content that somebody has uploaded before need not be sent again. The caller then
    /// learns that the content exists, though not whose it is, and must prove to have it.
    pub instant: bool,
    /// How often finished, expired and abandoned things are swept up.
    pub sweep_every: Duration,
    /// How long a file stays in the trash before it is purged.
    pub trash_retention: Duration,
    /// A file that no worker has processed for this long becomes usable without derivatives.
    pub processing_limit: Duration,
    /// Limits of image processing.
    pub images: ImageLimits,
}

/// What image processing may cost.
#[derive(Debug, Clone)]
pub struct ImageLimits {
    /// The largest image file that is read, in bytes.
    pub max_bytes: u64,
    /// The most pixels of an image.
    pub max_pixels: u64,
    /// The most memory that one image may take, in bytes, all in all.
    pub max_memory: u64,
    /// How many images one process has worked on at a time; each may take `max_memory`.
    pub at_a_time: usize,
    /// How long one image may take; then the process that works on it is killed.
    pub max_duration: Duration,
    /// The speed of the AVIF encoder, 1 (small files) to 10 (fast).
    pub avif_speed: u8,
    /// What works on an image.
    pub worker: PictureWorker,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            max_upload_bytes: 64 * 1024 * MIB,
            multipart_threshold: 16 * MIB,
            min_part_size: 8 * MIB,
            single_lifetime: Duration::from_secs(24 * 3600),
            multipart_lifetime: Duration::from_secs(7 * 24 * 3600),
            signature_lifetime: Duration::from_secs(3600),
            instant: true,
            sweep_every: Duration::from_secs(30),
            trash_retention: Duration::from_secs(30 * 24 * 3600),
            processing_limit: Duration::from_secs(24 * 3600),
            images: ImageLimits::default(),
        }
    }
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            max_bytes: 128 * MIB,
            max_pixels: 100_000_000,
            max_memory: 512 * MIB,
            at_a_time: 2,
            max_duration: Duration::from_secs(120),
            avif_speed: 9,
            worker: PictureWorker::default(),
        }
    }
}
