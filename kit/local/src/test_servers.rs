//! Real servers for tests, shared by as many tests as possible.
//!
//! `cargo nextest` runs every test in a process of its own, so the servers of a run are started
//! once by a setup script (`atelier-test-servers`), which hands them over in the environment.
//! Under plain `cargo test` there is no script: each test binary starts its own, once.

use std::path::{Path, PathBuf};

use tokio::sync::{OnceCell, oneshot};

use crate::{
    LocalError, PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, S3Credentials,
    S3Server, S3Store, S3StoreOptions, process,
};

/// How the directories of test servers begin; the process id of their owner follows.
const DIR_PREFIX: &str = "atelier-test-";

/// Where the servers for tests are.
#[derive(Clone)]
pub struct TestServers {
    /// PostgreSQL as superuser, database `postgres`.
    pub database_url: String,
    /// Redis, empty when the run began.
    pub redis_url: String,
    /// The base URL of the S3 store, which has no buckets when the run begins.
    pub s3_endpoint: String,
    /// The public half of the key pair.
    pub s3_access_key: String,
    /// The secret half of the key pair.
    pub s3_secret_key: String,
    /// The region to sign for.
    pub s3_region: String,
}

impl std::fmt::Debug for TestServers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URLs hold passwords.
        formatter
            .debug_struct("TestServers")
            .field("s3_endpoint", &self.s3_endpoint)
            .finish_non_exhaustive()
    }
}

impl TestServers {
    /// The environment variables that hand the servers to another process.
    pub fn to_env(&self) -> [(&'static str, &str); 6] {
        [
            ("ATELIER_TEST_DATABASE_URL", &self.database_url),
            ("ATELIER_TEST_REDIS_URL", &self.redis_url),
            ("ATELIER_TEST_S3_ENDPOINT", &self.s3_endpoint),
            ("ATELIER_TEST_S3_ACCESS_KEY", &self.s3_access_key),
            ("ATELIER_TEST_S3_SECRET_KEY", &self.s3_secret_key),
            ("ATELIER_TEST_S3_REGION", &self.s3_region),
        ]
    }

    /// The servers another process handed over; `None` unless every variable is set.
    pub fn from_env() -> Option<Self> {
        let get = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            database_url: get("ATELIER_TEST_DATABASE_URL")?,
            redis_url: get("ATELIER_TEST_REDIS_URL")?,
            s3_endpoint: get("ATELIER_TEST_S3_ENDPOINT")?,
            s3_access_key: get("ATELIER_TEST_S3_ACCESS_KEY")?,
            s3_secret_key: get("ATELIER_TEST_S3_SECRET_KEY")?,
            s3_region: get("ATELIER_TEST_S3_REGION")?,
        })
    }
}

/// The servers for this process's tests: those of the run, or else its own, started by the first
/// call and gone with the process.
///
/// # Panics
/// When they cannot be started: without them no test can say anything.
#[expect(
    clippy::panic,
    reason = "a test without its servers has failed; the message says what to do"
)]
pub async fn test_servers() -> &'static TestServers {
    static SERVERS: OnceCell<TestServers> = OnceCell::const_new();
    SERVERS
        .get_or_init(|| async {
            if let Some(servers) = TestServers::from_env() {
                return servers;
            }
            match start_on_own_thread().await {
                Ok(servers) => servers,
                Err(error) => panic!("the test servers cannot be started: {error}"),
            }
        })
        .await
}

/// Runs the servers on a runtime of their own: a test's runtime ends with the test.
async fn start_on_own_thread() -> Result<TestServers, LocalError> {
    let (report, started) = oneshot::channel();
    let run = move || {
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                let failed =
                    LocalError::io("cannot start a runtime in", std::env::temp_dir())(error);
                let _ = report.send(Err(failed));
                return;
            }
        };
        runtime.block_on(async {
            match RunningTestServers::start().await {
                Ok(running) => {
                    let _ = report.send(Ok(running.servers().clone()));
                    // For as long as the process lives; PostgreSQL and Redis end with it.
                    std::future::pending::<()>().await;
                    running.stop().await;
                }
                Err(error) => {
                    let _ = report.send(Err(error));
                }
            }
        });
    };
    let thread = std::thread::Builder::new().name("test-servers".to_owned());
    thread.spawn(run).map_err(LocalError::io(
        "cannot start a thread in",
        std::env::temp_dir(),
    ))?;
    started.await.unwrap_or_else(|_| {
        Err(LocalError::io("the thread ended in", std::env::temp_dir())(
            std::io::Error::other("no report"),
        ))
    })
}

/// Test servers that this process runs.
#[derive(Debug)]
pub struct RunningTestServers {
    dir: PathBuf,
    postgres: PrivatePostgres,
    redis: PrivateRedis,
    s3: S3Server,
    servers: TestServers,
}

impl RunningTestServers {
    /// Starts all three in a new temporary directory, in the mode that is fast and not durable.
    ///
    /// # Errors
    /// Whatever keeps a server from starting.
    pub async fn start() -> Result<Self, LocalError> {
        let base = std::env::temp_dir();
        sweep(&base);
        let dir = base.join(format!("{DIR_PREFIX}{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(LocalError::io("cannot create", &dir))?;
        let postgres_options = PostgresOptions {
            durable: false,
            max_connections: 400,
            ..Default::default()
        };
        let redis_options = RedisOptions {
            append_only: false,
            ..Default::default()
        };
        let (postgres_dir, redis_dir) = (dir.join("postgres"), dir.join("redis"));
        let (postgres, redis) = tokio::try_join!(
            PrivatePostgres::start(&postgres_dir, postgres_options),
            PrivateRedis::start(&redis_dir, redis_options),
        )?;
        let store = S3Store::open_with(&dir.join("s3"), S3StoreOptions { durable: false })?;
        let s3 = S3Server::start_on_free_port(store, S3Credentials::generate()).await?;
        let servers = TestServers {
            database_url: postgres.url(),
            redis_url: redis.url(),
            s3_endpoint: s3.endpoint(),
            s3_access_key: s3.credentials().access_key.clone(),
            s3_secret_key: s3.credentials().secret_key.clone(),
            s3_region: s3.region().to_owned(),
        };
        Ok(Self {
            dir,
            postgres,
            redis,
            s3,
            servers,
        })
    }

    /// Where they are.
    pub fn servers(&self) -> &TestServers {
        &self.servers
    }

    /// Stops them and removes their directory.
    pub async fn stop(self) {
        let database = self.postgres.data_dir().to_owned();
        tokio::join!(self.postgres.stop(), self.redis.stop(), self.s3.stop());
        for dir in [&self.dir, &database] {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

/// Removes the directories of test servers whose process is gone.
fn sweep(base: &Path) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(DIR_PREFIX)?.parse::<u32>().ok());
        if owner.is_some_and(|owner| process::command_line(owner).is_none()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
