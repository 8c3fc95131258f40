//! Redis (or Valkey): connections for commands, for blocking reads and for pub/sub.
//!
//! There are three kinds of connection, with opposite requirements:
//!
//! * **Commands** share one multiplexed connection that reconnects by itself and bounds every
//!   answer in time ([`Redis::query`], [`Redis::pipeline`], [`Redis::commands`]).
//! * **Blocking reads** (`XREAD BLOCK`, `XREADGROUP BLOCK`) need a connection of their own without
//!   that bound, or every quiet second would look like a failure ([`Redis::blocking`]).
//! * **Pub/sub** uses one connection per process that subscribes again after a loss and says that
//!   messages may have been missed ([`Redis::subscribe`]).
//!
//! Redis holds only what can be rebuilt, so callers treat [`RedisError`] as "slower now", not as
//! a reason to fail a mutation. All keys and channels carry one prefix, so that several
//! installations (and parallel tests) can share a server.

mod pubsub;

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline};

pub use pubsub::{Signal, Subscription};
pub use redis::{RedisError, cmd, pipe};

/// Longest wait for a TCP (and TLS, and AUTH) handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the answer to one ordinary command.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an operation keeps trying while the server restarts.
const RETRY_WINDOW: Duration = Duration::from_millis(1500);
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How to reach Redis.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://`, `rediss://` or `unix://` URL; may carry user and password.
    pub url: String,
    /// First part of every key and channel, without the colon.
    pub prefix: String,
}

impl RedisConfig {
    /// A configuration with the default prefix `atelier`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "atelier".to_owned(),
        }
    }

    /// Replaces the key prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl std::fmt::Debug for RedisConfig {
    /// The URL may carry a password, so it is never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A handle on one Redis server; cheap to clone. It survives restarts of the server.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    commands: ConnectionManager,
    prefix: String,
    pubsub: pubsub::Dispatcher,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Connects with the default prefix.
    ///
    /// # Errors
    /// A malformed URL, a refused login, or no server within about two seconds.
    pub async fn connect(url: &str) -> Result<Self, RedisError> {
        Self::connect_with(RedisConfig::new(url)).await
    }

    /// Connects as configured and proves the connection with a `PING`.
    ///
    /// # Errors
    /// A malformed URL, a refused login, or no server within about two seconds.
    pub async fn connect_with(config: RedisConfig) -> Result<Self, RedisError> {
        let redis = Self::lazy(config)?;
        redis.ping().await?;
        Ok(redis)
    }

    /// A handle that connects on first use, for callers that must start while Redis is down.
    ///
    /// Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// A malformed URL.
    pub fn lazy(config: RedisConfig) -> Result<Self, RedisError> {
        let client = Client::open(config.url.as_str())?;
        let manager = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            // Waiting is left to `retry`, which knows how long a caller may wait.
            .set_number_of_retries(0)
            .set_pipeline_buffer_size(1024);
        let commands = ConnectionManager::new_lazy_with_config(client.clone(), manager)?;
        let pubsub = pubsub::Dispatcher::new(client.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                commands,
                prefix: config.prefix,
                pubsub,
            }),
        })
    }

    /// The key `<prefix>:<rest>`.
    pub fn key(&self, rest: impl std::fmt::Display) -> String {
        format!("{}:{rest}", self.inner.prefix)
    }

    /// The key prefix, without the colon.
    pub fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// The shared command connection, for typed commands of the `redis` crate
    /// (`redis::AsyncCommands`). Keys are *not* prefixed here: use [`Redis::key`].
    pub fn commands(&self) -> ConnectionManager {
        self.inner.commands.clone()
    }

    /// A new connection of its own without a response timeout, for blocking reads.
    ///
    /// The caller bounds each read from outside (block time plus a margin), so that a half-open
    /// connection is noticed.
    ///
    /// # Errors
    /// No connection within two seconds, or a refused login.
    pub async fn blocking(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        self.inner
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Runs one command; while the connection is being re-established it is sent again for up to
    /// 1.5 s, so it must be harmless to run twice.
    ///
    /// # Errors
    /// Whatever the server answers, or the last connection error.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.retry(|mut connection| async move { command.query_async(&mut connection).await })
            .await
    }

    /// Runs a pipeline with the retries of [`Redis::query`].
    ///
    /// # Errors
    /// Whatever the server answers, or the last connection error.
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        self.retry(|mut connection| async move { pipeline.query_async(&mut connection).await })
            .await
    }

    /// Runs one command once, without any retry: for callers that have a fallback at hand.
    ///
    /// # Errors
    /// Whatever the server answers, or a connection error.
    pub async fn query_once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        command.query_async(&mut self.commands()).await
    }

    /// Pings the server and returns how long it took.
    ///
    /// # Errors
    /// The connection error.
    pub async fn ping(&self) -> Result<Duration, RedisError> {
        let started = Instant::now();
        self.query::<()>(&redis::cmd("PING")).await?;
        Ok(started.elapsed())
    }

    /// Publishes to the channel `<prefix>:<channel>`; returns how many connections received the
    /// message.
    ///
    /// # Errors
    /// The connection error; the message may then have been published or not.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<u64, RedisError> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.key(channel)).arg(payload);
        self.query(&command).await
    }

    /// Listens on the channel `<prefix>:<channel>` for as long as the subscription is kept.
    ///
    /// All subscriptions of a process share one connection. The first item is
    /// [`Signal::Subscribed`]; after [`Signal::Lost`] the same item comes again.
    pub fn subscribe(&self, channel: &str) -> Subscription {
        self.inner.pubsub.subscribe(self.key(channel))
    }

    async fn retry<T, F, R>(&self, run: R) -> Result<T, RedisError>
    where
        R: Fn(ConnectionManager) -> F,
        F: Future<Output = Result<T, RedisError>>,
    {
        let give_up = Instant::now() + RETRY_WINDOW;
        loop {
            match run(self.commands()).await {
                Err(error) if is_outage(&error) && Instant::now() < give_up => {
                    tracing::debug!(error = %error, "redis connection lost, trying again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                done => return done,
            }
        }
    }
}

/// Whether the server could not be reached, as opposed to refusing a command.
pub(crate) fn is_outage(error: &RedisError) -> bool {
    use redis::{ErrorKind, ServerErrorKind};
    error.is_connection_dropped()
        || error.is_connection_refusal()
        || error.is_timeout()
        || error.is_io_error()
        || matches!(
            error.kind(),
            // A restarting server refuses commands until its data is read back.
            ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain)
        )
}
