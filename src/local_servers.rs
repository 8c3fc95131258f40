//! The servers that `atelier up` starts by itself, for those that no variable names.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use atelier_kit::{clock::random_bytes, secret::Secret};
use atelier_local::{
    DataDir, LocalError, PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions,
    S3Credentials, S3Server, S3Store, check_disk_space,
};
use atelier_storage::StorageConfig;

use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    settings::{Databases, Secrets, Servers, storage_from_env, variable},
};

/// Private servers; they end when this is stopped, and with the process in any case.
#[derive(Default)]
pub struct LocalServers {
    postgres: Option<PrivatePostgres>,
    redis: Option<PrivateRedis>,
    storage: Option<S3Server>,
}

/// The bucket of a private object store.
const BUCKET: &str = "atelier";
/// Pause before a server that does not start is tried again.
const PAUSE: Duration = Duration::from_secs(1);

impl LocalServers {
    /// Starts what is not named by `ATELIER_DATABASE_URL`, `ATELIER_REDIS_URL`, `ATELIER_S3_ENDPOINT`.
    ///
    /// # Errors
    /// Says what is missing or in the way, and what to do.
    pub async fn start(data: &DataDir, config: Config) -> anyhow::Result<(Self, Servers)> {
        let path = data.path();
        check_disk_space(path)?;
        let secret = Secret::new(match variable("ATELIER_SECRET")? {
            Some(secret) => secret.into_bytes(),
            None => remembered_secret(&path.join("secret"))?,
        })?;
        let (database_url, redis_url, storage) = (
            variable("ATELIER_DATABASE_URL")?,
            variable("ATELIER_REDIS_URL")?,
            storage_from_env()?,
        );
        let mut local = Self::default();
        let (postgres, redis, s3) = tokio::try_join!(
            async {
                match database_url {
                    Some(_) => anyhow::Ok(None),
                    None => Ok(Some(
                        PrivatePostgres::start(&path.join("postgres"), PostgresOptions::default())
                            .await?,
                    )),
                }
            },
            async {
                match redis_url {
                    Some(_) => anyhow::Ok(None),
                    None => Ok(Some(
                        PrivateRedis::start(&path.join("redis"), RedisOptions::default()).await?,
                    )),
                }
            },
            async {
                match storage {
                    Some(_) => anyhow::Ok(None),
                    None => Ok(Some(start_storage(&path.join("s3")).await?)),
                }
            },
        )?;
        let servers = Servers {
            databases: Databases {
                url: database_url
                    .or_else(|| postgres.as_ref().map(PrivatePostgres::url))
                    .unwrap_or_default(),
            },
            redis: crate::settings::redis(
                redis_url
                    .or_else(|| redis.as_ref().map(PrivateRedis::url))
                    .unwrap_or_default(),
            )?,
            storage: storage
                .or_else(|| s3.as_ref().map(storage_config))
                .context("no object store")?,
            secrets: Secrets::common(secret),
            external_queues: crate::settings::external_queues()?,
            config: Arc::new(config),
        };
        (local.postgres, local.redis, local.storage) = (postgres, redis, s3);
        Ok((local, servers))
    }

    /// Brings a private server that died back, on the same port, until `stop`; then stops them all,
    /// the object store first.
    pub async fn supervise(self, stop: CancellationToken) {
        let Self {
            postgres,
            redis,
            storage,
        } = self;
        let postgres = async {
            let Some(mut server) = postgres else { return };
            while stop.run_until_cancelled(server.ended()).await.is_some() {
                tracing::error!(target: "atelier", log = %server.log().display(), "the private PostgreSQL died; starting it again");
                while let Err(error) = server.restart().await {
                    if !try_again(&error, &stop).await {
                        break;
                    }
                }
            }
            server.stop().await;
        };
        let redis = async {
            let Some(mut server) = redis else { return };
            while stop.run_until_cancelled(server.ended()).await.is_some() {
                tracing::error!(target: "atelier", log = %server.log().display(), "the private Redis died; starting it again");
                while let Err(error) = server.restart().await {
                    if !try_again(&error, &stop).await {
                        break;
                    }
                }
            }
            server.stop().await;
        };
        let storage = async {
            let Some(server) = storage else { return };
            stop.cancelled().await;
            server.stop().await;
        };
        tokio::join!(postgres, redis, storage);
    }
}

/// Tells that a server does not start, and waits a little; `false` once nobody needs it any more.
async fn try_again(error: &LocalError, stop: &CancellationToken) -> bool {
    tracing::error!(target: "atelier", %error, "a private server does not start");
    stop.run_until_cancelled(tokio::time::sleep(PAUSE))
        .await
        .is_some()
}

async fn start_storage(path: &Path) -> anyhow::Result<S3Server> {
    let store = S3Store::open(path)?;
    store.ensure_bucket(BUCKET)?;
    let credentials = S3Credentials::remembered(path)?;
    Ok(S3Server::start_on_remembered_port(store, credentials).await?)
}

fn storage_config(server: &S3Server) -> StorageConfig {
    StorageConfig {
        endpoint: server.endpoint(),
        public_endpoint: server.endpoint(),
        region: server.region().to_owned(),
        bucket: BUCKET.to_owned(),
        access_key: server.credentials().access_key.clone(),
        secret_key: server.credentials().secret_key.clone(),
        path_style: true,
    }
}

/// The secret of this data directory, made on first use and readable by its owner only.
fn remembered_secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(secret) => return Ok(secret),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause).with_context(|| format!("cannot read {}", path.display())),
    }
    let secret = hex::encode(random_bytes::<32>());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    Ok(secret.into_bytes())
}
