//! Servers never outlive the process that started them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use atelier_local::{PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, is_running};

use crate::redis::kill;

const CHILD_DIR: &str = "ATELIER_TEST_PARENT_DIR";

/// Not a test by itself: the process that the others start and kill.
#[tokio::test]
#[ignore = "run as a child process by the tests below"]
async fn run_servers_until_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let dir = Path::new(&dir);
    let postgres = PrivatePostgres::start(&dir.join("postgres"), PostgresOptions::default())
        .await
        .unwrap();
    let redis = PrivateRedis::start(&dir.join("redis"), RedisOptions::default())
        .await
        .unwrap();
    println!(
        "\nstarted {} {} {}",
        postgres.url(),
        postgres.pid(),
        redis.pid()
    );
    std::future::pending::<()>().await;
}

struct Started {
    child: Child,
    url: String,
    servers: [u32; 2],
}

/// Runs this very test binary as a process that starts both servers.
fn start_in_child(dir: &Path) -> Started {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "parent::run_servers_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("started "))
        .unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let servers = [words[2].parse().unwrap(), words[3].parse().unwrap()];
    Started {
        child,
        url: words[1].to_owned(),
        servers,
    }
}

/// Polls until none of the processes runs.
fn all_end(pids: &[u32]) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|pid| is_running(*pid)) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[tokio::test]
async fn killing_the_parent_ends_the_servers_and_the_next_start_has_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut started = start_in_child(dir.path());
    let (client, connection) = tokio_postgres::connect(&started.url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await
        .unwrap();
    kill(started.child.id(), "-KILL");
    started.child.wait().unwrap();
    // At once, without waiting for the old servers to be gone: a restarted atelier does not wait.
    let (postgres_dir, redis_dir) = (dir.path().join("postgres"), dir.path().join("redis"));
    let postgres = PrivatePostgres::start(&postgres_dir, PostgresOptions::default());
    let redis = PrivateRedis::start(&redis_dir, RedisOptions::default());
    let (postgres, redis) = tokio::join!(postgres, redis);
    let (postgres, redis) = (postgres.unwrap(), redis.unwrap());
    assert!(!started.servers.iter().any(|pid| is_running(*pid)));
    let (client, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let row = client
        .query_one("SELECT answer FROM kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    tokio::join!(postgres.stop(), redis.stop());
}

#[test]
fn killing_the_parent_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut started = start_in_child(dir.path());
    kill(started.child.id(), "-KILL");
    started.child.wait().unwrap();
    assert!(all_end(&started.servers));
}

#[test]
fn servers_outlive_the_runtime_and_the_thread_that_started_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let on_a_thread_that_ends = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime
            .block_on(PrivateRedis::start(&path, RedisOptions::default()))
            .unwrap()
    });
    let redis = on_a_thread_that_ends.join().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        assert_eq!(crate::redis::command(&redis.url(), "PING").await, "+PONG");
        redis.stop().await;
    });
}

/// The process that nextest's setup script leaves behind, watching a stand-in for nextest.
#[test]
fn the_servers_of_a_test_run_end_when_the_run_is_killed() {
    let mut run = Command::new("sleep").arg("600").spawn().unwrap();
    let mut supervisor = Command::new(env!("CARGO_BIN_EXE_atelier-test-servers"))
        .args(["supervise", &run.id().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
    let variables: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| line != "ready")
        .collect();
    assert_eq!(variables.len(), 6, "{variables:?}");
    let dir = std::env::temp_dir().join(format!("atelier-test-{}", supervisor.id()));
    let pid_in = |file: &str| -> u32 {
        let text = std::fs::read_to_string(dir.join(file)).unwrap();
        text.lines().next().unwrap().trim().parse().unwrap()
    };
    let pids = [pid_in("postgres/data/postmaster.pid"), pid_in("redis/pid")];
    assert!(pids.iter().all(|pid| is_running(*pid)));
    kill(run.id(), "-KILL");
    run.wait().unwrap();
    supervisor.wait().unwrap();
    assert!(all_end(&pids));
    assert!(!dir.exists());
}
