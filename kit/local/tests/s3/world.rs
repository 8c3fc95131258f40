//! A store of its own for each test, and clients for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use atelier_local::{S3Credentials, S3Server, S3Store};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;

/// The bucket every test has.
pub const BUCKET: &str = "atelier";
/// The smallest part that may be followed by another.
pub const MIN_PART: usize = 5 * 1024 * 1024;

/// A running store in a directory that disappears with it.
pub struct World {
    pub dir: tempfile::TempDir,
    pub server: S3Server,
    pub s3: Client,
    pub http: reqwest::Client,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = serve(dir.path()).await;
        let s3 = client(&server, &server.credentials().secret_key.clone());
        Self {
            dir,
            server,
            s3,
            http: reqwest::Client::new(),
        }
    }

    /// Stops the server and starts another on the same directory.
    pub async fn restart(self) -> Self {
        let Self {
            dir,
            server,
            s3,
            http,
        } = self;
        let credentials = server.credentials().clone();
        server.stop().await;
        drop(s3);
        let store = S3Store::open(dir.path()).unwrap();
        let server = S3Server::start_on_free_port(store, credentials)
            .await
            .unwrap();
        let s3 = client(&server, &server.credentials().secret_key.clone());
        Self {
            dir,
            server,
            s3,
            http,
        }
    }

    pub async fn put(&self, key: &str, bytes: &[u8]) -> String {
        let put = self
            .s3
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(bytes.to_vec().into());
        put.send().await.unwrap().e_tag.unwrap()
    }

    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.s3.get_object().bucket(BUCKET).key(key).send().await {
            Ok(answer) => Some(answer.body.collect().await.unwrap().to_vec()),
            Err(error) => {
                assert_eq!(code(&error), "NoSuchKey");
                None
            }
        }
    }

    pub async fn start_upload(&self, key: &str) -> String {
        let upload = self
            .s3
            .create_multipart_upload()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap();
        upload.upload_id.unwrap()
    }

    pub async fn put_part(&self, key: &str, id: &str, number: i32, bytes: Vec<u8>) -> String {
        let part = self
            .s3
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(id)
            .part_number(number);
        part.body(bytes.into()).send().await.unwrap().e_tag.unwrap()
    }

    /// A presigned URL for a GET.
    pub async fn get_url(&self, key: &str) -> String {
        let presigned = self
            .s3
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .presigned(minute())
            .await;
        presigned.unwrap().uri().to_owned()
    }

    /// A presigned URL for a PUT.
    pub async fn put_url(&self, key: &str) -> String {
        let presigned = self
            .s3
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .presigned(minute())
            .await;
        presigned.unwrap().uri().to_owned()
    }

    /// A presigned URL for one part.
    pub async fn part_url(&self, key: &str, id: &str, number: i32) -> String {
        let part = self
            .s3
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(id)
            .part_number(number);
        part.presigned(minute()).await.unwrap().uri().to_owned()
    }

    /// Files anywhere under the store that are neither objects, parts, nor descriptions.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        files_under(&self.dir.path().join("tmp"))
    }
}

pub async fn serve(dir: &Path) -> S3Server {
    let store = S3Store::open(dir).unwrap();
    store.ensure_bucket(BUCKET).unwrap();
    S3Server::start_on_free_port(store, S3Credentials::generate())
        .await
        .unwrap()
}

pub fn client(server: &S3Server, secret: &str) -> Client {
    let credentials =
        Credentials::new(&server.credentials().access_key, secret, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(server.endpoint())
        .region(Region::new(server.region()))
        .force_path_style(true)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Client::from_conf(config)
}

/// Valid for a minute from now.
pub fn minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

/// Valid for a minute that ended an hour ago.
#[expect(clippy::disallowed_methods, reason = "the store goes by the real time")]
pub fn expired() -> PresigningConfig {
    PresigningConfig::builder()
        .start_time(SystemTime::now() - Duration::from_secs(3660))
        .expires_in(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// The S3 error code of a refusal.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("none").to_owned()
}

/// The S3 error code in the body of a refusal.
pub async fn code_in(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    let code = body
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    (
        status,
        code.map_or(body.clone(), |(code, _)| code.to_owned()),
    )
}

/// Bytes that differ from position to position and from seed to seed.
pub fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed)
        .collect()
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_under(&entry.path()))
        } else {
            found.push(entry.path())
        }
    }
    found
}
