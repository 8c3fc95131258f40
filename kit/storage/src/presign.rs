//! Requests signed for clients.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::error::classify;
use crate::multipart::MAX_PART_NUMBER;
use crate::{Storage, StorageError};

/// All but the `attr-char` of RFC 8187.
const EXTENDED_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');
/// S3 refuses longer lifetimes.
const MAX_EXPIRES: Duration = Duration::from_secs(7 * 24 * 3600);

/// A request a client can send as it is, without credentials, until `expires_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedRequest {
    /// HTTP method.
    pub method: String,
    /// URL with the signature in its query.
    pub url: String,
    /// Headers that were signed and must be sent exactly so.
    pub headers: Vec<(String, String)>,
    /// When the store stops accepting it.
    pub expires_at: DateTime<Utc>,
}

/// What a client is allowed to put.
#[derive(Clone, Debug)]
pub struct PutOptions {
    /// MIME type, stored with the object.
    pub content_type: String,
    /// Exact length in bytes.
    pub content_length: u64,
    /// SHA-256 of the content, which the store then verifies.
    pub sha256: Option<[u8; 32]>,
}

/// How a browser treats a download.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Show it.
    #[default]
    Inline,
    /// Save it.
    Attachment,
}

/// Headers that the store returns for a presigned `GET` instead of the stored ones.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// File name offered to the user; any text, at most 255 characters are used.
    pub filename: Option<String>,
    /// Show or save; matters only together with `filename`.
    pub disposition: Disposition,
    /// MIME type instead of the stored one.
    pub content_type: Option<String>,
}

impl Storage {
    /// Lets a client put one object of exactly this type, length and (if given) content, as often
    /// as it likes until the signature expires. Content that is to be checked and then kept is
    /// better signed as a part ([`Self::presign_upload_part`]), whose signature ends with its
    /// multipart upload.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for a lifetime of zero or more than seven days, or a bad key.
    pub async fn presign_put(
        &self,
        key: &str,
        options: &PutOptions,
        expires: Duration,
    ) -> Result<SignedRequest, StorageError> {
        let (config, expires_at) = lifetime(expires)?;
        self.public
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(&options.content_type)
            .content_length(length(options.content_length)?)
            .set_checksum_sha256(options.sha256.map(|digest| BASE64.encode(digest)))
            .presigned(config)
            .await
            .map(|request| signed(&request, expires_at))
            .map_err(classify)
    }

    /// Lets a client put one part of a multipart upload. `part_number` is 1 to 10,000; `sha256`
    /// is only accepted for uploads created with [`crate::PartChecksum::Sha256`].
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for a bad part number or lifetime.
    pub async fn presign_upload_part(
        &self,
        key: &str,
        upload_id: &str,
        part_number: u16,
        content_length: u64,
        sha256: Option<[u8; 32]>,
        expires: Duration,
    ) -> Result<SignedRequest, StorageError> {
        if !(1..=MAX_PART_NUMBER).contains(&part_number) {
            return Err(StorageError::Invalid {
                reason: format!("part number {part_number} is not in 1 to {MAX_PART_NUMBER}"),
            });
        }
        let (config, expires_at) = lifetime(expires)?;
        self.public
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .part_number(i32::from(part_number))
            .content_length(length(content_length)?)
            .set_checksum_sha256(sha256.map(|digest| BASE64.encode(digest)))
            .presigned(config)
            .await
            .map(|request| signed(&request, expires_at))
            .map_err(classify)
    }

    /// Lets a client get one object, whole or by ranges.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for a lifetime of zero or more than seven days.
    pub async fn presign_get(
        &self,
        key: &str,
        options: &GetOptions,
        expires: Duration,
    ) -> Result<SignedRequest, StorageError> {
        let (config, expires_at) = lifetime(expires)?;
        let disposition = options
            .filename
            .as_deref()
            .map(|name| content_disposition(options.disposition, name));
        self.public
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_response_content_disposition(disposition)
            .set_response_content_type(options.content_type.clone())
            .presigned(config)
            .await
            .map(|request| signed(&request, expires_at))
            .map_err(classify)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store compares with the real time"
)]
fn lifetime(expires: Duration) -> Result<(PresigningConfig, DateTime<Utc>), StorageError> {
    if expires.is_zero() || expires > MAX_EXPIRES {
        return Err(StorageError::Invalid {
            reason: "a signed request must live between one second and seven days".to_owned(),
        });
    }
    // The store compares with the real time, so an injected clock would be wrong here. Signatures
    // carry whole seconds, so the returned expiry must not be later than the one that the store
    // uses.
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs());
    let config = PresigningConfig::builder()
        .start_time(now)
        .expires_in(expires)
        .build()
        .map_err(|error| StorageError::Invalid {
            reason: error.to_string(),
        })?;
    Ok((config, DateTime::from(now + expires)))
}

fn signed(request: &PresignedRequest, expires_at: DateTime<Utc>) -> SignedRequest {
    let headers = request
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    SignedRequest {
        method: request.method().to_owned(),
        url: request.uri().to_owned(),
        headers,
        expires_at,
    }
}

fn length(bytes: u64) -> Result<i64, StorageError> {
    i64::try_from(bytes).map_err(|_| StorageError::Invalid {
        reason: "length does not fit".to_owned(),
    })
}

/// RFC 6266: a plain name for old clients, and the exact one percent-encoded (RFC 8187).
fn content_disposition(disposition: Disposition, filename: &str) -> String {
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let name: String = filename
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
        .take(255)
        .collect();
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii() && !matches!(c, '"' | '%') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let exact = utf8_percent_encode(&name, EXTENDED_VALUE);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn download_names_keep_any_script_and_cannot_break_the_header() {
        assert_eq!(
            content_disposition(Disposition::Attachment, "画\"册/1.png"),
            "attachment; filename=\"____1.png\"; filename*=UTF-8''%E7%94%BB%22%E5%86%8C_1.png"
        );
        let nasty = content_disposition(Disposition::Inline, "a\r\nSet-Cookie: x=1");
        assert!(!nasty.contains(['\r', '\n']));
    }

    #[test]
    fn lifetimes_are_bounded() {
        assert!(lifetime(Duration::ZERO).is_err());
        assert!(lifetime(MAX_EXPIRES).is_ok());
        assert!(lifetime(MAX_EXPIRES + Duration::from_secs(1)).is_err());
    }
}
