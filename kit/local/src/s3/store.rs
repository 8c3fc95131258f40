//! The store: buckets under one directory that belongs to one process.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::bucket::{Bucket, entries};
use super::error::StoreError;
use crate::{DataDir, LocalError};

/// How a store keeps its objects.
#[derive(Debug, Clone)]
pub struct S3StoreOptions {
    /// False acknowledges before the disk has the bytes: for tests only.
    pub durable: bool,
}

impl Default for S3StoreOptions {
    fn default() -> Self {
        Self { durable: true }
    }
}

/// Buckets and objects in a directory. What was acknowledged survives a crash of the process and,
/// when durable, of the machine; what was not leaves nothing behind after the next start.
#[derive(Debug, Clone)]
pub struct S3Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: DataDir,
    durable: bool,
    buckets: RwLock<HashMap<String, Arc<Bucket>>>,
}

impl S3Store {
    /// Opens the store in `dir` durably, creating it if needed, and sweeps what a crash left.
    ///
    /// # Errors
    /// [`LocalError::DataDirInUse`] when another process has it open, [`LocalError::DiskFull`], or
    /// [`LocalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, LocalError> {
        Self::open_with(dir, S3StoreOptions::default())
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(dir: &Path, options: S3StoreOptions) -> Result<Self, LocalError> {
        let root = DataDir::lock(dir)?;
        let scratch = root.path().join("tmp");
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LocalError::io("cannot sweep", scratch)(error));
            }
            _ => {}
        }
        let buckets_dir = root.path().join("buckets");
        for dir in [&scratch, &buckets_dir] {
            fs::create_dir_all(dir).map_err(LocalError::io("cannot create", dir))?;
        }
        let mut buckets = HashMap::new();
        for path in entries(&buckets_dir).map_err(|error| sweep_failed(&buckets_dir, &error))? {
            let bucket = Bucket::new(path.clone(), options.durable);
            bucket
                .sweep_uploads()
                .map_err(|error| sweep_failed(&path, &error))?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            buckets.insert(name, Arc::new(bucket));
        }
        let shared = Shared {
            root,
            durable: options.durable,
            buckets: RwLock::new(buckets),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        self.shared.root.path()
    }

    /// Makes sure a bucket exists. Blocking, but short.
    ///
    /// # Errors
    /// [`LocalError::Io`] when the directory cannot be made.
    pub fn ensure_bucket(&self, name: &str) -> Result<(), LocalError> {
        match self.create_bucket(name) {
            Ok(()) | Err(StoreError::BucketExists) => Ok(()),
            Err(error) => Err(sweep_failed(&self.bucket_dir(name), &error)),
        }
    }

    /// The bucket `name`.
    pub(super) fn bucket(&self, name: &str) -> Result<Arc<Bucket>, StoreError> {
        let buckets = self
            .shared
            .buckets
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned().ok_or(StoreError::NoSuchBucket)
    }

    /// The names of all buckets and their directories, sorted.
    pub(super) fn buckets(&self) -> Vec<(String, PathBuf)> {
        let buckets = self
            .shared
            .buckets
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = buckets
            .keys()
            .map(|name| (name.clone(), self.bucket_dir(name)))
            .collect();
        names.sort();
        names
    }

    /// Creates a bucket. The caller has checked that the name is a valid bucket name, which is
    /// also a safe file name.
    pub(super) fn create_bucket(&self, name: &str) -> Result<(), StoreError> {
        let is_safe = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
            && !name.starts_with('.');
        if !is_safe {
            return Err(StoreError::InvalidRequest("not a bucket name"));
        }
        let mut buckets = self
            .shared
            .buckets
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Err(StoreError::BucketExists);
        }
        let dir = self.bucket_dir(name);
        fs::create_dir_all(dir.join("objects"))?;
        fs::create_dir_all(dir.join("uploads"))?;
        let bucket = Bucket::new(dir.clone(), self.shared.durable);
        bucket.sync_dir(&dir)?;
        bucket.sync_dir(dir.parent().unwrap_or(&dir))?;
        buckets.insert(name.to_owned(), Arc::new(bucket));
        Ok(())
    }

    /// Removes an empty bucket.
    pub(super) fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let mut buckets = self
            .shared
            .buckets
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(name).ok_or(StoreError::NoSuchBucket)?;
        if !bucket.with_index(std::collections::BTreeMap::is_empty)?
            || !bucket.uploads()?.is_empty()
        {
            return Err(StoreError::BucketNotEmpty);
        }
        fs::remove_dir_all(self.bucket_dir(name))?;
        buckets.remove(name);
        Ok(())
    }

    /// Where bodies are received.
    pub(super) fn scratch(&self) -> PathBuf {
        self.shared.root.path().join("tmp")
    }

    fn bucket_dir(&self, name: &str) -> PathBuf {
        self.shared.root.path().join("buckets").join(name)
    }
}

fn sweep_failed(path: &Path, error: &StoreError) -> LocalError {
    LocalError::io("cannot prepare", path)(std::io::Error::other(error.to_string()))
}
