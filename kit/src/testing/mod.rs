//! Real servers and isolated state for tests.
//!
//! PostgreSQL, Redis and the S3 store are started once per test run; every test gets a database of
//! its own, cloned from a template that was migrated once, and key prefixes of its own.

mod database;

use std::sync::Arc;

pub use atelier_local::{TestServers, test_servers};
use chrono::{DateTime, TimeDelta, Utc};
pub use database::TestDatabase;
use diesel_migrations::EmbeddedMigrations;

use crate::{
    Deps,
    clock::{Clock, ManualClock, SystemClock, SystemRandom},
    db::{Database, DatabaseConfig},
    page::CursorSealer,
    peers::{LocalPeers, Peers},
    redis::{Redis, RedisConfig},
    stream::Hub,
};

/// A domain's surroundings for one test.
pub struct TestDeps {
    /// What the domain is given.
    pub deps: Deps,
    /// Moves the domain's time.
    pub clock: ManualClock,
    /// The test's database; dropped with this value.
    pub database: TestDatabase,
}

/// The clock of a machine that is wrong by so much.
#[derive(Debug, Clone, Copy)]
pub struct WrongClock(pub TimeDelta);

impl Clock for WrongClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

impl TestDeps {
    /// The same surroundings as a process has them in production, on a machine whose clock is `ahead`:
    /// its time is the database's.
    pub async fn on_machine(&self, ahead: TimeDelta) -> Deps {
        let db = Database::new(&DatabaseConfig {
            max_connections: 8,
            counter: Arc::new(WrongClock(ahead)),
            ..DatabaseConfig::new(self.database.url())
        })
        .expect("a pool for the test database");
        db.ping().await.expect("the test database answers");
        Deps {
            clock: Arc::new(db.clock()),
            db,
            ..self.deps.clone()
        }
    }
}

/// Surroundings of `domain` with a migrated database, a Redis prefix of its own, a clock that
/// stands still, and `peers` instead of other domains.
pub async fn deps_with(
    domain: &'static str,
    migrations: &'static EmbeddedMigrations,
    peers: Arc<dyn Peers>,
) -> TestDeps {
    let servers = test_servers().await;
    let database = TestDatabase::create(servers, domain, migrations).await;
    let prefix = format!("test:{}", database.name());
    let redis = Redis::connect_with(RedisConfig::new(servers.redis_url.as_str()).prefix(prefix))
        .await
        .expect("the test Redis answers");
    let clock = ManualClock::at(SystemClock.now());
    let deps = Deps {
        domain,
        db: Database::new(&DatabaseConfig {
            max_connections: 8,
            ..DatabaseConfig::new(database.url())
        })
        .expect("a pool for the test database"),
        hub: Hub::new(redis.clone()),
        redis,
        peers,
        clock: Arc::new(clock.clone()),
        random: Arc::new(SystemRandom),
        cursors: CursorSealer::new(b"cursors of tests"),
    };
    TestDeps {
        deps,
        clock,
        database,
    }
}

/// As [`deps_with`], with no other domains around.
pub async fn deps(domain: &'static str, migrations: &'static EmbeddedMigrations) -> TestDeps {
    deps_with(domain, migrations, Arc::new(LocalPeers::default())).await
}
