//! Failures of the store, classified by what a caller can do about them.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No such object, upload or bucket.
    #[error("not found in storage")]
    NotFound,
    /// A condition of the request does not hold.
    #[error("storage precondition failed")]
    PreconditionFailed,
    /// The bytes do not match the announced checksum or length.
    #[error("checksum mismatch in storage")]
    ChecksumMismatch,
    /// A listed part is missing, too small, out of order or has another ETag.
    #[error("multipart upload has an invalid part ({code})")]
    InvalidPart {
        /// The store's error code, such as `InvalidPart` or `EntityTooSmall`.
        code: String,
    },
    /// The range begins at or after the end of the object.
    #[error("range not satisfiable")]
    InvalidRange,
    /// The object is larger than the caller allowed.
    #[error("object is larger than {limit} bytes")]
    TooLarge {
        /// What was allowed, in bytes.
        limit: u64,
    },
    /// The credentials do not allow this.
    #[error("storage access denied")]
    Denied,
    /// The request is invalid: a fault of the configuration or of the caller.
    #[error("invalid storage request: {reason}")]
    Invalid {
        /// What the store (or this client) says about it.
        reason: String,
    },
    /// A local file could not be read or written.
    #[error("local file failed during a transfer")]
    File(#[source] std::io::Error),
    /// The store cannot be reached, is overloaded, or broke off: try again later.
    #[error("storage is unavailable")]
    Unavailable(#[source] Source),
}

impl StorageError {
    /// Whether the same request may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(crate) fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// Sorts an SDK error by code, then by HTTP status (a `HEAD` has no body to hold a code).
pub(crate) fn classify<E>(error: SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = &error else {
        return match error {
            SdkError::ConstructionFailure(_) => StorageError::Invalid {
                reason: describe(&error),
            },
            other => StorageError::unavailable(other),
        };
    };
    let code = service.err().code().unwrap_or_default().to_owned();
    let status = service.raw().status().as_u16();
    match (code.as_str(), status) {
        ("NoSuchKey" | "NoSuchUpload" | "NoSuchBucket" | "NotFound", _) => StorageError::NotFound,
        ("PreconditionFailed", _) => StorageError::PreconditionFailed,
        ("BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody", _) => {
            StorageError::ChecksumMismatch
        }
        ("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall", _) => {
            StorageError::InvalidPart { code }
        }
        ("InvalidRange", _) => StorageError::InvalidRange,
        ("SlowDown" | "RequestTimeout" | "RequestTimeTooSkewed" | "OperationAborted", _) => {
            StorageError::unavailable(error)
        }
        (_, 404) => StorageError::NotFound,
        (_, 412 | 304) => StorageError::PreconditionFailed,
        (_, 416) => StorageError::InvalidRange,
        (_, 401 | 403) => StorageError::Denied,
        (_, 429 | 500..) => StorageError::unavailable(error),
        _ => StorageError::Invalid {
            reason: describe(&error),
        },
    }
}

fn describe<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => "the request could not be built or was refused without a reason".to_owned(),
    }
}
