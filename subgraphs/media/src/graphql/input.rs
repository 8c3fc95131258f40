//! The inputs of mutations.

use async_graphql::InputObject;
use atelier_kit::{
    graphql::Long,
    id::{Asset as AssetEntity, Id},
};

use crate::{UploadId, app::upload};

/// A file to be uploaded.
#[derive(Debug, InputObject)]
pub struct UploadCreateInput {
    /// Its name, 1 to 255 characters without slashes.
    pub filename: String,
    /// Its MIME type; the bytes are compared with it. `application/octet-stream` if it is not known.
    pub content_type: String,
    /// Its size in bytes.
    pub byte_size: Long,
    /// The SHA-256 of its bytes in hexadecimal digits: they are verified by it, and need not be sent
    /// if they are there already.
    pub sha256: Option<String>,
    /// What it is meant for, at most 128 characters.
    pub purpose: Option<String>,
    /// Repeating the call with the same key and input gives the same upload.
    pub idempotency_key: Option<String>,
    /// If it is sent in parts: every part comes with its SHA-256, which the store verifies.
    #[graphql(default)]
    pub checksum_parts: bool,
    /// Whether to try to do without sending.
    #[graphql(default = true)]
    pub instant: bool,
}

impl From<UploadCreateInput> for upload::NewUpload {
    fn from(input: UploadCreateInput) -> Self {
        Self {
            filename: input.filename,
            content_type: input.content_type,
            byte_size: input.byte_size.0,
            sha256: input.sha256,
            purpose: input.purpose,
            idempotency_key: input.idempotency_key,
            checksum_parts: input.checksum_parts,
            instant: input.instant,
        }
    }
}

/// Parts to be sent.
#[derive(Debug, InputObject)]
pub struct UploadPartsSignInput {
    /// The upload.
    pub upload_id: UploadId,
    /// The parts, at most 1000.
    pub parts: Vec<UploadPartInput>,
}

/// A part to be sent.
#[derive(Debug, InputObject)]
pub struct UploadPartInput {
    /// Its number, from 1.
    pub number: i32,
    /// The SHA-256 of its bytes in hexadecimal digits, if the upload has checksums for parts.
    pub sha256: Option<String>,
}

/// An upload to be completed.
#[derive(Debug, InputObject)]
pub struct UploadCompleteInput {
    /// The upload.
    pub upload_id: UploadId,
}

/// The answer to an upload's challenge.
#[derive(Debug, InputObject)]
pub struct UploadProveInput {
    /// The upload.
    pub upload_id: UploadId,
    /// The SHA-256 of the nonce and the ranges, in hexadecimal digits.
    pub answer: String,
}

/// An upload to be given up.
#[derive(Debug, InputObject)]
pub struct UploadAbortInput {
    /// The upload.
    pub upload_id: UploadId,
}

/// A file to be changed.
#[derive(Debug, InputObject)]
pub struct AssetUpdateInput {
    /// The file.
    pub id: Id<AssetEntity>,
    /// Its new name; stays as it is if not given.
    pub filename: Option<String>,
}

/// A file to be put into the trash.
#[derive(Debug, InputObject)]
pub struct AssetDeleteInput {
    /// The file.
    pub id: Id<AssetEntity>,
}

/// A file to be taken out of the trash.
#[derive(Debug, InputObject)]
pub struct AssetRestoreInput {
    /// The file.
    pub id: Id<AssetEntity>,
}

/// Files to be removed from the trash for good.
#[derive(Debug, InputObject)]
pub struct AssetsPurgeInput {
    /// The files, at most 100.
    pub ids: Vec<Id<AssetEntity>>,
}
