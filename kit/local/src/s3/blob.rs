//! One file per object or part: its bytes, then what is known about it as JSON, then a footer.
//!
//! Bytes and metadata in one file make one rename the commit of both, and let the metadata hold
//! what is known only after the last byte. The bytes begin at offset 0, so a range is a seek.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksums};
use super::error::StoreError;

/// The last bytes of a complete file; the digit is the version of this layout.
const MAGIC: &[u8; 8] = b"ATLBLOB1";
/// Length of the JSON as a little-endian `u32`, then [`MAGIC`].
const FOOTER_LEN: u64 = 12;
/// Far above the 2 KiB of user metadata and the headers that S3 allows.
const MAX_META_LEN: u64 = 1024 * 1024;

/// The headers that are stored with an object and given back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredHeaders {
    pub(super) content_type: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    /// User metadata without the prefix `x-amz-meta-`.
    pub(super) user: HashMap<String, String>,
}

/// How the checksums of a multipart object were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChecksumKind {
    FullObject,
    Composite,
}

/// What is known about an object or a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The object's key.
    pub(super) key: String,
    /// The number of bytes.
    pub(super) size: u64,
    /// The ETag without quotes: the MD5, or for a multipart object S3's MD5 of MD5s with a count.
    pub(super) etag: String,
    /// Milliseconds since 1970.
    pub(super) modified_ms: u64,
    /// The stored headers.
    #[serde(default)]
    pub(super) headers: StoredHeaders,
    /// The checksums that are known.
    #[serde(default)]
    pub(super) checksums: Checksums,
    /// How they were made.
    pub(super) checksum_kind: Option<ChecksumKind>,
    /// The multipart upload that made the object, so that completing twice is no error.
    pub(super) upload_id: Option<String>,
}

impl Meta {
    /// The quoted ETag.
    pub(super) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }
}

/// What a multipart upload was started with; its file lies beside the parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UploadMeta {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) headers: StoredHeaders,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kind: Option<ChecksumKind>,
    /// Milliseconds since 1970.
    pub(super) initiated_ms: u64,
}

/// Appends metadata and footer to a file whose bytes are all written.
pub(super) fn seal(file: &mut File, meta: &Meta) -> Result<(), StoreError> {
    let mut tail = serde_json::to_vec(meta).map_err(|error| StoreError::Io(error.into()))?;
    let length =
        u32::try_from(tail.len()).map_err(|_| StoreError::InvalidRequest("too much metadata"))?;
    tail.extend_from_slice(&length.to_le_bytes());
    tail.extend_from_slice(MAGIC);
    file.write_all(&tail)?;
    Ok(())
}

/// Opens a sealed file. `None` when it does not exist.
pub(super) fn open(path: &Path) -> Result<Option<(File, Meta)>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    let meta = read_meta(&mut file, length)?;
    Ok(Some((file, meta)))
}

fn read_meta(file: &mut File, file_len: u64) -> Result<Meta, StoreError> {
    let footer_at = file_len
        .checked_sub(FOOTER_LEN)
        .ok_or(StoreError::Damaged("no footer"))?;
    file.seek(SeekFrom::Start(footer_at))?;
    let mut length = [0_u8; 4];
    let mut magic = [0_u8; 8];
    file.read_exact(&mut length)?;
    file.read_exact(&mut magic)?;
    let length = u64::from(u32::from_le_bytes(length));
    if magic != *MAGIC || length > MAX_META_LEN {
        return Err(StoreError::Damaged("unknown footer"));
    }
    let meta_at = footer_at
        .checked_sub(length)
        .ok_or(StoreError::Damaged("no metadata"))?;
    file.seek(SeekFrom::Start(meta_at))?;
    let mut json = Vec::new();
    file.take(length).read_to_end(&mut json)?;
    let meta: Meta =
        serde_json::from_slice(&json).map_err(|_| StoreError::Damaged("unreadable metadata"))?;
    if meta.size != meta_at {
        return Err(StoreError::Damaged("size differs"));
    }
    Ok(meta)
}

/// Milliseconds since 1970, now.
#[expect(
    clippy::disallowed_methods,
    reason = "the store goes by the real time, as every store does"
)]
pub(super) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
