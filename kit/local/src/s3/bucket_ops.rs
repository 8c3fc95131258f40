//! The operations on buckets.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::checksum::{decode_base64, encode_base64};
use super::conditions::timestamp;
use super::error::StoreError;
use super::listing::{MAX_KEYS, Page, Query};
use super::object_ops::signed;
use super::protocol::Protocol;
use super::receive::blocking;

impl Protocol {
    pub(super) async fn make_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let (store, name) = (self.store.clone(), request.input.bucket);
        let location = format!("/{name}");
        blocking(move || store.create_bucket(&name)).await?;
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(location),
        }))
    }

    pub(super) async fn remove_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let (store, name) = (self.store.clone(), request.input.bucket);
        blocking(move || store.delete_bucket(&name)).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    pub(super) async fn find_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.store.bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    pub(super) async fn locate_bucket(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.store.bucket(&request.input.bucket)?;
        // us-east-1 is spelled as no constraint at all.
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    pub(super) async fn all_buckets(
        &self,
        _request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let store = self.store.clone();
        let buckets = blocking(move || {
            let created = |dir: &std::path::Path| {
                let since = dir
                    .metadata()
                    .ok()?
                    .created()
                    .ok()?
                    .duration_since(std::time::UNIX_EPOCH)
                    .ok()?;
                u64::try_from(since.as_millis()).ok()
            };
            Ok(store
                .buckets()
                .into_iter()
                .map(|(name, dir)| Bucket {
                    name: Some(name),
                    creation_date: created(&dir).map(timestamp),
                    ..Default::default()
                })
                .collect())
        })
        .await?;
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets),
            ..Default::default()
        }))
    }

    pub(super) async fn objects_page(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let bucket = self.store.bucket(&input.bucket)?;
        let after = match &input.continuation_token {
            Some(token) => Some(key_of_token(token)?),
            None => input.start_after.clone(),
        };
        let asked = input.max_keys.and_then(|asked| usize::try_from(asked).ok());
        let limit = asked.unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after,
            limit,
        };
        let page = blocking(move || bucket.with_index(|objects| query.page(objects))).await?;
        let Page {
            objects,
            prefixes,
            next,
        } = page;
        let count = objects.len() + prefixes.len();
        let contents = objects.into_iter().map(|(key, listed)| Object {
            key: Some(key),
            size: signed(listed.size),
            e_tag: Some(ETag::Strong(listed.etag)),
            last_modified: Some(timestamp(listed.modified_ms)),
            ..Default::default()
        });
        let common_prefixes = prefixes.into_iter().map(|prefix| CommonPrefix {
            prefix: Some(prefix),
        });
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents.collect()),
            common_prefixes: Some(common_prefixes.collect()),
            key_count: i32::try_from(count).ok(),
            max_keys: i32::try_from(limit).ok(),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|key| encode_base64(key.as_bytes())),
            continuation_token: input.continuation_token,
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            ..Default::default()
        }))
    }
}

fn key_of_token(token: &str) -> Result<String, StoreError> {
    decode_base64(token)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(StoreError::InvalidRequest(
            "not a continuation token of this store",
        ))
}
