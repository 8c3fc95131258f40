//! States and kinds, as clients see them.

use async_graphql::Enum;

use crate::db::state;

/// What a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "state::Kind")]
pub enum AssetKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// Text to read.
    Document,
    /// A container of other files.
    Archive,
    /// Anything else.
    Other,
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AssetStatus {
    /// It can be read already; derivatives and metadata are being made.
    Processing,
    /// All there is to know about it is known.
    Active,
    /// It is not what was announced, and is not handed out.
    Quarantined,
    /// It is in the trash.
    Trashed,
}

/// How the bytes of an upload reach the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "state::Strategy")]
pub enum UploadStrategy {
    /// By one request: send `Upload.put`.
    SinglePut,
    /// In parts: sign them with `uploadPartsSign`.
    Multipart,
    /// Not at all: answer `Upload.challenge` with `uploadProve`.
    Instant,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "state::UploadStatus")]
pub enum UploadStatus {
    /// It could not be opened yet; create it again with the same idempotency key.
    Preparing,
    /// The client may send.
    Open,
    /// The file is there.
    Completed,
    /// It was given up.
    Aborted,
    /// It was not completed in time.
    Expired,
    /// What came is not what was announced.
    Rejected,
}

/// The format of a derivative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "state::Format")]
pub enum DerivativeFormat {
    /// WebP, lossy.
    Webp,
    /// JPEG.
    Jpeg,
    /// AVIF.
    Avif,
}
