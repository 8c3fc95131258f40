//! What an operator may set.

use std::time::Duration;

use atelier_kit::{
    config::{Check, Count, Flag, Problem, Size, Span},
    section,
};

pub use crate::worker::PictureWorker;

/// Mebibyte, in bytes.
pub const MIB: u64 = 1024 * 1024;
/// S3 has no larger objects.
const MAX_OBJECT: u64 = 5 << 40;
/// S3 has no larger parts, and no smaller ones but the last.
const PART_SIZES: std::ops::RangeInclusive<u64> = 5 * MIB..=5 << 30;
/// S3 refuses signatures that last longer.
const MAX_SIGNATURE: Duration = Duration::from_secs(7 * 24 * 3600);

section! {
    /// How the domain works; [`Default`] is right for most installations.
    #[derive(Debug, Clone)]
    pub struct MediaConfig in "media" {
        /// The largest file; S3 itself ends at 5 TiB.
        pub max_upload_bytes: u64 as Size = "64 GiB",
        /// Files above this size are uploaded in parts.
        pub multipart_threshold: u64 as Size = "16 MiB",
        /// The smallest part; S3 wants at least 5 MiB.
        pub min_part_size: u64 as Size = "8 MiB",
        /// How long an upload in one piece stays open.
        pub single_lifetime: Duration as Span = "1d",
        /// How long an upload in parts stays open.
        pub multipart_lifetime: Duration as Span = "7d",
        /// How long a signed upload request is valid, at most seven days.
        pub signature_lifetime: Duration as Span = "1h",
        /// Whether content that somebody has uploaded before need not be sent again. The caller then
        /// learns that the content exists, though not whose it is, and must prove to have it.
        pub instant: bool as Flag = "true",
        /// How often finished, expired and abandoned things are swept up.
        pub sweep_every: Duration as Span = "30s",
        /// How long a file stays in the trash before it is purged.
        pub trash_retention: Duration as Span = "30d",
        /// How long browsers and CDNs keep a public file, also if it is no longer public.
        pub public_max_age: Duration as Span = "1h",
        /// The largest file that is served to everybody as it was uploaded.
        pub public_max_bytes: u64 as Size = "16 MiB",
        /// A file that no worker has processed for this long becomes usable without derivatives.
        pub processing_limit: Duration as Span = "1d",
    }
    given {
        /// Limits of image processing.
        pub images: ImageLimits,
    }
}

section! {
    /// What image processing may cost.
    #[derive(Debug, Clone)]
    pub struct ImageLimits in "media.images" {
        /// The largest image file that is read.
        pub max_bytes: u64 as Size = "128 MiB",
        /// The most pixels of an image.
        pub max_pixels: u64 as Count = "100000000",
        /// The most memory that one image may take, all in all.
        pub max_memory: u64 as Size = "512 MiB",
        /// How many images one process has worked on at a time; each may take `max_memory`.
        pub at_a_time: usize as Count = "2",
        /// How long one image may take; then the process that works on it is killed.
        pub max_duration: Duration as Span = "2m",
        /// The speed of the AVIF encoder, 1 (small files) to 10 (fast).
        pub avif_speed: u8 as Count = "9",
    }
    given {
        /// What works on an image.
        pub worker: PictureWorker,
    }
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self::defaults(ImageLimits::default())
    }
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self::defaults(PictureWorker::default())
    }
}

impl Check for MediaConfig {
    fn check(&self) -> Result<(), Problem> {
        let upload = 1..=MAX_OBJECT;
        Problem::unless(
            upload.contains(&self.max_upload_bytes),
            "max_upload_bytes",
            "between 1 B and 5 TiB",
        )?;
        Problem::unless(
            PART_SIZES.contains(&self.min_part_size),
            "min_part_size",
            "between 5 MiB and 5 GiB",
        )?;
        Problem::unless(
            self.multipart_threshold <= *PART_SIZES.end(),
            "multipart_threshold",
            "at most 5 GiB, which is the largest part",
        )?;
        let lifetimes = [
            ("single_lifetime", self.single_lifetime),
            ("multipart_lifetime", self.multipart_lifetime),
            ("sweep_every", self.sweep_every),
            ("processing_limit", self.processing_limit),
        ];
        for (key, lifetime) in lifetimes {
            Problem::unless(!lifetime.is_zero(), key, "longer than nothing")?;
        }
        Problem::unless(
            (Duration::from_secs(1)..=MAX_SIGNATURE).contains(&self.signature_lifetime),
            "signature_lifetime",
            "between 1s and 7d",
        )
    }
}

impl Check for ImageLimits {
    fn check(&self) -> Result<(), Problem> {
        Problem::unless(self.max_bytes > 0, "max_bytes", "more than nothing")?;
        Problem::unless(self.max_pixels > 0, "max_pixels", "more than nothing")?;
        Problem::unless(
            self.max_memory >= 64 * MIB,
            "max_memory",
            "at least 64 MiB, without which no image can be read",
        )?;
        Problem::unless(self.at_a_time > 0, "at_a_time", "at least 1")?;
        Problem::unless(
            !self.max_duration.is_zero(),
            "max_duration",
            "longer than nothing",
        )?;
        Problem::unless(
            (1..=10).contains(&self.avif_speed),
            "avif_speed",
            "between 1 and 10",
        )
    }
}
