//! Values as the S3 protocol writes them.

use aws_sdk_s3::primitives::DateTime as SdkDateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};

pub(crate) fn size(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or(0)
}

pub(crate) fn moment(time: Option<SdkDateTime>) -> Option<DateTime<Utc>> {
    let time = time?;
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

/// A SHA-256 as S3 writes it: base64, for a joined object with `-<parts>` behind.
pub(crate) fn digest(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}
