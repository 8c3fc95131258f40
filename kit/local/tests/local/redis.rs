//! The private Redis.

use std::path::Path;

use atelier_local::{LocalError, PrivateRedis, RedisOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The first line of the answer to one inline command, after signing in as the URL says.
pub async fn command(url: &str, command: &str) -> String {
    let (password, address) = url
        .trim_start_matches("redis://:")
        .trim_end_matches('/')
        .split_once('@')
        .unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = BufReader::new(stream);
    stream
        .write_all(format!("AUTH {password}\r\n{command}\r\n").as_bytes())
        .await
        .unwrap();
    let mut lines = stream.lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
    let first = lines.next_line().await.unwrap().unwrap();
    // A bulk string has its length first.
    if first.starts_with('$') && first != "$-1" {
        lines.next_line().await.unwrap().unwrap()
    } else {
        first
    }
}

async fn start(dir: &Path) -> PrivateRedis {
    PrivateRedis::start(dir, RedisOptions::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_written_survives_stop_and_start_under_the_same_url() {
    let dir = tempfile::tempdir().unwrap();
    let redis = start(dir.path()).await;
    let url = redis.url();
    assert_eq!(command(&url, "SET kept yes").await, "+OK");
    redis.stop().await;
    let redis = start(dir.path()).await;
    assert_eq!(redis.url(), url);
    assert_eq!(command(&url, "GET kept").await, "yes");
    redis.stop().await;
}

#[tokio::test]
async fn the_password_is_asked_for_and_never_in_the_process_list() {
    let dir = tempfile::tempdir().unwrap();
    let redis = start(dir.path()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port()))
        .await
        .unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(&mut stream)
        .read_line(&mut line)
        .await
        .unwrap();
    assert!(line.starts_with("-NOAUTH"), "{line}");
    let password = std::fs::read_to_string(dir.path().join("password")).unwrap();
    let shown = std::process::Command::new("ps")
        .args(["axww", "-o", "args"])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(password.trim()));
    redis.stop().await;
}

#[tokio::test]
async fn a_taken_port_that_was_asked_for_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let options = RedisOptions {
        port: Some(port),
        ..Default::default()
    };
    let error = PrivateRedis::start(dir.path(), options).await.unwrap_err();
    assert!(
        matches!(error, LocalError::PortTaken { port: named, .. } if named == port),
        "{error}"
    );
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = start(dir.path()).await;
    command(&redis.url(), "CONFIG SET appendfsync always").await;
    command(&redis.url(), "SET kept yes").await;
    kill(redis.pid(), "-KILL");
    redis.ended().await;
    let url = redis.url();
    redis.restart().await.unwrap();
    assert_eq!(redis.url(), url);
    assert_eq!(command(&redis.url(), "GET kept").await, "yes");
    redis.stop().await;
}

#[tokio::test]
async fn what_is_installed_can_be_asked_without_a_start() {
    let installed = PrivateRedis::installed().await.unwrap();
    assert!(installed.program.is_file());
    assert!(!installed.version.is_empty());
}

/// Signals a process by number or name.
pub fn kill(pid: u32, signal: &str) {
    assert!(
        std::process::Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_never_runs_as_root_and_keeps_what_it_had_written_as_root() {
    use std::os::unix::fs::MetadataExt;
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let redis = start(dir.path()).await;
    assert_eq!(command(&redis.url(), "SET kept yes").await, "+OK");
    let user = |pid: u32| std::fs::metadata(format!("/proc/{pid}")).unwrap().uid();
    assert_ne!(user(redis.pid()), 0);
    redis.stop().await;
    // As an earlier version left it.
    let own = |path: &std::path::Path| {
        nix::unistd::chown(path, Some(nix::unistd::Uid::from_raw(0)), None).unwrap();
    };
    for entry in std::fs::read_dir(dir.path().join("appendonlydir")).unwrap() {
        own(&entry.unwrap().path());
    }
    own(&dir.path().join("appendonlydir"));
    own(dir.path());
    let redis = start(dir.path()).await;
    assert_eq!(command(&redis.url(), "GET kept").await, "yes");
    assert_eq!(command(&redis.url(), "SET kept more").await, "+OK");
    redis.stop().await;
}
