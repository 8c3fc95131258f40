//! PostgreSQL: a pool per domain, its clock, migrations, and statement counts for tests.

mod clock;
mod migrate;
mod observe;
mod prepared;
mod server;

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Hook, HookError, Object, Pool},
    },
};
use futures::FutureExt;
use tokio::sync::Notify;

pub use clock::DatabaseClock;
pub use migrate::{migrate, pending};
pub use prepared::{Bound, Prepared, prepared};

use crate::{
    clock::Clock,
    error::{Error, ErrorCode},
};
use server::Server;

/// A connection to PostgreSQL.
pub type Connection = AsyncPgConnection;

/// How a domain reaches its database.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// The URL: `postgres://user:password@host:port/database`. Of several hosts
    /// (`host:port,host:port`), the first one that accepts writes is used.
    pub url: String,
    /// The most connections.
    pub max_connections: usize,
    /// How long a caller waits for a free connection.
    pub wait: Duration,
    /// The age at which a connection is replaced, so that changes of addresses and of load
    /// balancing take effect.
    pub lifetime: Duration,
    /// The clock that measures the time between readings of the database's clock; tests set it
    /// wrong.
    pub counter: Arc<dyn Clock>,
}

impl DatabaseConfig {
    /// Returns the defaults: 16 connections that live for ten minutes, and 5 seconds of waiting.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            wait: Duration::from_secs(5),
            lifetime: Duration::from_secs(600),
            counter: Arc::new(clock::SteadyClock),
        }
    }
}

impl fmt::Debug for DatabaseConfig {
    /// Omits the URL, which holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("max_connections", &self.max_connections)
            .field("wait", &self.wait)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A domain's database.
#[derive(Clone)]
pub struct Database {
    pool: Pool<Connection>,
    server: Arc<Server>,
    written: Arc<Notify>,
}

impl Database {
    /// Prepares the pool, which connects on first use.
    ///
    /// # Errors
    /// `INTERNAL` if the configuration is invalid.
    pub fn new(config: &DatabaseConfig) -> Result<Self, Error> {
        let clock = DatabaseClock::new(Arc::clone(&config.counter));
        let server = Arc::new(Server::new(server::address(&config.url)?, clock));
        let mut manager = ManagerConfig::default();
        // Connections are checked below, when they need it.
        manager.recycling_method = RecyclingMethod::Fast;
        let of = Arc::clone(&server);
        manager.custom_setup = Box::new(move |_| {
            let server = Arc::clone(&of);
            async move { server.connect().await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), manager);
        let pool = Pool::builder(manager)
            .max_size(config.max_connections)
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(config.wait))
            .recycle_timeout(Some(config.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .pre_recycle(recycling(Arc::clone(&server), config.lifetime))
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            pool,
            server,
            written: Arc::new(Notify::new()),
        })
    }

    /// Returns a connection for any purpose.
    pub(crate) async fn connection(&self) -> Result<Object<Connection>, Error> {
        self.read().await
    }

    /// Wakes the outbox relay.
    pub(crate) fn wake_relay(&self) {
        self.written.notify_one();
    }

    /// Returns a connection for reading.
    ///
    /// # Errors
    /// `UNAVAILABLE` if no connection is available in time.
    pub async fn read(&self) -> Result<Object<Connection>, Error> {
        self.pool
            .get()
            .await
            .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))
    }

    /// Returns a connection for writing. The outbox relay is woken when it is given back.
    ///
    /// # Errors
    /// `UNAVAILABLE` if no connection is available in time.
    pub async fn write(&self) -> Result<WriteConnection, Error> {
        let connection = self.read().await?;
        Ok(WriteConnection {
            connection,
            written: Arc::clone(&self.written),
        })
    }

    /// Completes once a connection for writing has been given back since the last call.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// Returns the database's clock, which leases, schedules and expiries go by, whatever the
    /// machine's clock says. It is known once a connection has been made; [`Database::ping`] makes
    /// one.
    pub fn clock(&self) -> DatabaseClock {
        self.server.clock().clone()
    }

    /// Returns the number of statements so far, for tests that assert that there is no N+1 problem.
    pub fn statements(&self) -> u64 {
        self.server.statements()
    }

    /// Checks that the database answers and accepts writes.
    ///
    /// # Errors
    /// `UNAVAILABLE` if it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.read().await?;
        let looked = self.server.look(&mut connection).await;
        looked.map_err(|problem| {
            // The connection is not given back, so the next caller gets another one.
            drop(Object::take(connection));
            Error::caused(ErrorCode::Unavailable, problem)
        })
    }

    /// Closes every connection; callers get `UNAVAILABLE` from then on.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// Decides whether a connection may be handed out again.
fn recycling(server: Arc<Server>, lifetime: Duration) -> Hook<Connection> {
    Hook::async_fn(move |connection: &mut Connection, metrics| {
        let server = Arc::clone(&server);
        let age = metrics.age();
        let used = metrics.recycled.unwrap_or(metrics.created);
        async move {
            if age > lifetime {
                return Err(HookError::message("the connection is old"));
            }
            if server.trusts(used) {
                return Ok(());
            }
            server.look(connection).await.map_err(HookError::message)
        }
        .boxed()
    })
}

/// A connection that wakes the outbox relay when it is given back.
pub struct WriteConnection {
    connection: Object<Connection>,
    written: Arc<Notify>,
}

impl Deref for WriteConnection {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for WriteConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for WriteConnection {
    fn drop(&mut self) {
        self.written.notify_one();
    }
}
