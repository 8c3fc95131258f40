//! PostgreSQL: one pool per domain, migrations, and statement counts for tests.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::migration::{Migration, MigrationSource};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Hook, HookError, Object, Pool},
    },
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use futures::FutureExt;
use tokio::sync::Notify;
use tracing::Span;

use crate::error::{Error, ErrorCode};

/// A connection to PostgreSQL.
pub type Connection = AsyncPgConnection;

/// How a domain reaches its database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// The most connections.
    pub max_connections: usize,
    /// How long a caller waits for a free connection.
    pub wait: Duration,
}

impl DatabaseConfig {
    /// 16 connections, 5 seconds of waiting.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            wait: Duration::from_secs(5),
        }
    }
}

/// A domain's database.
#[derive(Clone)]
pub struct Database {
    pool: Pool<Connection>,
    statements: Arc<AtomicU64>,
    written: Arc<Notify>,
}

/// A connection unused for this long is checked before it is handed out; one in steady use is not,
/// which is worth half the throughput of small queries.
const CHECK_AFTER: Duration = Duration::from_millis(500);

impl Database {
    /// Prepares the pool; connects on first use.
    ///
    /// # Errors
    /// `INTERNAL` for an impossible configuration.
    pub fn new(config: &DatabaseConfig) -> Result<Self, Error> {
        let statements = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&statements);
        let mut manager = ManagerConfig::default();
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |url| {
            let counter = Arc::clone(&counter);
            async move {
                let mut connection = Connection::establish(url).await?;
                connection.set_instrumentation(StatementObserver {
                    statements: counter,
                    span: None,
                });
                Ok(connection)
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(&config.url, manager);
        let pool = Pool::builder(manager)
            .max_size(config.max_connections)
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(config.wait))
            .recycle_timeout(Some(config.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .pre_recycle(Hook::async_fn(|connection: &mut Connection, metrics| {
                async move {
                    if metrics.last_used() < CHECK_AFTER {
                        return Ok(());
                    }
                    let checked = diesel::sql_query("SELECT 1").execute(connection).await;
                    checked
                        .map(drop)
                        .map_err(|_| HookError::message("the connection is gone"))
                }
                .boxed()
            }))
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            pool,
            statements,
            written: Arc::new(Notify::new()),
        })
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is to be had in time.
    pub async fn read(&self) -> Result<Object<Connection>, Error> {
        self.pool
            .get()
            .await
            .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))
    }

    /// A connection to write with. When it is given back, the outbox relay is woken.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is to be had in time.
    pub async fn write(&self) -> Result<WriteConnection, Error> {
        let connection = self.read().await?;
        Ok(WriteConnection {
            connection,
            written: Arc::clone(&self.written),
        })
    }

    /// Completes when somebody has given back a write connection since the last call.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// How many statements were run so far; for tests that assert there is no N+1.
    pub fn statements(&self) -> u64 {
        AtomicU64::load(&self.statements, Ordering::Relaxed)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `UNAVAILABLE` if it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.read().await?;
        diesel::sql_query("SELECT 1")
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    /// Closes every connection; callers get `UNAVAILABLE` from then on.
    pub fn close(&self) {
        self.pool.close();
    }
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

/// Counts statements, and traces them where traces are collected.
struct StatementObserver {
    statements: Arc<AtomicU64>,
    /// Of the statement under way.
    span: Option<Span>,
}

impl Instrumentation for StatementObserver {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.statements.fetch_add(1, Ordering::Relaxed);
                let span = tracing::debug_span!(target: "sql", "sql", db.system = "postgresql", db.statement = tracing::field::Empty);
                if !span.is_disabled() {
                    // Behind the statement come its values, which are nobody's business.
                    let text = query.to_string();
                    let statement = text.split(" -- binds").next().unwrap_or_default();
                    span.record("db.statement", statement.trim());
                    self.span = Some(span);
                }
            }
            InstrumentationEvent::FinishQuery { .. } => self.span = None,
            _ => {}
        }
    }
}

/// Applies what is pending of a domain's sets of migrations, in the domain's own PostgreSQL schema.
///
/// Several processes may call it at once: an advisory lock lets one do the work. Blocks its thread, so
/// it needs the multi-thread runtime, and a task of its own where several run at once.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached, `INTERNAL` if a migration fails.
pub async fn migrate(
    url: &str,
    domain: &str,
    sets: &[&'static EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    let connection = connect_for_migrations(url, domain).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut applied = Vec::new();
    for set in sets {
        let versions = tokio::task::block_in_place(|| {
            let versions = harness.run_pending_migrations(Embedded(set))?;
            diesel::migration::Result::Ok(
                versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        });
        applied.extend(versions.map_err(Error::internal)?);
    }
    Ok(applied)
}

/// The names of migrations that a domain still lacks.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn pending(
    url: &str,
    domain: &str,
    sets: &[&'static EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    let connection = connect_for_migrations(url, domain).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut pending = Vec::new();
    for set in sets {
        let found = tokio::task::block_in_place(|| {
            let found = harness.pending_migrations(Embedded(set))?;
            diesel::migration::Result::Ok(
                found
                    .iter()
                    .map(|migration| migration.name().to_string())
                    .collect::<Vec<_>>(),
            )
        });
        pending.extend(found.map_err(Error::internal)?);
    }
    Ok(pending)
}

/// A connection whose search path is the domain's schema, so that diesel's own table of applied
/// migrations lives in it too. It holds the migration lock until it is closed.
async fn connect_for_migrations(url: &str, domain: &str) -> Result<Connection, Error> {
    let mut connection = Connection::establish(url)
        .await
        .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))?;
    let schema = domain.replace('"', "");
    for statement in [
        format!("SELECT pg_advisory_lock(hashtext('atelier:migrate:{schema}'))"),
        format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""),
        format!("SET search_path TO \"{schema}\""),
    ] {
        diesel::sql_query(statement)
            .execute(&mut connection)
            .await?;
    }
    Ok(connection)
}

/// Lends static migrations to diesel, which wants to own its source.
struct Embedded(&'static EmbeddedMigrations);

impl MigrationSource<diesel::pg::Pg> for Embedded {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<diesel::pg::Pg>>>> {
        self.0.migrations()
    }
}
