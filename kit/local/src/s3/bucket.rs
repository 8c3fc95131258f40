//! One bucket on the file system: objects by the hash of their key, so that keys of any length and
//! `a` beside `a/b` are no trouble.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3s::crypto::{Checksum as _, Sha256};
use tempfile::NamedTempFile;

use super::blob::{self, Meta};
use super::error::StoreError;

/// What a listing shows of an object.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_ms: u64,
}

/// A condition on what is stored under the key now.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteCondition {
    /// Only when nothing is there (`If-None-Match: *`).
    pub(super) absent: bool,
    /// Only when this ETag is there, without quotes (`If-Match`); `*` for any.
    pub(super) etag: Option<String>,
}

/// A bucket. Every method blocks on the file system.
#[derive(Debug)]
pub(super) struct Bucket {
    dir: PathBuf,
    durable: bool,
    /// Every object's key and listing entry, read from the files by the first listing. The lock
    /// also orders the commits, so that the index never disagrees with the files.
    index: Mutex<Option<BTreeMap<String, Listed>>>,
}

impl Bucket {
    /// The bucket in `dir`.
    pub(super) fn new(dir: PathBuf, durable: bool) -> Self {
        Self {
            dir,
            durable,
            index: Mutex::new(None),
        }
    }

    /// The directory of multipart uploads under way.
    pub(super) fn uploads_dir(&self) -> PathBuf {
        self.dir.join("uploads")
    }

    /// Opens an object.
    pub(super) fn open(&self, key: &str) -> Result<(File, Meta), StoreError> {
        let (file, meta) = blob::open(&self.object_path(key))?.ok_or(StoreError::NoSuchKey)?;
        // Two keys with one SHA-256 would be a first; a damaged file is likelier.
        if meta.key == key {
            Ok((file, meta))
        } else {
            Err(StoreError::Damaged("key differs"))
        }
    }

    /// Makes a received file the object `meta.key`: metadata, fsync, rename, fsync of the directory.
    pub(super) fn publish(
        &self,
        mut file: NamedTempFile,
        meta: &Meta,
        condition: &WriteCondition,
    ) -> Result<(), StoreError> {
        blob::seal(file.as_file_mut(), meta)?;
        self.sync(file.as_file())?;
        let path = self.object_path(&meta.key);
        let parent = path.parent().unwrap_or(&self.dir).to_owned();
        let parent_is_new = !parent.exists();
        fs::create_dir_all(&parent)?;
        let mut index = self.index();
        self.check(&meta.key, condition)?;
        file.persist(&path)
            .map_err(|error| StoreError::from(error.error))?;
        if let Some(index) = index.as_mut() {
            index.insert(meta.key.clone(), Listed::of(meta));
        }
        drop(index);
        self.sync_dir(&parent)?;
        if parent_is_new {
            self.sync_dir(&self.dir.join("objects"))
        } else {
            Ok(())
        }
    }

    /// Removes an object; removing what is not there is no error, as in S3.
    pub(super) fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.object_path(key);
        let mut index = self.index();
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Some(index) = index.as_mut() {
            index.remove(key);
        }
        drop(index);
        self.sync_dir(path.parent().unwrap_or(&self.dir))
    }

    /// Runs `read` over all objects in the order of their keys.
    pub(super) fn with_index<T>(
        &self,
        read: impl FnOnce(&BTreeMap<String, Listed>) -> T,
    ) -> Result<T, StoreError> {
        let mut index = self.index();
        if index.is_none() {
            *index = Some(self.scan()?);
        }
        Ok(read(index.get_or_insert_default()))
    }

    /// Flushes a file to the disk, where this store promises that.
    pub(super) fn sync(&self, file: &File) -> Result<(), StoreError> {
        if self.durable {
            file.sync_all()?;
        }
        Ok(())
    }

    /// Flushes a directory's entries.
    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), StoreError> {
        if self.durable {
            File::open(path)?.sync_all()?;
        }
        Ok(())
    }

    fn index(&self) -> MutexGuard<'_, Option<BTreeMap<String, Listed>>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, key: &str, condition: &WriteCondition) -> Result<(), StoreError> {
        if !condition.absent && condition.etag.is_none() {
            return Ok(());
        }
        let present = blob::open(&self.object_path(key))?.map(|(_, meta)| meta.etag);
        let etag_holds = match (&condition.etag, &present) {
            (None, _) => true,
            (Some(_), None) => return Err(StoreError::NoSuchKey),
            (Some(wanted), Some(present)) => wanted == "*" || wanted == present,
        };
        if etag_holds && !(condition.absent && present.is_some()) {
            Ok(())
        } else {
            Err(StoreError::PreconditionFailed)
        }
    }

    fn object_path(&self, key: &str) -> PathBuf {
        let name = hex::encode(Sha256::checksum(key.as_bytes()));
        // 256 directories keep each small enough for any file system.
        let shard = name.get(..2).unwrap_or("00").to_owned();
        self.dir.join("objects").join(shard).join(name)
    }

    fn scan(&self) -> Result<BTreeMap<String, Listed>, StoreError> {
        let mut found = BTreeMap::new();
        for shard in entries(&self.dir.join("objects"))? {
            for path in entries(&shard)? {
                match blob::open(&path) {
                    Ok(Some((_, meta))) => {
                        found.insert(meta.key.clone(), Listed::of(&meta));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, file = %path.display(), "s3 object left out of the listing")
                    }
                }
            }
        }
        Ok(found)
    }
}

impl Listed {
    fn of(meta: &Meta) -> Self {
        Self {
            size: meta.size,
            etag: meta.etag.clone(),
            modified_ms: meta.modified_ms,
        }
    }
}

/// The paths in a directory; none when it does not exist.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(dir) {
        Ok(found) => found.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
