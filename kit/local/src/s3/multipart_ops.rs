//! The operations on multipart uploads.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::assemble::{ClaimedPart, Completion};
use super::blob::{ChecksumKind, StoredHeaders, UploadMeta};
use super::checksum::{Algorithm, Expected, checksums_of, put_checksums};
use super::conditions::{modified, timestamp, write_condition};
use super::error::StoreError;
use super::multipart::MAX_PARTS;
use super::object_ops::{checksum_type, headers_of, parts_of, signed};
use super::protocol::Protocol;
use super::receive::{blocking, receive};

/// The most entries of one page of parts or uploads, as in S3.
const MAX_PAGE: usize = 1000;

impl Protocol {
    pub(super) async fn start_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let bucket = self.store.bucket(&input.bucket)?;
        let headers: StoredHeaders = headers_of!(input);
        let algorithm = input
            .checksum_algorithm
            .as_ref()
            .map(Algorithm::named)
            .transpose()?;
        let kind = input
            .checksum_type
            .as_ref()
            .map(|kind| match kind.as_str() {
                ChecksumType::FULL_OBJECT => ChecksumKind::FullObject,
                _ => ChecksumKind::Composite,
            });
        let key = input.key;
        let upload = blocking(move || bucket.create_upload(&key, headers, algorithm, kind)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(upload.key),
            upload_id: Some(upload.id),
            checksum_algorithm: upload.algorithm.map(Algorithm::name),
            checksum_type: checksum_type(upload.kind),
            ..Default::default()
        }))
    }

    pub(super) async fn receive_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let bucket = self.store.bucket(&request.input.bucket)?;
        let body = request.input.body.take();
        let input = &request.input;
        let number = input.part_number;
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(StoreError::InvalidRequest("part numbers are 1 to 10000").into());
        }
        let mut expected = Expected::new(
            checksums_of!(input),
            input.content_md5.clone(),
            input.checksum_algorithm.as_ref(),
            parts_of(&request),
        )?;
        let (id, key) = (input.upload_id.clone(), input.key.clone());
        let find = bucket.clone();
        let upload = blocking(move || find.upload(&id, &key)).await?;
        expected.also_compute(upload.algorithm);
        let received = receive(self.store.scratch(), body, expected).await?;
        let meta = blocking(move || bucket.put_part(&upload, number, received)).await?;
        let mut output = UploadPartOutput {
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            ..Default::default()
        };
        put_checksums!(meta.checksums, output);
        Ok(S3Response::new(output))
    }

    pub(super) async fn parts_page(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let bucket = self.store.bucket(&input.bucket)?;
        let (id, key) = (input.upload_id.clone(), input.key.clone());
        let (upload, parts) = blocking(move || {
            let upload = bucket.upload(&id, &key)?;
            let parts = bucket.parts(&upload)?;
            Ok((upload, parts))
        })
        .await?;
        let limit = page_limit(input.max_parts);
        let marker = input.part_number_marker.unwrap_or(0);
        let mut rest = parts
            .into_iter()
            .filter(|(number, _)| *number > marker)
            .peekable();
        let page: Vec<Part> = rest
            .by_ref()
            .take(limit)
            .map(|(number, meta)| {
                let mut part = Part {
                    part_number: Some(number),
                    size: signed(meta.size),
                    e_tag: Some(ETag::Strong(meta.etag.clone())),
                    last_modified: Some(modified(&meta)),
                    ..Default::default()
                };
                put_checksums!(meta.checksums, part);
                part
            })
            .collect();
        let truncated = rest.peek().is_some();
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(upload.key),
            upload_id: Some(upload.id),
            is_truncated: Some(truncated),
            max_parts: i32::try_from(limit).ok(),
            part_number_marker: Some(marker),
            next_part_number_marker: page.last().and_then(|part| part.part_number),
            parts: Some(page),
            checksum_algorithm: upload.algorithm.map(Algorithm::name),
            checksum_type: checksum_type(upload.kind),
            ..Default::default()
        }))
    }

    pub(super) async fn complete_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let bucket = self.store.bucket(&input.bucket)?;
        let size = input.mpu_object_size.map(u64::try_from).transpose();
        let completion = Completion {
            checksums: checksums_of!(input),
            size: size.map_err(|_| StoreError::InvalidRequest("a size cannot be negative"))?,
            condition: write_condition(input.if_match, input.if_none_match)?,
            parts: claimed(input.multipart_upload)?,
        };
        let (id, key, scratch) = (input.upload_id, input.key, self.store.scratch());
        let meta = blocking(move || bucket.complete(&scratch, &id, &key, &completion)).await?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, meta.key)),
            bucket: Some(input.bucket),
            key: Some(meta.key),
            e_tag: Some(ETag::Strong(meta.etag)),
            checksum_type: checksum_type(meta.checksum_kind),
            ..Default::default()
        };
        put_checksums!(meta.checksums, output);
        Ok(S3Response::new(output))
    }

    pub(super) async fn abort_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        let bucket = self.store.bucket(&input.bucket)?;
        blocking(move || bucket.abort(&input.upload_id, &input.key)).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn uploads_page(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        if input.delimiter.is_some() {
            return Err(StoreError::NotSupported("folding uploads at a delimiter").into());
        }
        let bucket = self.store.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut uploads = blocking(move || bucket.uploads()).await?;
        uploads.retain(|upload| upload.key.starts_with(&prefix));
        let start = first_behind(
            &uploads,
            input.key_marker.as_deref(),
            input.upload_id_marker.as_deref(),
        );
        let limit = page_limit(input.max_uploads);
        let rest = uploads.get(start..).unwrap_or_default();
        let page = rest.get(..limit.min(rest.len())).unwrap_or_default();
        let truncated = rest.len() > page.len();
        let last = page.last().filter(|_| truncated);
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            is_truncated: Some(truncated),
            max_uploads: i32::try_from(limit).ok(),
            next_key_marker: last.map(|upload| upload.key.clone()),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            uploads: Some(page.iter().map(listed_upload).collect()),
            ..Default::default()
        }))
    }
}

/// The list of parts as the client sent it.
fn claimed(upload: Option<CompletedMultipartUpload>) -> Result<Vec<ClaimedPart>, StoreError> {
    let parts = upload.and_then(|upload| upload.parts).unwrap_or_default();
    parts
        .into_iter()
        .map(|part| {
            let number = part
                .part_number
                .ok_or(StoreError::InvalidRequest("a part without its number"))?;
            let checksums = checksums_of!(part);
            Ok(ClaimedPart {
                number,
                etag: part.e_tag.map(ETag::into_value),
                checksums,
            })
        })
        .collect()
}

fn listed_upload(upload: &UploadMeta) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key.clone()),
        upload_id: Some(upload.id.clone()),
        initiated: Some(timestamp(upload.initiated_ms)),
        checksum_algorithm: upload.algorithm.map(Algorithm::name),
        checksum_type: checksum_type(upload.kind),
        ..Default::default()
    }
}

/// The position behind the markers. Uploads of one key are ordered by time, so the marker among
/// them is looked for rather than compared.
fn first_behind(uploads: &[UploadMeta], key: Option<&str>, id: Option<&str>) -> usize {
    let Some(key) = key else {
        return 0;
    };
    let marked = id.and_then(|id| {
        uploads
            .iter()
            .position(|upload| upload.key == key && upload.id == id)
    });
    match marked {
        Some(position) => position + 1,
        None => uploads.partition_point(|upload| upload.key.as_str() <= key),
    }
}

fn page_limit(asked: Option<i32>) -> usize {
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .unwrap_or(MAX_PAGE)
        .min(MAX_PAGE)
}
