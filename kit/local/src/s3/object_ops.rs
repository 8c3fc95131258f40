//! The operations on objects.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::blob::{ChecksumKind, Meta, StoredHeaders, now_ms};
use super::bucket::WriteCondition;
use super::checksum::{Expected, RequestParts, checksums_of, put_checksums};
use super::conditions::{ReadConditions, modified, resolve, write_condition};
use super::error::StoreError;
use super::listing::MAX_KEYS;
use super::protocol::Protocol;
use super::receive::{blocking, receive};
use super::stream;

pub(super) fn parts_of<T>(request: &S3Request<T>) -> RequestParts<'_> {
    RequestParts {
        uri: &request.uri,
        headers: &request.headers,
        trailing: request.trailing_headers.clone(),
    }
}

/// Takes the stored headers out of a request type.
macro_rules! headers_of {
    ($input:expr) => {
        StoredHeaders {
            content_type: $input.content_type.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $input.content_encoding.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            user: $input.metadata.clone().unwrap_or_default(),
        }
    };
}

pub(super) use headers_of;

/// Takes the conditions out of a GET or HEAD.
macro_rules! read_conditions {
    ($input:expr) => {
        ReadConditions {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}

/// Fills what GET and HEAD answer alike.
macro_rules! describe {
    ($meta:expr, $output:expr) => {{
        let headers = $meta.headers.clone();
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some(ETag::Strong($meta.etag.clone()));
        $output.last_modified = Some(modified(&$meta));
        $output.content_type = Some(
            headers
                .content_type
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
        );
        $output.content_disposition = headers.content_disposition;
        $output.content_encoding = headers.content_encoding;
        $output.content_language = headers.content_language;
        $output.cache_control = headers.cache_control;
        $output.metadata = (!headers.user.is_empty()).then_some(headers.user);
    }};
}

pub(super) fn signed(size: u64) -> Option<i64> {
    i64::try_from(size).ok()
}

/// How the checksums of an object were made, in the protocol's words.
pub(super) fn checksum_type(kind: Option<ChecksumKind>) -> Option<ChecksumType> {
    kind.map(|kind| {
        ChecksumType::from_static(match kind {
            ChecksumKind::FullObject => ChecksumType::FULL_OBJECT,
            ChecksumKind::Composite => ChecksumType::COMPOSITE,
        })
    })
}

impl Protocol {
    pub(super) async fn put(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let bucket = self.store.bucket(&request.input.bucket)?;
        let body = request.input.body.take();
        let input = &request.input;
        let condition = write_condition(input.if_match.clone(), input.if_none_match.clone())?;
        let headers = headers_of!(input);
        let expected = Expected::new(
            checksums_of!(input),
            input.content_md5.clone(),
            input.checksum_algorithm.as_ref(),
            parts_of(&request),
        )?;
        let key = input.key.clone();
        let received = receive(self.store.scratch(), body, expected).await?;
        let meta = Meta {
            key,
            size: received.size,
            etag: hex::encode(received.digest.md5),
            modified_ms: now_ms(),
            headers,
            checksums: received.digest.sums,
            checksum_kind: None,
            upload_id: None,
        };
        let file = received.file;
        let meta = blocking(move || bucket.publish(file, &meta, &condition).map(|()| meta)).await?;
        let mut output = PutObjectOutput {
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            ..Default::default()
        };
        put_checksums!(meta.checksums, output);
        Ok(S3Response::new(output))
    }

    pub(super) async fn get(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        if input.part_number.is_some() {
            return Err(StoreError::NotSupported("reading one part of an object").into());
        }
        let conditions = read_conditions!(input);
        let bucket = self.store.bucket(&input.bucket)?;
        let (key, range) = (input.key, input.range);
        let (file, meta, bytes, content_range, first) = blocking(move || {
            let (file, meta) = bucket.open(&key)?;
            conditions.check(&meta)?;
            let (bytes, content_range) = resolve(range, meta.size)?;
            let first = stream::first_piece(&file, &bytes)?;
            Ok((file, meta, bytes, content_range, first))
        })
        .await?;
        let mut output = GetObjectOutput {
            content_length: signed(bytes.end - bytes.start),
            // A checksum of the whole object says nothing about a part of it.
            content_range,
            body: Some(stream::body(file, bytes, first)),
            ..Default::default()
        };
        describe!(meta, output);
        if output.content_range.is_none()
            && input
                .checksum_mode
                .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
        {
            put_checksums!(meta.checksums, output);
            output.checksum_type = checksum_type(meta.checksum_kind);
        }
        Ok(S3Response::new(output))
    }

    pub(super) async fn head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let conditions = read_conditions!(input);
        let bucket = self.store.bucket(&input.bucket)?;
        let key = input.key;
        let meta = blocking(move || {
            let (_, meta) = bucket.open(&key)?;
            conditions.check(&meta)?;
            Ok(meta)
        })
        .await?;
        let mut output = HeadObjectOutput {
            content_length: signed(meta.size),
            ..Default::default()
        };
        describe!(meta, output);
        if input
            .checksum_mode
            .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
        {
            put_checksums!(meta.checksums, output);
            output.checksum_type = checksum_type(meta.checksum_kind);
        }
        Ok(S3Response::new(output))
    }

    pub(super) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let bucket = self.store.bucket(&request.input.bucket)?;
        let key = request.input.key;
        blocking(move || bucket.delete(&key)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn delete_many(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let bucket = self.store.bucket(&request.input.bucket)?;
        let Delete { objects, quiet } = request.input.delete;
        if objects.len() > MAX_KEYS {
            return Err(
                StoreError::InvalidRequest("at most 1000 keys can be deleted at once").into(),
            );
        }
        let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
        let keys = blocking(move || {
            keys.iter().try_for_each(|key| bucket.delete(key))?;
            Ok(keys)
        })
        .await?;
        let deleted = keys.into_iter().map(|key| DeletedObject {
            key: Some(key),
            ..Default::default()
        });
        let deleted = (!quiet.unwrap_or(false)).then(|| deleted.collect());
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        }))
    }

    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let CopySource::Bucket {
            bucket: from_bucket,
            key: from_key,
            ..
        } = &input.copy_source
        else {
            return Err(StoreError::NotSupported("copying from an access point").into());
        };
        let from = self.store.bucket(from_bucket)?;
        let to = self.store.bucket(&input.bucket)?;
        let from_key = from_key.to_string();
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let headers = replace.then(|| headers_of!(input));
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            ..Default::default()
        };
        let (key, scratch) = (input.key, self.store.scratch());
        let meta = blocking(move || {
            let (file, meta) = from.open(&from_key)?;
            // What would be "not modified" for a read is a failed condition for a copy.
            conditions
                .check(&meta)
                .map_err(|_| StoreError::PreconditionFailed)?;
            let mut target = tempfile::NamedTempFile::new_in(scratch)?;
            let mut source = file;
            std::io::Seek::rewind(&mut source)?;
            std::io::copy(
                &mut std::io::Read::take(source, meta.size),
                target.as_file_mut(),
            )?;
            let headers = headers.unwrap_or_else(|| meta.headers.clone());
            let copy = Meta {
                key,
                modified_ms: now_ms(),
                headers,
                upload_id: None,
                ..meta
            };
            to.publish(target, &copy, &WriteCondition::default())?;
            Ok(copy)
        })
        .await?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            last_modified: Some(modified(&meta)),
            ..Default::default()
        };
        put_checksums!(meta.checksums, result);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..Default::default()
        }))
    }
}
