//! Object storage (S3 and compatible stores): bytes go straight between clients and the store.
//!
//! The API hands out presigned requests ([`Storage::presign_put`], [`Storage::presign_get`], …),
//! built with the *public* endpoint; the server's own reads and writes use the internal one.
//! Nothing here holds a whole object in memory unless the caller set a limit for it.

mod client;
mod error;
mod multipart;
mod object;
mod presign;
mod wire;

pub use error::StorageError;
pub use multipart::{CompletedPart, Part, PartChecksum, PendingUpload};
pub use object::ObjectInfo;
pub use presign::{Disposition, GetOptions, PutOptions, SignedRequest};

use aws_sdk_s3::Client;

/// How to reach the store.
#[derive(Clone)]
pub struct StorageConfig {
    /// Base URL this process uses, such as `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// Base URL clients use, which presigned requests carry.
    pub public_endpoint: String,
    /// Region that signatures name; most self-hosted stores take any, such as `us-east-1`.
    pub region: String,
    /// The one bucket that is used.
    pub bucket: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key; never printed.
    pub secret_key: String,
    /// `http://host/bucket/key` instead of `http://bucket.host/key`.
    pub path_style: bool,
}

impl std::fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageConfig")
            .field("endpoint", &self.endpoint)
            .field("public_endpoint", &self.public_endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("path_style", &self.path_style)
            .finish_non_exhaustive()
    }
}

/// A bucket; cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    /// For this process.
    internal: Client,
    /// Signs for clients; sends nothing.
    public: Client,
    bucket: String,
}

impl Storage {
    /// Creates a client for the configured bucket; nothing is sent yet.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] when an endpoint is not an `http://` or `https://` URL.
    pub fn new(config: &StorageConfig) -> Result<Self, StorageError> {
        Ok(Self {
            internal: client::build(config, &config.endpoint)?,
            public: client::build(config, &config.public_endpoint)?,
            bucket: config.bucket.clone(),
        })
    }

    /// Returns the bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}
