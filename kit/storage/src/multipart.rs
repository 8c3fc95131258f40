//! Multipart uploads.

use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart as SdkCompletedPart,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};

use crate::error::classify;
use crate::wire::{digest, moment, size};
use crate::{Storage, StorageError, client};

/// Most parts an upload may have, by the S3 protocol.
pub(crate) const MAX_PART_NUMBER: u16 = 10_000;

/// Whether parts carry checksums that the store verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartChecksum {
    /// None; ETags alone tell parts apart.
    #[default]
    None,
    /// Every part comes with its SHA-256.
    Sha256,
}

/// A part the store has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u16,
    /// Entity tag, with its quotes.
    pub etag: String,
    /// Length in bytes.
    pub size: u64,
    /// Checksum, where the upload was created with [`PartChecksum::Sha256`].
    pub sha256: Option<[u8; 32]>,
    /// When the store received it.
    pub last_modified: Option<DateTime<Utc>>,
}

/// A part as named in [`Storage::complete_multipart`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// 1 to 10,000; parts must be listed in ascending order.
    pub number: u16,
    /// Entity tag as the store answered it.
    pub etag: String,
    /// Checksum, required where the upload was created with [`PartChecksum::Sha256`].
    pub sha256: Option<[u8; 32]>,
}

impl From<Part> for CompletedPart {
    fn from(part: Part) -> Self {
        Self {
            number: part.number,
            etag: part.etag,
            sha256: part.sha256,
        }
    }
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The object it will become.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was created.
    pub initiated: Option<DateTime<Utc>>,
}

impl Storage {
    /// Begins a multipart upload and answers its id.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn create_multipart(
        &self,
        key: &str,
        content_type: &str,
        checksum: PartChecksum,
    ) -> Result<String, StorageError> {
        let algorithm = match checksum {
            PartChecksum::None => None,
            PartChecksum::Sha256 => Some(ChecksumAlgorithm::Sha256),
        };
        let created = self
            .internal
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .set_checksum_algorithm(algorithm)
            .send()
            .await
            .map_err(classify)?;
        created
            .upload_id
            .ok_or_else(|| StorageError::unavailable("no upload id in the answer"))
    }

    /// The parts received so far, by number.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an upload that was completed, aborted or never begun.
    pub async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Vec<Part>, StorageError> {
        let mut parts = Vec::new();
        let mut pages = self
            .internal
            .list_parts()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for part in page.map_err(classify)?.parts.unwrap_or_default() {
                let number = part.part_number.and_then(|n| u16::try_from(n).ok());
                let (Some(number), Some(etag)) = (number, part.e_tag) else {
                    return Err(StorageError::unavailable(
                        "a listed part lacks number or ETag",
                    ));
                };
                parts.push(Part {
                    number,
                    etag,
                    size: size(part.size),
                    sha256: part.checksum_sha256.as_deref().and_then(digest),
                    last_modified: moment(part.last_modified),
                });
            }
            if parts.len() > usize::from(MAX_PART_NUMBER) {
                return Err(StorageError::unavailable(
                    "more parts than an upload can have",
                ));
            }
        }
        Ok(parts)
    }

    /// Joins the parts, in the given order, into the object; answers its ETag.
    ///
    /// # Errors
    /// [`StorageError::InvalidPart`] when a part is missing, differs or is too small (all but the
    /// last need 5 MiB); [`StorageError::NotFound`] for an unknown upload.
    pub async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[CompletedPart],
    ) -> Result<String, StorageError> {
        let parts = parts.iter().map(|part| {
            SdkCompletedPart::builder()
                .part_number(i32::from(part.number))
                .e_tag(&part.etag)
                .set_checksum_sha256(part.sha256.map(|digest| BASE64.encode(digest)))
                .build()
        });
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        let completed = self
            .internal
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(upload)
            .customize()
            .config_override(client::transfer())
            .send()
            .await
            .map_err(classify)?;
        completed
            .e_tag
            .ok_or_else(|| StorageError::unavailable("no ETag in the answer"))
    }

    /// Drops an upload and its parts; fine if there is none.
    ///
    /// # Errors
    /// [`StorageError`] other than `NotFound`.
    pub async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<(), StorageError> {
        let aborted = self
            .internal
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .send()
            .await
            .map_err(classify);
        match aborted {
            Ok(_) | Err(StorageError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Up to 1,000 unfinished uploads whose key begins with `prefix`, for sweeping up.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_multiparts(&self, prefix: &str) -> Result<Vec<PendingUpload>, StorageError> {
        let page = self
            .internal
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(prefix)
            .max_uploads(1000)
            .send()
            .await
            .map_err(classify)?;
        let uploads = page.uploads.unwrap_or_default().into_iter();
        Ok(uploads
            .filter_map(|upload| {
                Some(PendingUpload {
                    key: upload.key?,
                    upload_id: upload.upload_id?,
                    initiated: moment(upload.initiated),
                })
            })
            .collect())
    }
}
