//! Why the store refuses, and the S3 error that says so.

use s3s::{S3Error, S3ErrorCode};

/// A refusal of the store.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("the bucket does not exist")]
    NoSuchBucket,
    #[error("the bucket exists already")]
    BucketExists,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("the key does not exist")]
    NoSuchKey,
    #[error("the upload does not exist; it may have been aborted or completed")]
    NoSuchUpload,
    #[error("part {0} was not found, or its ETag or checksum is another one")]
    InvalidPart(i32),
    #[error("the list of parts is not in ascending order")]
    InvalidPartOrder,
    #[error("part {0} is smaller than 5 MiB and not the last")]
    PartTooSmall(i32),
    #[error("a digest that was sent does not match what was received")]
    BadDigest,
    #[error("the body is larger than 5 GiB")]
    TooLarge,
    #[error("the body ended before it was complete")]
    IncompleteBody,
    #[error("no byte of the body arrived for too long")]
    Stalled,
    #[error("a condition of the request does not hold")]
    PreconditionFailed,
    #[error("not modified")]
    NotModified {
        /// The quoted ETag.
        etag: String,
    },
    #[error("the range cannot be satisfied")]
    InvalidRange,
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("not supported here: {0}")]
    NotSupported(&'static str),
    #[error("the disk is full")]
    DiskFull,
    #[error("stored bytes are damaged: {0}")]
    Damaged(&'static str),
    #[error("the file system refused")]
    Io(#[source] std::io::Error),
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull
        } else {
            Self::Io(error)
        }
    }
}

impl StoreError {
    fn code(&self) -> S3ErrorCode {
        match self {
            Self::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            Self::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
            Self::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
            Self::NoSuchKey => S3ErrorCode::NoSuchKey,
            Self::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            Self::InvalidPart(_) => S3ErrorCode::InvalidPart,
            Self::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            Self::PartTooSmall(_) => S3ErrorCode::EntityTooSmall,
            Self::BadDigest => S3ErrorCode::BadDigest,
            Self::TooLarge => S3ErrorCode::EntityTooLarge,
            Self::IncompleteBody => S3ErrorCode::IncompleteBody,
            Self::Stalled => S3ErrorCode::RequestTimeout,
            Self::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            Self::NotModified { .. } => S3ErrorCode::NotModified,
            Self::InvalidRange => S3ErrorCode::InvalidRange,
            Self::InvalidRequest(_) => S3ErrorCode::InvalidRequest,
            Self::NotSupported(_) => S3ErrorCode::NotImplemented,
            Self::DiskFull => S3ErrorCode::Custom("StorageFull".into()),
            Self::Damaged(_) | Self::Io(_) => S3ErrorCode::InternalError,
        }
    }
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        let mut answer = Self::with_message(error.code(), error.to_string());
        match &error {
            StoreError::DiskFull => answer.set_status_code(http::StatusCode::INSUFFICIENT_STORAGE),
            StoreError::NotModified { etag } => {
                let mut headers = http::HeaderMap::new();
                if let Ok(etag) = etag.parse() {
                    headers.insert(http::header::ETAG, etag);
                }
                answer.set_headers(headers);
            }
            StoreError::Io(source) => {
                tracing::error!(error = %source, "s3 store refused by the file system")
            }
            StoreError::Damaged(what) => tracing::error!(what, "s3 store holds damaged bytes"),
            _ => {}
        }
        answer
    }
}
