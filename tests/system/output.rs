//! Whoever reads what a process says may be gone, or asleep: it runs on, and ends when it is told to.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::harness::{Client, DEADLINE, Place, eventually, free_port};

fn start(place: &Place, arguments: &[&str], log: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_atelier"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("ATELIER_DATA_DIR", place.dir.path().join("data"))
        .env("ATELIER_LOG", log)
        .envs(place.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts")
}

/// `atelier up`, ready; nobody has read its output yet.
async fn up(place: &Place, log: &str) -> (Child, Client) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let child = start(place, &["up", "--listen", &listen], log);
    let client = Client::new(port);
    eventually("readiness", || async { asked(&client).await.then_some(()) }).await;
    (child, client)
}

/// Asks something, which is logged.
async fn asked(client: &Client) -> bool {
    let url = format!("{}/health/ready", client.base);
    let answer = client.http.get(url).send().await;
    let graph = client.send("{ __typename }", serde_json::json!({})).await;
    answer.is_ok_and(|answer| answer.status().is_success()) && graph.is_ok()
}

async fn told_to_end(child: &mut Child) -> ExitStatus {
    let id = child.id().expect("it is running");
    let (pid, signal) = (
        nix::unistd::Pid::from_raw(id as i32),
        nix::sys::signal::Signal::SIGTERM,
    );
    nix::sys::signal::kill(pid, signal).expect("a signal");
    tokio::time::timeout(DEADLINE, child.wait())
        .await
        .expect("it ends in time")
        .expect("it can be waited for")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_output_is_closed_serves_on_and_ends_when_it_is_told_to() {
    let place = Place::new().await;
    let (mut child, client) = up(&place, "info").await;
    drop((child.stdout.take(), child.stderr.take()));
    for _ in 0..20 {
        assert!(asked(&client).await);
    }
    assert!(told_to_end(&mut child).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_output_nobody_takes_serves_on_and_ends_when_it_is_told_to() {
    let place = Place::new().await;
    // Far more than a pipe holds.
    let (mut child, client) = up(&place, "trace").await;
    for _ in 0..100 {
        assert!(asked(&client).await);
    }
    assert!(told_to_end(&mut child).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_output_is_closed_does_not_panic() {
    let place = Place::new().await;
    for arguments in [&["doctor"][..], &["migrate"], &["router", "--check-config"]] {
        let mut child = start(&place, arguments, "info");
        drop((child.stdout.take(), child.stderr.take()));
        let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
        let code = ended.expect("it ends in time").expect("an end").code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?}");
    }
}
