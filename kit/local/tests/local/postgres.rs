//! The private PostgreSQL.

use std::path::Path;

use atelier_local::{LocalError, PostgresOptions, PrivatePostgres};
use tokio_postgres::{Client, NoTls};

async fn start(dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(dir, PostgresOptions::default())
        .await
        .unwrap()
}

async fn connect(postgres: &PrivatePostgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn setting(client: &Client, name: &str) -> String {
    let row = client
        .query_one("SELECT current_setting($1)", &[&name])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn what_was_committed_survives_stop_and_start_under_the_same_url() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let url = postgres.url();
    let client = connect(&postgres).await;
    client
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await
        .unwrap();
    postgres.stop().await;
    let postgres = start(dir.path()).await;
    assert_eq!(postgres.url(), url);
    let row = connect(&postgres)
        .await
        .query_one("SELECT answer FROM kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    postgres.stop().await;
}

#[tokio::test]
async fn a_killed_server_recovers_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let client = connect(&postgres).await;
    client
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await
        .unwrap();
    super::redis::kill(postgres.pid(), "-KILL");
    postgres.ended().await;
    let postgres = start(dir.path()).await;
    let row = connect(&postgres)
        .await
        .query_one("SELECT answer FROM kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    postgres.stop().await;
}

#[tokio::test]
async fn restarting_a_killed_server_keeps_url_and_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut postgres = start(dir.path()).await;
    let (url, pid) = (postgres.url(), postgres.pid());
    let client = connect(&postgres).await;
    client
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await
        .unwrap();
    super::redis::kill(pid, "-KILL");
    postgres.ended().await;
    postgres.restart().await.unwrap();
    assert_eq!(postgres.url(), url);
    assert_ne!(postgres.pid(), pid);
    connect(&postgres)
        .await
        .batch_execute("SELECT answer FROM kept")
        .await
        .unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn it_is_durable_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let client = connect(&postgres).await;
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(setting(&client, name).await, "on", "{name}");
    }
    postgres.stop().await;
    let options = PostgresOptions {
        durable: false,
        ..Default::default()
    };
    let postgres = PrivatePostgres::start(dir.path(), options).await.unwrap();
    assert_eq!(setting(&connect(&postgres).await, "fsync").await, "off");
    postgres.stop().await;
}

#[tokio::test]
async fn the_password_is_asked_for_and_its_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let wrong = format!(
        "postgres://atelier:wrong@127.0.0.1:{}/postgres",
        postgres.port()
    );
    let refused = tokio_postgres::connect(&wrong, NoTls).await.err().unwrap();
    assert_eq!(
        refused.code(),
        Some(&tokio_postgres::error::SqlState::INVALID_PASSWORD)
    );
    let file = postgres.data_dir().join("password");
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    postgres.stop().await;
}

#[tokio::test]
async fn chinese_text_is_found_by_trigram() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let client = connect(&postgres).await;
    let row = client
        .query_one("SELECT '创作者社区' ~ '\\w' AND lower('ÄÖ') = 'äö'", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    postgres.stop().await;
}

#[tokio::test]
async fn a_database_of_another_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = PrivatePostgres::start(dir.path(), PostgresOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, LocalError::VersionMismatch { found, .. } if found == "9"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
}

#[tokio::test]
async fn a_taken_port_that_was_asked_for_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let options = PostgresOptions {
        port: Some(port),
        ..Default::default()
    };
    let error = PrivatePostgres::start(dir.path(), options)
        .await
        .unwrap_err();
    assert!(
        matches!(error, LocalError::PortTaken { port: named, .. } if named == port),
        "{error}"
    );
}

#[tokio::test]
async fn a_remembered_port_that_somebody_took_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let before = postgres.port();
    postgres.stop().await;
    let _holder = std::net::TcpListener::bind(("127.0.0.1", before)).unwrap();
    let postgres = start(dir.path()).await;
    assert_ne!(postgres.port(), before);
    connect(&postgres).await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_lock_file_that_names_a_foreign_process_does_not_keep_it_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = start(dir.path()).await;
    let lock_file = postgres.data_dir().join("data/postmaster.pid");
    let lock = std::fs::read_to_string(&lock_file).unwrap();
    postgres.stop().await;
    // As after a crash of the machine, when the id went to another program.
    let rest = lock.split_once('\n').unwrap().1;
    std::fs::write(&lock_file, format!("{}\n{rest}", std::process::id())).unwrap();
    let postgres = start(dir.path()).await;
    connect(&postgres).await;
    postgres.stop().await;
}

#[tokio::test]
async fn half_made_clusters_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let unfinished = dir.path().join("data.unfinished/base");
    std::fs::create_dir_all(&unfinished).unwrap();
    let postgres = start(dir.path()).await;
    connect(&postgres).await;
    assert!(!unfinished.exists());
    postgres.stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_still_works() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("d".repeat(120));
    let postgres = start(&long).await;
    connect(&postgres).await;
    postgres.stop().await;
}

/// Root's checkout often lies where the account PostgreSQL runs as cannot go, such as `/root`.
#[tokio::test]
async fn a_directory_the_servers_account_cannot_reach_is_replaced_until_it_is_deleted() {
    use std::os::unix::fs::PermissionsExt;
    if !nix::unistd::geteuid().is_root() {
        return; // Only root drops to another account; for others the directory is used itself.
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let asked = dir.path().join("postgres");
    let postgres = start(&asked).await;
    let first = postgres.data_dir().to_owned();
    assert!(!first.starts_with(dir.path()), "{}", first.display());
    connect(&postgres)
        .await
        .batch_execute("CREATE TABLE kept ()")
        .await
        .unwrap();
    postgres.stop().await;

    let postgres = start(&asked).await;
    assert_eq!(postgres.data_dir(), first);
    connect(&postgres)
        .await
        .batch_execute("SELECT FROM kept")
        .await
        .unwrap();
    postgres.stop().await;

    std::fs::remove_dir_all(&asked).unwrap();
    let postgres = start(&asked).await;
    let second = postgres.data_dir().to_owned();
    assert!(
        connect(&postgres)
            .await
            .batch_execute("SELECT FROM kept")
            .await
            .is_err()
    );
    assert!(!first.exists());
    postgres.stop().await;
    std::fs::remove_dir_all(second).unwrap();
}

#[test]
fn what_is_installed_can_be_asked_without_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let installed = PrivatePostgres::installed(dir.path()).unwrap();
    assert!(installed.program.is_file());
    assert!(installed.version.parse::<u32>().unwrap() >= 14);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
