//! Making one object out of the parts of an upload.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::blob::{self, ChecksumKind, Meta, UploadMeta, now_ms};
use super::bucket::WriteCondition;
use super::checksum::{Checksums, Digest, Expected, Hasher, composite, md5};
use super::error::StoreError;

/// The smallest part that is not the last, as in S3.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// The most bytes of an object, as in S3.
const MAX_OBJECT: u64 = 5 * 1024 * 1024 * 1024 * 1024;

/// A part as the client lists it when completing.
#[derive(Debug)]
pub(super) struct ClaimedPart {
    pub(super) number: i32,
    /// Without quotes.
    pub(super) etag: Option<String>,
    pub(super) checksums: Checksums,
}

/// What the client says about the object as a whole when completing.
#[derive(Debug, Default)]
pub(super) struct Completion {
    pub(super) parts: Vec<ClaimedPart>,
    pub(super) checksums: Checksums,
    pub(super) size: Option<u64>,
    pub(super) condition: WriteCondition,
}

/// A part that the client listed rightly. Its path rather than the open file: ten thousand of
/// those would exceed the usual limit.
struct FoundPart {
    number: i32,
    path: PathBuf,
    meta: Meta,
}

/// Checks the list of parts and joins them into one file in `scratch`, with the metadata of the
/// object they become.
pub(super) fn assemble(
    scratch: &Path,
    upload: &UploadMeta,
    path_of: impl Fn(i32) -> PathBuf,
    completion: &Completion,
) -> Result<(NamedTempFile, Meta), StoreError> {
    let parts = find_parts(path_of, completion)?;
    let mut md5s = Vec::with_capacity(parts.len() * 16);
    for part in &parts {
        md5s.extend(
            hex::decode(&part.meta.etag).map_err(|_| StoreError::Damaged("a part's ETag"))?,
        );
    }
    let (file, digest) = join(scratch, upload, &parts)?;
    let checksums = object_checksums(upload, &parts, digest)?;
    if !checksums.include(&completion.checksums) {
        return Err(StoreError::BadDigest);
    }
    let meta = Meta {
        key: upload.key.clone(),
        size: parts.iter().map(|part| part.meta.size).sum(),
        etag: format!("{}-{}", hex::encode(md5(&md5s)), parts.len()),
        modified_ms: now_ms(),
        headers: upload.headers.clone(),
        checksums,
        checksum_kind: upload.kind,
        upload_id: Some(upload.id.clone()),
    };
    Ok((file, meta))
}

/// The parts the client lists, each checked against what it says about it.
fn find_parts(
    path_of: impl Fn(i32) -> PathBuf,
    completion: &Completion,
) -> Result<Vec<FoundPart>, StoreError> {
    if completion.parts.is_empty() {
        return Err(StoreError::InvalidRequest("at least one part is needed"));
    }
    if !completion.parts.is_sorted_by(|a, b| a.number < b.number) {
        return Err(StoreError::InvalidPartOrder);
    }
    let last = completion.parts.len() - 1;
    let mut parts = Vec::with_capacity(completion.parts.len());
    let mut size = 0_u64;
    for (position, claimed) in completion.parts.iter().enumerate() {
        let number = claimed.number;
        let path = path_of(number);
        let (_, meta) = blob::open(&path)?.ok_or(StoreError::InvalidPart(number))?;
        let etag_agrees = claimed.etag.as_ref() == Some(&meta.etag);
        if !etag_agrees || !meta.checksums.include(&claimed.checksums) {
            return Err(StoreError::InvalidPart(number));
        }
        if position != last && meta.size < MIN_PART {
            return Err(StoreError::PartTooSmall(number));
        }
        size += meta.size;
        parts.push(FoundPart { number, path, meta });
    }
    if size > MAX_OBJECT {
        return Err(StoreError::TooLarge);
    }
    if completion.size.is_some_and(|said| said != size) {
        return Err(StoreError::InvalidRequest(
            "the object's size differs from x-amz-mp-object-size",
        ));
    }
    Ok(parts)
}

/// One file of all parts' bytes. Only a full-object checksum makes it read them itself; otherwise
/// the kernel copies (and shares blocks, where the file system can).
fn join(
    scratch: &Path,
    upload: &UploadMeta,
    parts: &[FoundPart],
) -> Result<(NamedTempFile, Option<Digest>), StoreError> {
    let mut target = NamedTempFile::new_in(scratch)?;
    let full = upload
        .algorithm
        .filter(|_| upload.kind == Some(ChecksumKind::FullObject));
    let mut hasher: Option<Hasher> = full.map(|algorithm| {
        let mut expected = Expected::default();
        expected.also_compute(Some(algorithm));
        expected.hasher()
    });
    for FoundPart { number, path, meta } in parts {
        // Sent again since it was checked, it would be other bytes under the old ETag.
        let opened = blob::open(path)?.filter(|(_, now)| now == meta);
        let (mut file, _) = opened.ok_or(StoreError::InvalidPart(*number))?;
        file.rewind()?;
        let mut source = file.take(meta.size);
        let copied = match &mut hasher {
            None => std::io::copy(&mut source, target.as_file_mut())?,
            Some(hasher) => copy_hashed(&mut source, target.as_file_mut(), hasher)?,
        };
        if copied != meta.size {
            return Err(StoreError::Damaged("a part is shorter than it was"));
        }
    }
    Ok((target, hasher.map(Hasher::finish)))
}

fn copy_hashed(
    source: &mut impl Read,
    target: &mut File,
    hasher: &mut Hasher,
) -> Result<u64, StoreError> {
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut copied = 0_u64;
    loop {
        let count = source.read(&mut buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(copied);
        }
        hasher.update(bytes);
        target.write_all(bytes)?;
        copied += count as u64;
    }
}

fn object_checksums(
    upload: &UploadMeta,
    parts: &[FoundPart],
    digest: Option<Digest>,
) -> Result<Checksums, StoreError> {
    let mut checksums = Checksums::default();
    let Some(algorithm) = upload.algorithm else {
        return Ok(checksums);
    };
    if let Some(digest) = digest {
        return Ok(digest.sums);
    }
    let sums: Option<Vec<String>> = parts
        .iter()
        .map(|part| part.meta.checksums.get(algorithm))
        .collect();
    let sums = sums.ok_or(StoreError::Damaged("a part without its checksum"))?;
    checksums.set(algorithm, composite(algorithm, &sums));
    Ok(checksums)
}
