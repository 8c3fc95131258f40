//! Closed sets of the domain, the same in PostgreSQL, in facts and in the schema.

pub use atelier_contracts::media::AssetKind;
use atelier_kit::text_enum;

text_enum! {
    /// How far the processing of a blob is.
    pub enum BlobState {
        /// A worker is to look at it.
        Processing = "PROCESSING",
        /// Everything is known that can be.
        Ready = "READY",
        /// It cannot be processed; as a file it is as good as any.
        Failed = "FAILED",
        /// It is not what was announced, and is not handed out.
        Quarantined = "QUARANTINED",
    }

    /// How the bytes of an upload reach the object store.
    pub enum UploadStrategy {
        /// In one request: send the file with `Upload.put`.
        SinglePut = "SINGLE_PUT",
        /// In parts: sign a request for each part with `uploadPartsSign`.
        Multipart = "MULTIPART",
        /// Nothing is sent, because the content is already stored: answer `Upload.challenge` with
        /// `uploadProve`.
        Instant = "INSTANT",
    }

    /// How an upload's storage quota stands in accounts' ledger.
    pub enum QuotaState {
        /// Reserved, or about to be.
        Reserved = "RESERVED",
        /// To be given back when the store takes no more bytes for the upload.
        Held = "HELD",
        /// To be committed.
        CommitDue = "COMMIT_DUE",
        /// Counted as used.
        Committed = "COMMITTED",
        /// To be given back.
        ReleaseDue = "RELEASE_DUE",
        /// Given back.
        Released = "RELEASED",
    }

    /// The image format of a derivative.
    pub enum DerivativeFormat {
        /// Lossy WebP.
        Webp = "WEBP",
        /// Baseline JPEG.
        Jpeg = "JPEG",
        /// AVIF.
        Avif = "AVIF",
    }
}

impl DerivativeFormat {
    /// The MIME type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Webp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Avif => "image/avif",
        }
    }

    /// How the names of files in this format end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Jpeg => "jpeg",
            Self::Avif => "avif",
        }
    }
}
