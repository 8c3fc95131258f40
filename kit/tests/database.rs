//! Connections that are handed out work, and tell the database's time.

use std::{collections::HashSet, time::Duration};

use atelier_kit::{
    clock::{Clock, SystemClock},
    db::{Connection, Database, DatabaseConfig},
    error::{Error, ErrorCode},
};
use atelier_testing::TestDeps;
use chrono::TimeDelta;
use diesel::{QueryableByName, sql_types::Integer};
use diesel_async::RunQueryDsl;
use diesel_migrations::EmbeddedMigrations;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);

async fn world() -> TestDeps {
    atelier_testing::deps("pools", &NONE).await
}

fn pool(url: &str) -> Database {
    Database::new(&DatabaseConfig {
        max_connections: 4,
        ..DatabaseConfig::new(url)
    })
    .unwrap()
}

async fn run(connection: &mut Connection, statement: &str) -> Result<usize, Error> {
    Ok(diesel::sql_query(statement).execute(connection).await?)
}

async fn write(database: &Database) -> Result<(), Error> {
    let mut connection = database.write().await?;
    run(
        &mut connection,
        "INSERT INTO pools.inbox (consumer, event_id) VALUES ('test', gen_random_uuid())",
    )
    .await
    .map(drop)
}

async fn backend(connection: &mut Connection) -> i32 {
    #[derive(QueryableByName)]
    struct Backend {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }
    let found: Backend = diesel::sql_query("SELECT pg_backend_pid() AS pid")
        .get_result(connection)
        .await
        .unwrap();
    found.pid
}

/// Takes several connections out at once and gives them back.
async fn fill(database: &Database) -> HashSet<i32> {
    let mut taken = Vec::new();
    let mut backends = HashSet::new();
    for _ in 0..4 {
        let mut connection = database.read().await.unwrap();
        backends.insert(backend(&mut connection).await);
        taken.push(connection);
    }
    backends
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_wrong_goes_by_the_time_of_its_database() {
    let test = world().await;
    for ahead in [TimeDelta::seconds(40), TimeDelta::seconds(-40)] {
        let deps = test.on_machine(ahead).await;
        let (low, told, high) = (SystemClock.now(), deps.clock.now(), SystemClock.now());
        // The database of tests runs on this machine: its time is the real one.
        let near = TimeDelta::seconds(3);
        assert!(low - near < told && told < high + near, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_has_closed_are_not_handed_out() {
    let test = world().await;
    let database = pool(test.database.url());
    let backends = fill(&database).await;
    assert_eq!(backends.len(), 4);
    let mut other = test.deps.db.read().await.unwrap();
    for backend in &backends {
        run(
            &mut other,
            &format!("SELECT pg_terminate_backend({backend}, 5000)"),
        )
        .await
        .unwrap();
    }
    // The word of it may still be under way; who is first to hear it is told so.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while let Err(error) = write(&database).await {
        assert_eq!(error.code(), ErrorCode::Unavailable, "{error:?}");
        assert!(tokio::time::Instant::now() < deadline, "{error:?}");
    }
    let now = fill(&database).await;
    assert!(backends.is_disjoint(&now), "{backends:?} {now:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_takes_no_writes_any_more_is_dropped_with_its_first_failure() {
    let test = world().await;
    let database = pool(test.database.url());
    let backends = {
        let mut taken = Vec::new();
        let mut backends = HashSet::new();
        for _ in 0..4 {
            let mut connection = database.read().await.unwrap();
            run(&mut connection, "SET default_transaction_read_only = on")
                .await
                .unwrap();
            backends.insert(backend(&mut connection).await);
            taken.push(connection);
        }
        backends
    };
    let refused = write(&database).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable, "worth another try");
    write(&database).await.unwrap();
    let now = fill(&database).await;
    assert!(backends.is_disjoint(&now), "all were doubted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_not_ready() {
    let test = world().await;
    let database = pool(test.database.url());
    database.ping().await.unwrap();
    let mut other = test.deps.db.read().await.unwrap();
    let (name, read_only) = (test.database.name(), "default_transaction_read_only");
    run(
        &mut other,
        &format!("ALTER DATABASE {name} SET {read_only} = on"),
    )
    .await
    .unwrap();
    let fresh = pool(test.database.url());
    assert_eq!(
        fresh.ping().await.unwrap_err().code(),
        ErrorCode::Unavailable
    );
    assert_eq!(
        write(&fresh).await.unwrap_err().code(),
        ErrorCode::Unavailable
    );
    run(&mut other, "SET default_transaction_read_only = off")
        .await
        .unwrap();
    run(
        &mut other,
        &format!("ALTER DATABASE {name} RESET {read_only}"),
    )
    .await
    .unwrap();
    fresh.ping().await.unwrap();
    write(&fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_replaced_when_they_are_old() {
    let test = world().await;
    let database = Database::new(&DatabaseConfig {
        max_connections: 1,
        lifetime: Duration::ZERO,
        ..DatabaseConfig::new(test.database.url())
    })
    .unwrap();
    let first = backend(&mut database.read().await.unwrap()).await;
    let second = backend(&mut database.read().await.unwrap()).await;
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_one_that_answers_is_taken() {
    let test = world().await;
    let (before, host) = test.database.url().split_once('@').unwrap();
    // Nothing listens on the first.
    let database = pool(&format!("{before}@127.0.0.1:1,{host}"));
    write(&database).await.unwrap();
    assert!(Database::new(&DatabaseConfig::new("postgres://a:b@c:port/d")).is_err());
}

#[test]
fn the_password_stays_out_of_the_log() {
    let config = DatabaseConfig::new("postgres://atelier:hunter2@db.internal/atelier");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_server_are_not_counted_as_statements() {
    let test = world().await;
    let database = pool(test.database.url());
    database.ping().await.unwrap();
    assert_eq!(database.statements(), 0);
    write(&database).await.unwrap();
    assert_eq!(database.statements(), 1);
}
