//! Connecting to the server that accepts writes, and noticing a failover.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::{
    ConnectionError, ConnectionResult, QueryableByName,
    connection::Instrumentation,
    sql_types::{Bool, Timestamptz},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use parking_lot::Mutex;
use tokio_postgres::{NoTls, config::TargetSessionAttrs};

use super::{Connection, clock::DatabaseClock, observe::StatementObserver};
use crate::error::Error;

/// The time after which a host that does not answer is given up and the next one is tried.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The time after which a host that no longer acknowledges data is given up.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// The longest time that a check of a connection may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// A connection that was unused for this long is checked before it is handed out.
const IDLE: Duration = Duration::from_millis(500);
/// How often a connection is checked while connections are in steady use: checking every one would
/// halve the throughput of small queries.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Parses a database URL: `postgres://user:password@host:port,host:port/database`.
///
/// Of several hosts, the first one that accepts writes is used.
///
/// # Errors
/// If the URL is malformed.
pub(super) fn address(url: &str) -> Result<tokio_postgres::Config, Error> {
    let mut address: tokio_postgres::Config = url.parse()?;
    // Every domain writes, so a standby is of no use.
    if address.get_target_session_attrs() == TargetSessionAttrs::Any {
        address.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if address.get_connect_timeout().is_none() {
        address.connect_timeout(CONNECT_WITHIN);
    }
    if address.get_tcp_user_timeout().is_none() {
        address.tcp_user_timeout(DEAD_AFTER);
        address
            .keepalives_idle(DEAD_AFTER / 2)
            .keepalives_interval(DEAD_AFTER / 10)
            .keepalives_retries(5);
    }
    Ok(address)
}

/// Connects to the first host that accepts writes.
///
/// # Errors
/// If there is none.
pub(super) async fn connect(address: &tokio_postgres::Config) -> ConnectionResult<Connection> {
    let (client, connection) = address.connect(NoTls).await.map_err(|cause| {
        let cause: &dyn std::error::Error = &cause;
        let chain = std::iter::successors(Some(cause), |cause| cause.source());
        let chain: Vec<_> = chain.map(ToString::to_string).collect();
        ConnectionError::BadConnection(chain.join(": "))
    })?;
    Connection::try_from_client_and_connection(client, connection).await
}

/// The server behind a pool, and what is known about it.
pub(super) struct Server {
    address: tokio_postgres::Config,
    clock: DatabaseClock,
    statements: Arc<AtomicU64>,
    known: Mutex<Known>,
}

struct Known {
    looked_at: Instant,
    /// When a failover may have broken all connections.
    doubted_at: Option<Instant>,
}

#[derive(QueryableByName)]
struct Look {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    read_only: bool,
}

const LOOK: &str = "SELECT clock_timestamp() AS now, \
    current_setting('transaction_read_only')::boolean AS read_only";

impl Server {
    pub(super) fn new(address: tokio_postgres::Config, clock: DatabaseClock) -> Self {
        let known = Known {
            looked_at: Instant::now(),
            doubted_at: None,
        };
        Self {
            address,
            clock,
            statements: Arc::default(),
            known: Mutex::new(known),
        }
    }

    /// Returns the server's clock.
    pub(super) fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    /// Returns the number of statements on its connections.
    pub(super) fn statements(&self) -> u64 {
        AtomicU64::load(&self.statements, Ordering::Relaxed)
    }

    /// Makes a new connection, which accepts writes.
    pub(super) async fn connect(self: &Arc<Self>) -> ConnectionResult<Connection> {
        let mut connection = connect(&self.address).await?;
        self.look(&mut connection)
            .await
            .map_err(ConnectionError::BadConnection)?;
        Ok(connection)
    }

    /// Whether a connection that was last handed out at `used` may be handed out again without a
    /// check.
    pub(super) fn trusts(&self, used: Instant) -> bool {
        let mut known = self.known.lock();
        let now = Instant::now();
        let doubted = known.doubted_at.is_some_and(|doubted| used <= doubted);
        if doubted || now.saturating_duration_since(used) >= IDLE {
            return false;
        }
        if now.saturating_duration_since(known.looked_at) < LOOK_EVERY {
            return true;
        }
        known.looked_at = now;
        false
    }

    /// Has every existing connection checked before it is used again.
    pub(super) fn doubt(&self) {
        self.known.lock().doubted_at = Some(Instant::now());
    }

    /// Asks the server for the time, and whether it accepts writes.
    ///
    /// # Errors
    /// Why the connection cannot be used.
    pub(super) async fn look(self: &Arc<Self>, connection: &mut Connection) -> Result<(), String> {
        // Checks are not counted, because tests count the statements of an operation.
        connection.set_instrumentation(Silent);
        let before = self.clock.own();
        let asked = diesel::sql_query(LOOK).get_result::<Look>(connection);
        let looked = tokio::time::timeout(LOOK_WITHIN, asked).await;
        let after = self.clock.own();
        connection.set_instrumentation(StatementObserver::new(self, Arc::clone(&self.statements)));
        let problem = match looked {
            Ok(Ok(look)) if look.read_only => "the server takes no writes".to_owned(),
            Ok(Ok(look)) => {
                self.clock.learn(before, look.now, after);
                return Ok(());
            }
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => "the server does not answer".to_owned(),
        };
        self.doubt();
        Err(problem)
    }
}

struct Silent;

impl Instrumentation for Silent {
    fn on_connection_event(&mut self, _: diesel::connection::InstrumentationEvent<'_>) {}
}
