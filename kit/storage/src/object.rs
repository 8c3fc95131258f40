//! The server's own work on objects.

use std::path::Path;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, ChecksumMode, CreateBucketConfiguration, Delete, ObjectIdentifier,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::{Stream, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::error::classify;
use crate::wire::{digest, moment, size};
use crate::{Storage, StorageError, client};

/// What is encoded in the name of an object that is copied: all but the unreserved characters of
/// RFC 3986, and slashes.
const SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The most keys that the store deletes in one request.
const DELETE_BATCH: usize = 1000;
/// Amazon's oldest region takes no location constraint; other stores take any request without.
const HOME_REGION: &str = "us-east-1";

/// What the store knows about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Length in bytes.
    pub size: u64,
    /// Entity tag, with its quotes.
    pub etag: String,
    /// MIME type as announced by whoever put the object; it must not be trusted.
    pub content_type: Option<String>,
    /// SHA-256, where it was put with one and in one piece.
    pub sha256: Option<[u8; 32]>,
    /// When it was put.
    pub last_modified: Option<DateTime<Utc>>,
}

impl Storage {
    /// What the store knows about an object.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none.
    pub async fn head(&self, key: &str) -> Result<ObjectInfo, StorageError> {
        let head = self
            .internal
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .map_err(classify)?;
        Ok(ObjectInfo {
            size: size(head.content_length),
            etag: head.e_tag.unwrap_or_default(),
            content_type: head.content_type,
            sha256: head.checksum_sha256.as_deref().and_then(digest),
            last_modified: moment(head.last_modified),
        })
    }

    /// A whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] when it is larger, [`StorageError::NotFound`] when there is none.
    pub async fn get(&self, key: &str, limit: u64) -> Result<Bytes, StorageError> {
        collect(self.open(key, None).await?, limit).await
    }

    /// Up to `length` bytes (at least one) from `start`; fewer at the end of the object.
    ///
    /// # Errors
    /// [`StorageError::InvalidRange`] when `start` is at or after the end of the object.
    pub async fn get_range(
        &self,
        key: &str,
        start: u64,
        length: u64,
    ) -> Result<Bytes, StorageError> {
        if length == 0 {
            return Err(StorageError::InvalidRange);
        }
        let end = start.saturating_add(length - 1);
        let object = self.open(key, Some(format!("bytes={start}-{end}"))).await?;
        collect(object, length).await
    }

    /// A whole object of any size, piece by piece as the store sends it.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none; the stream ends with
    /// [`StorageError::Unavailable`] when the transfer breaks off.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, StorageError>> + Send + use<>, StorageError> {
        let body = self.open(key, None).await?.body;
        Ok(stream::try_unfold(body, async |mut body| {
            match body.next().await {
                Some(Ok(piece)) => Ok(Some((piece, body))),
                Some(Err(cause)) => Err(StorageError::unavailable(cause)),
                None => Ok(None),
            }
        }))
    }

    /// Streams an object into a (new or replaced) file and returns its length.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], [`StorageError::File`], or [`StorageError::Unavailable`] when
    /// the transfer breaks off; the file is then incomplete.
    pub async fn get_to_file(&self, key: &str, path: &Path) -> Result<u64, StorageError> {
        let mut body = self.open(key, None).await?.body;
        let file = tokio::fs::File::create(path)
            .await
            .map_err(StorageError::File)?;
        let mut file = BufWriter::with_capacity(256 * 1024, file);
        let mut written = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(StorageError::unavailable)?;
            file.write_all(&chunk).await.map_err(StorageError::File)?;
            written += chunk.len() as u64;
        }
        file.flush().await.map_err(StorageError::File)?;
        Ok(written)
    }

    async fn open(
        &self,
        key: &str,
        range: Option<String>,
    ) -> Result<GetObjectOutput, StorageError> {
        self.internal
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_range(range)
            .send()
            .await
            .map_err(classify)
    }

    /// Puts bytes, verified by their SHA-256; returns the ETag.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn put_bytes(
        &self,
        key: &str,
        content_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<String, StorageError> {
        let bytes = bytes.into();
        let checksum = BASE64.encode(Sha256::digest(&bytes));
        let body = ByteStream::from(bytes);
        self.put(key, content_type, body, Some(checksum)).await
    }

    /// Puts a file (at most 5 GiB) without reading it into memory; returns the ETag.
    ///
    /// # Errors
    /// [`StorageError::File`] when the file cannot be read, or another [`StorageError`].
    pub async fn put_file(
        &self,
        key: &str,
        content_type: &str,
        path: &Path,
    ) -> Result<String, StorageError> {
        let body = ByteStream::from_path(path)
            .await
            .map_err(|error| StorageError::File(std::io::Error::other(error)))?;
        self.put(key, content_type, body, None).await
    }

    async fn put(
        &self,
        key: &str,
        content_type: &str,
        body: ByteStream,
        sha256: Option<String>,
    ) -> Result<String, StorageError> {
        let put = self
            .internal
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .set_checksum_sha256(sha256)
            .body(body)
            .customize()
            .config_override(client::transfer())
            .send()
            .await
            .map_err(classify)?;
        put.e_tag
            .ok_or_else(|| StorageError::unavailable("no ETag in the answer"))
    }

    /// Copies an object (at most 5 GiB) within the bucket, with its type.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is nothing at `from`.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let source = format!("{}/{}", self.bucket, utf8_percent_encode(from, SOURCE));
        self.internal
            .copy_object()
            .bucket(&self.bucket)
            .copy_source(source)
            .key(to)
            .customize()
            .config_override(client::transfer())
            .send()
            .await
            .map_err(classify)?;
        Ok(())
    }

    /// Deletes objects; those that do not exist count as deleted.
    ///
    /// # Errors
    /// The first failure; the others may have been deleted. Deleting again is harmless.
    pub async fn delete<K: AsRef<str>>(&self, keys: &[K]) -> Result<(), StorageError> {
        for batch in keys.chunks(DELETE_BATCH) {
            let objects: Result<Vec<_>, _> = batch
                .iter()
                .map(|key| ObjectIdentifier::builder().key(key.as_ref()).build())
                .collect();
            let delete = objects.and_then(|objects| {
                Delete::builder()
                    .set_objects(Some(objects))
                    .quiet(true)
                    .build()
            });
            let delete = delete.map_err(|error| StorageError::Invalid {
                reason: error.to_string(),
            })?;
            let deleted = self
                .internal
                .delete_objects()
                .bucket(&self.bucket)
                .delete(delete)
                .send()
                .await
                .map_err(classify)?;
            if let Some(error) = deleted.errors.unwrap_or_default().into_iter().next() {
                return Err(match error.code.as_deref() {
                    Some("AccessDenied") => StorageError::Denied,
                    code => StorageError::unavailable(code.unwrap_or("unknown").to_owned()),
                });
            }
        }
        Ok(())
    }

    /// Creates the bucket unless it exists.
    ///
    /// # Errors
    /// [`StorageError::Denied`] when it belongs to somebody else or may not be created.
    pub async fn ensure_bucket(&self) -> Result<(), StorageError> {
        match self.check().await {
            Err(StorageError::NotFound) => {}
            done => return done,
        }
        let region = self
            .internal
            .config()
            .region()
            .map_or(HOME_REGION, |r| r.as_ref());
        let location = (region != HOME_REGION).then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let created = self
            .internal
            .create_bucket()
            .bucket(&self.bucket)
            .set_create_bucket_configuration(location)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Another process was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_bucket_already_owned_by_you()) =>
            {
                Ok(())
            }
            Err(error) => Err(classify(error)),
        }
    }

    /// Checks that the bucket exists and can be used.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], [`StorageError::Denied`] or [`StorageError::Unavailable`].
    pub async fn check(&self) -> Result<(), StorageError> {
        self.internal
            .head_bucket()
            .bucket(&self.bucket)
            .send()
            .await
            .map_err(classify)?;
        Ok(())
    }
}

async fn collect(object: GetObjectOutput, limit: u64) -> Result<Bytes, StorageError> {
    let announced = size(object.content_length);
    if announced > limit {
        return Err(StorageError::TooLarge { limit });
    }
    let mut body = object.body;
    let mut collected = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = body.next().await {
        collected.extend_from_slice(&chunk.map_err(StorageError::unavailable)?);
        // The announced length may be missing or wrong.
        if collected.len() as u64 > limit {
            return Err(StorageError::TooLarge { limit });
        }
    }
    Ok(collected.freeze())
}
