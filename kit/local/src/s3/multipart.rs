//! Multipart uploads: a directory each, with a file per part, until completed or aborted.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::blob::{self, ChecksumKind, Meta, StoredHeaders, UploadMeta, now_ms};
use super::bucket::{Bucket, WriteCondition, entries};
use super::checksum::{Algorithm, Checksums, Digest, Expected, Hasher, composite, hex, md5};
use super::error::StoreError;
use super::receive::Received;

/// The smallest part that is not the last, as in S3.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// The most parts, as in S3.
pub(super) const MAX_PARTS: i32 = 10_000;
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

impl Bucket {
    /// Starts an upload.
    pub(super) fn create_upload(
        &self,
        key: &str,
        headers: StoredHeaders,
        algorithm: Option<Algorithm>,
        kind: Option<ChecksumKind>,
    ) -> Result<UploadMeta, StoreError> {
        let kind = algorithm.map(|algorithm| match (algorithm, kind) {
            // CRC64NVME has no composite form.
            (Algorithm::Crc64Nvme, _) => ChecksumKind::FullObject,
            (_, kind) => kind.unwrap_or(ChecksumKind::Composite),
        });
        let meta = UploadMeta {
            id: crate::secret::generate(),
            key: key.to_owned(),
            headers,
            algorithm,
            kind,
            initiated_ms: now_ms(),
        };
        let dir = self.uploads_dir().join(&meta.id);
        fs::create_dir_all(&dir)?;
        let json = serde_json::to_vec(&meta).map_err(|error| StoreError::Io(error.into()))?;
        let mut file = NamedTempFile::new_in(&dir)?;
        file.write_all(&json)?;
        self.sync(file.as_file())?;
        file.persist(dir.join("upload.json"))
            .map_err(|error| StoreError::from(error.error))?;
        self.sync_dir(&dir)?;
        self.sync_dir(&self.uploads_dir())?;
        Ok(meta)
    }

    /// The upload `id` of `key`.
    pub(super) fn upload(&self, id: &str, key: &str) -> Result<UploadMeta, StoreError> {
        let meta = read_upload(&self.upload_dir(id)?)?.ok_or(StoreError::NoSuchUpload)?;
        if meta.key == key {
            Ok(meta)
        } else {
            Err(StoreError::NoSuchUpload)
        }
    }

    /// Keeps a received file as a part, in place of an earlier one of that number.
    pub(super) fn put_part(
        &self,
        upload: &UploadMeta,
        number: i32,
        received: Received,
    ) -> Result<Meta, StoreError> {
        let Received {
            mut file,
            size,
            digest,
        } = received;
        let meta = Meta {
            key: upload.key.clone(),
            size,
            etag: hex(&digest.md5),
            modified_ms: now_ms(),
            headers: StoredHeaders::default(),
            checksums: digest.sums,
            checksum_kind: None,
            upload_id: Some(upload.id.clone()),
        };
        blob::seal(file.as_file_mut(), &meta)?;
        self.sync(file.as_file())?;
        let dir = self.upload_dir(&upload.id)?;
        file.persist(part_path(&dir, number))
            .map_err(|error| match error.error.kind() {
                // Aborted while the part was on its way.
                std::io::ErrorKind::NotFound => StoreError::NoSuchUpload,
                _ => StoreError::from(error.error),
            })?;
        self.sync_dir(&dir)?;
        Ok(meta)
    }

    /// The parts that were received, in the order of their numbers.
    pub(super) fn parts(&self, upload: &UploadMeta) -> Result<Vec<(i32, Meta)>, StoreError> {
        let mut parts = Vec::new();
        for path in entries(&self.upload_dir(&upload.id)?)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let Some(number) = name
                .strip_prefix("part-")
                .and_then(|number| number.parse().ok())
            else {
                continue;
            };
            if let Some((_, meta)) = blob::open(&path)? {
                parts.push((number, meta));
            }
        }
        parts.sort_by_key(|(number, _)| *number);
        Ok(parts)
    }

    /// Makes the object out of the listed parts. Repeating it after it succeeded gives the same
    /// answer, so a client that lost the answer may ask again.
    pub(super) fn complete(
        &self,
        scratch: &Path,
        id: &str,
        key: &str,
        completion: &Completion,
    ) -> Result<Meta, StoreError> {
        let upload = match self.upload(id, key) {
            Err(StoreError::NoSuchUpload) => return self.completed_before(id, key),
            upload => upload?,
        };
        let dir = self.upload_dir(id)?;
        let parts = claimed_parts(&dir, completion)?;
        let mut digest_bytes = Vec::with_capacity(parts.len() * 16);
        for (_, meta) in &parts {
            digest_bytes.extend(unhex(&meta.etag).ok_or(StoreError::Damaged("a part's ETag"))?);
        }
        let etag = format!("{}-{}", hex(&md5(&digest_bytes)), parts.len());
        let (file, digest) = join_parts(scratch, &upload, &parts)?;
        let checksums = object_checksums(&upload, &parts, &digest)?;
        if !checksums.agree_with(&completion.checksums) {
            return Err(StoreError::BadDigest);
        }
        let meta = Meta {
            key: upload.key.clone(),
            size: parts.iter().map(|(_, meta)| meta.size).sum(),
            etag,
            modified_ms: now_ms(),
            headers: upload.headers.clone(),
            checksums,
            checksum_kind: upload.kind,
            upload_id: Some(upload.id.clone()),
        };
        self.publish(file, &meta, &completion.condition)?;
        // The object is there; a crash before this line leaves an upload that can be completed
        // again or aborted.
        self.remove_upload(id)?;
        Ok(meta)
    }

    /// Forgets an upload and its parts.
    pub(super) fn abort(&self, id: &str, key: &str) -> Result<(), StoreError> {
        self.upload(id, key)?;
        self.remove_upload(id)
    }

    /// All uploads under way, ordered by key, then by time and id.
    pub(super) fn uploads(&self) -> Result<Vec<UploadMeta>, StoreError> {
        let mut found = Vec::new();
        for dir in entries(&self.uploads_dir())? {
            found.extend(read_upload(&dir)?);
        }
        found.sort_by(|a, b| (&a.key, a.initiated_ms, &a.id).cmp(&(&b.key, b.initiated_ms, &b.id)));
        Ok(found)
    }

    /// Removes uploads without a description: their creation or removal was cut short.
    pub(super) fn sweep_uploads(&self) -> Result<(), StoreError> {
        for dir in entries(&self.uploads_dir())? {
            if !dir.join("upload.json").exists() {
                fs::remove_dir_all(&dir)?;
            }
        }
        Ok(())
    }

    fn completed_before(&self, id: &str, key: &str) -> Result<Meta, StoreError> {
        match self.open(key) {
            Ok((_, meta)) if meta.upload_id.as_deref() == Some(id) => Ok(meta),
            Ok(_) | Err(StoreError::NoSuchKey) => Err(StoreError::NoSuchUpload),
            Err(error) => Err(error),
        }
    }

    fn remove_upload(&self, id: &str) -> Result<(), StoreError> {
        let dir = self.upload_dir(id)?;
        // First the description: without it the upload is gone, and the rest can be swept later.
        match fs::remove_file(dir.join("upload.json")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn upload_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        // The id comes from the client and becomes a path.
        let is_ours = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_ours {
            Ok(self.uploads_dir().join(id))
        } else {
            Err(StoreError::NoSuchUpload)
        }
    }
}

fn read_upload(dir: &Path) -> Result<Option<UploadMeta>, StoreError> {
    match fs::read(dir.join("upload.json")) {
        Ok(json) => serde_json::from_slice(&json)
            .map(Some)
            .map_err(|_| StoreError::Damaged("an upload's description")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn part_path(dir: &Path, number: i32) -> PathBuf {
    dir.join(format!("part-{number:05}"))
}

/// The parts the client lists, each checked against what it says about it. Paths rather than open
/// files: ten thousand of those would exceed the usual limit.
fn claimed_parts(dir: &Path, completion: &Completion) -> Result<Vec<(PathBuf, Meta)>, StoreError> {
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
        let path = part_path(dir, number);
        let (_, meta) = blob::open(&path)?.ok_or(StoreError::InvalidPart(number))?;
        let etag_agrees = claimed.etag.as_ref() == Some(&meta.etag);
        if !etag_agrees || !meta.checksums.agree_with(&claimed.checksums) {
            return Err(StoreError::InvalidPart(number));
        }
        if position != last && meta.size < MIN_PART {
            return Err(StoreError::PartTooSmall(number));
        }
        size += meta.size;
        parts.push((path, meta));
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
fn join_parts(
    scratch: &Path,
    upload: &UploadMeta,
    parts: &[(PathBuf, Meta)],
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
    for (path, meta) in parts {
        let mut source = File::open(path)?.take(meta.size);
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
    parts: &[(PathBuf, Meta)],
    digest: &Option<Digest>,
) -> Result<Checksums, StoreError> {
    let mut checksums = Checksums::default();
    let Some(algorithm) = upload.algorithm else {
        return Ok(checksums);
    };
    if let Some(digest) = digest {
        return Ok(digest.sums.clone());
    }
    let sums: Option<Vec<String>> = parts
        .iter()
        .map(|(_, meta)| meta.checksums.get(algorithm))
        .collect();
    let sums = sums.ok_or(StoreError::Damaged("a part without its checksum"))?;
    checksums.set(algorithm, composite(algorithm, &sums));
    Ok(checksums)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
