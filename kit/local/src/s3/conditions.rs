//! Conditional requests (RFC 9110 §13) and ranges.

use std::ops::Range;

use s3s::dto::{ETagCondition, Timestamp};

use super::blob::Meta;
use super::bucket::WriteCondition;
use super::error::StoreError;

/// The conditions of a read.
#[derive(Debug, Default)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Checks them in the order of RFC 9110 §13.2.2.
    pub(super) fn check(&self, meta: &Meta) -> Result<(), StoreError> {
        let etag_is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == meta.etag,
        };
        let modified = whole_seconds(&modified(meta));
        if let Some(condition) = &self.if_match {
            if !etag_is(condition) {
                return Err(StoreError::PreconditionFailed);
            }
        } else if let Some(since) = &self.if_unmodified_since
            && modified > whole_seconds(since)
        {
            return Err(StoreError::PreconditionFailed);
        }
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => etag_is(condition),
            (None, Some(since)) => modified <= whole_seconds(since),
            (None, None) => false,
        };
        if unchanged {
            Err(StoreError::NotModified {
                etag: meta.quoted_etag(),
            })
        } else {
            Ok(())
        }
    }
}

/// When the object was stored.
pub(super) fn modified(meta: &Meta) -> Timestamp {
    timestamp(meta.modified_ms)
}

/// Milliseconds since 1970 as the protocol's type.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms))
}

/// HTTP dates have whole seconds, so comparisons must too.
fn whole_seconds(time: &Timestamp) -> i64 {
    let mut text = Vec::new();
    let formatted = time.format(s3s::dto::TimestampFormat::EpochSeconds, &mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    let seconds = text
        .split('.')
        .next()
        .and_then(|seconds| seconds.parse().ok());
    formatted.ok().and(seconds).unwrap_or(i64::MIN)
}

/// The conditions of a write.
pub(super) fn write_condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> Result<WriteCondition, StoreError> {
    let absent = match if_none_match {
        None => false,
        Some(ETagCondition::Any) => true,
        Some(ETagCondition::ETag(_)) => {
            return Err(StoreError::NotSupported(
                "If-None-Match with an ETag on a write; only * is",
            ));
        }
    };
    let etag = if_match.map(|condition| match condition {
        ETagCondition::Any => "*".to_owned(),
        ETagCondition::ETag(etag) => etag.into_value(),
    });
    Ok(WriteCondition { absent, etag })
}

/// The bytes a range asks for, and the Content-Range that describes them; all bytes without one.
pub(super) fn resolve(
    range: Option<s3s::dto::Range>,
    size: u64,
) -> Result<(Range<u64>, Option<String>), StoreError> {
    let Some(range) = range else {
        return Ok((0..size, None));
    };
    let bytes = range.check(size).map_err(|_| StoreError::InvalidRange)?;
    if bytes.is_empty() {
        return Err(StoreError::InvalidRange);
    }
    let described = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
    Ok((bytes, Some(described)))
}
