//! Reaching the server that takes writes, and finding out when it is another one.

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

/// A host that does not answer is given up after this time, and the next one is tried.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A host that takes in nothing any more is given up after this time.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// How long the answer to a look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// A connection unused for this long is looked at before it is handed out.
const IDLE: Duration = Duration::from_millis(500);
/// While connections are in steady use, one of them is looked at this often: looking at each would
/// cost half the throughput of small queries.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a database URL means: `postgres://user:password@host:port,host:port/database`.
///
/// Of several hosts, the first one that takes writes is taken.
///
/// # Errors
/// If the URL is not one.
pub(super) fn address(url: &str) -> Result<tokio_postgres::Config, Error> {
    let mut address: tokio_postgres::Config = url.parse()?;
    // Every domain writes: a standby is of no use to it.
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

/// A new connection to the first host that takes writes.
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

/// The server behind a pool, as far as it is known.
pub(super) struct Server {
    address: tokio_postgres::Config,
    clock: DatabaseClock,
    statements: Arc<AtomicU64>,
    known: Mutex<Known>,
}

struct Known {
    looked_at: Instant,
    /// When something happened that no connection may have survived.
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

    /// What time it is there.
    pub(super) fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    /// How many statements were run on its connections.
    pub(super) fn statements(&self) -> u64 {
        AtomicU64::load(&self.statements, Ordering::Relaxed)
    }

    /// A new connection, which takes writes.
    pub(super) async fn connect(self: &Arc<Self>) -> ConnectionResult<Connection> {
        let mut connection = connect(&self.address).await?;
        self.look(&mut connection)
            .await
            .map_err(ConnectionError::BadConnection)?;
        Ok(connection)
    }

    /// Whether a connection that was last handed out at `used` may be handed out again unseen.
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

    /// From now on each connection is looked at before it is used again.
    pub(super) fn doubt(&self) {
        self.known.lock().doubted_at = Some(Instant::now());
    }

    /// Asks the server for the time, and whether it takes writes.
    ///
    /// # Errors
    /// Says why the connection is of no use.
    pub(super) async fn look(self: &Arc<Self>, connection: &mut Connection) -> Result<(), String> {
        // Looks are not counted: tests count the statements of an operation.
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
