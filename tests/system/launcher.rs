//! `atelier up` with servers of its own: what a newcomer meets.

use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Atelier, Place, Process, eventually, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_everything_as_it_was() {
    let dir = TempDir::new().unwrap();
    let mut first = Atelier::up_privately(dir.path()).await;
    let (username, password) = first.admin();
    let ada = first.client.registered("ada").await;
    let id = ada.run("{ viewer { id } }", json!({})).await["viewer"]["id"].clone();
    let ready = first
        .client
        .http
        .get(format!("{}/health/ready", first.client.base))
        .send()
        .await
        .unwrap();
    assert!(ready.status().is_success());
    assert!(first.process.stop().await.success());

    let mut second = Atelier::up_privately(dir.path()).await;
    assert!(
        !second.process.output.borrow().contains("Password"),
        "the password is shown once"
    );
    let again = second
        .client
        .signed_in("ada", "correct horse battery")
        .await;
    assert_eq!(
        again.run("{ viewer { id } }", json!({})).await["viewer"]["id"],
        id
    );
    second.client.signed_in(&username, &password).await;
    assert!(second.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_it_leaves_nothing_running_and_the_next_start_recovers() {
    let dir = TempDir::new().unwrap();
    let mut first = Atelier::up_privately(dir.path()).await;
    let ada = first.client.registered("ada").await;
    let id = ada.run("{ viewer { id } }", json!({})).await["viewer"]["id"].clone();
    first.process.kill().await;
    let data = dir.path().canonicalize().unwrap();
    eventually("the end of the private servers", || async {
        running_in(&data).is_empty().then_some(())
    })
    .await;

    let mut second = Atelier::up_privately(dir.path()).await;
    let again = second
        .client
        .signed_in("ada", "correct horse battery")
        .await;
    assert_eq!(
        again.run("{ viewer { id } }", json!({})).await["viewer"]["id"],
        id
    );
    second.process.stop().await;
}

/// Command lines of processes that name `path`, apart from zombies.
fn running_in(path: &std::path::Path) -> Vec<String> {
    let path = path.display().to_string();
    let shown = std::process::Command::new("ps")
        .args(["axww", "-o", "args"])
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8_lossy(&shown.stdout)
        .lines()
        .filter(|line| line.contains(&path))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_on_a_command_line_or_in_the_output() {
    let dir = TempDir::new().unwrap();
    let mut atelier = Atelier::up_privately(dir.path()).await;
    let lines = running_in(&dir.path().canonicalize().unwrap()).join("\n");
    assert!(lines.contains("postgres"), "{lines}");
    for file in ["data/secret", "data/postgres/password"] {
        let secret = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(secret.trim().len() >= 20, "{file}");
        assert!(!lines.contains(secret.trim()), "{file}: {lines}");
        assert!(
            !atelier.process.output.borrow().contains(secret.trim()),
            "{file}"
        );
    }
    atelier.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let mut process = Process::start(&["up", "--listen", &listen], dir.path(), &[]);
    assert!(!process.ended().await.success());
    process.says("is taken by another program").await;
    process.says("--listen").await;

    let mut process = Process::start(&["subgraph", "accounts"], dir.path(), &[]);
    assert!(!process.ended().await.success());
    process.says("ATELIER_DATABASE_URL is not set").await;

    let mut process = Process::start(&["subgraph", "acounts"], dir.path(), &[]);
    assert!(!process.ended().await.success());
    process
        .says("there is no subgraph \"acounts\"; there are: accounts, media, tasks")
        .await;

    let config = dir.path().join("router.toml");
    std::fs::write(&config, "[limits]\nmax_dept = 3\n").unwrap();
    let config = config.display().to_string();
    let mut process = Process::start(
        &["router", "--check-config", "--router-config", &config],
        dir.path(),
        &[],
    );
    assert!(!process.ended().await.success());
    process.says("max_dept").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_judged_before_anything_starts_and_can_be_shown() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("atelier.toml");
    let path = file.display().to_string();
    std::fs::write(&file, "[media]\nmax_upload_bytes = \"lots\"\n").unwrap();
    let mut process = Process::start(&["up", "--config", &path], dir.path(), &[]);
    assert!(!process.ended().await.success());
    process.says("media.max_upload_bytes is \"lots\"").await;
    process.says("but must be a size").await;
    assert!(!dir.path().join("data").exists(), "something was started");

    std::fs::write(&file, "[media]\nmax_upload_bytes = \"2 GiB\"\n").unwrap();
    let variables = [("ATELIER_CONFIG".to_owned(), path)];
    let mut process = Process::start(&["config"], dir.path(), &variables);
    assert!(process.ended().await.success());
    process.says("max_upload_bytes = 2 GiB  (").await;
    process.says("sweep_every = 30s  (default)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_on_the_same_data_names_the_first() {
    let dir = TempDir::new().unwrap();
    let mut first = Atelier::up_privately(dir.path()).await;
    let id = first.process.child.id().unwrap().to_string();
    let listen = format!("127.0.0.1:{}", free_port());
    let mut second = Process::start(&["up", "--listen", &listen], dir.path(), &[]);
    assert!(!second.ended().await.success());
    second.says(&id).await;
    first.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_it_found() {
    let dir = TempDir::new().unwrap();
    let mut process = Process::start(&["doctor"], dir.path(), &[]);
    process.ended().await;
    process.says("PostgreSQL").await;
    process.says("Redis").await;
    let output = process.output.borrow().clone();
    assert!(
        output.lines().filter(|line| line.starts_with("ok")).count() >= 4,
        "{output}"
    );

    let variables = [(
        "ATELIER_REDIS_URL".to_owned(),
        "redis://127.0.0.1:1".to_owned(),
    )];
    let mut process = Process::start(&["doctor"], dir.path(), &variables);
    assert!(!process.ended().await.success());
    process.says("problem  Redis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_every_command() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_atelier"))
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for command in [
        "up", "router", "subgraph", "worker", "migrate", "schema", "doctor",
    ] {
        assert!(text.contains(command), "{command} is missing:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_migrations_are_named_with_the_command_that_applies_them() {
    let place = Place::new().await;
    let listen = format!("127.0.0.1:{}", free_port());
    let arguments = ["subgraph", "accounts", "--listen", &listen];
    let mut process = Process::start(&arguments, place.dir.path(), &place.variables);
    assert!(!process.ended().await.success());
    process.says("Apply them with: atelier migrate").await;

    let mut process = Process::start(&["migrate"], place.dir.path(), &place.variables);
    assert!(process.ended().await.success());
    process.says("accounts: applied").await;
    let mut process = Process::start(&["migrate"], place.dir.path(), &place.variables);
    assert!(process.ended().await.success());
    process.says("accounts: up to date").await;

    let mut process = Process::start(&arguments, place.dir.path(), &place.variables);
    process.says("The subgraph accounts listens").await;
    assert!(process.stop().await.success());
}
