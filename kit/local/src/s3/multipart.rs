//! Multipart uploads: a directory each, with a file per part, until completed or aborted.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::assemble::{Completion, assemble};
use super::blob::{self, ChecksumKind, Meta, StoredHeaders, UploadMeta, now_ms};
use super::bucket::{Bucket, entries};
use super::checksum::Algorithm;
use super::error::StoreError;
use super::receive::Received;

/// The most parts, as in S3.
pub(super) const MAX_PARTS: i32 = 10_000;

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
            etag: hex::encode(digest.md5),
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
        if !dir.join("upload.json").exists() {
            // Aborted or completed just now: whoever did it may have missed this part.
            return match fs::remove_file(part_path(&dir, number)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Err(StoreError::NoSuchUpload),
            };
        }
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
        let assembled = assemble(
            scratch,
            &upload,
            |number| part_path(&dir, number),
            completion,
        );
        let (file, meta) = match assembled {
            Ok(assembled) => assembled,
            // Another request may have completed it in the meantime and taken the parts away.
            Err(error) => match self.upload(id, key) {
                Err(StoreError::NoSuchUpload) => return self.completed_before(id, key),
                _ => return Err(error),
            },
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
            // A part that arrived meanwhile; the next start sweeps it.
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
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
