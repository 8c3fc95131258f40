//! What operators see, and what only they see.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Atelier, Client, Place, free_port};

async fn get(base: &str, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{base}{path}")).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_details_of_health_are_on_a_listener_of_their_own() {
    let mut place = Place::new().await;
    let operators = format!("127.0.0.1:{}", free_port());
    let variable = ("ATELIER_ADMIN_LISTEN".to_owned(), operators.clone());
    place.variables.push(variable);
    let mut atelier = Atelier::up(&place).await;
    atelier
        .process
        .says(&format!("http://{operators}/metrics"))
        .await;
    let (public, operators) = (atelier.client.base.clone(), format!("http://{operators}"));

    assert_eq!(get(&public, "/metrics").await.0, 404);
    let (status, ready) = get(&public, "/health/ready").await;
    assert_eq!(status, 200);
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready, json!({"status": "ready"}));
    assert_eq!(get(&public, "/health/live").await.0, 200);

    let (status, metrics) = get(&operators, "/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("health_check_up"), "{metrics}");
    let (status, ready) = get(&operators, "/health/ready").await;
    assert_eq!(status, 200);
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["checks"][0]["name"], "postgresql");
    // Nothing of the graph is served there.
    assert_eq!(get(&operators, "/graphql").await.0, 404);
    assert!(atelier.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_them_there_are_no_metrics_and_answers_are_kept_by_nobody() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    let Client { base, http, .. } = &atelier.client;
    assert_eq!(get(base, "/metrics").await.0, 404);
    let asked = http.post(format!("{base}/graphql"));
    let answer = asked.json(&json!({"query": "{ __typename }"})).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(atelier.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_closed_to_others_and_its_servers_are_not_root() {
    let dir = TempDir::new().unwrap();
    let mut atelier = Atelier::up_privately(dir.path()).await;
    let mode = std::fs::metadata(dir.path().join("data"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
    let shown = std::process::Command::new("ps")
        .args(["axww", "-o", "ppid=,user=,comm="])
        .output()
        .unwrap();
    let parent = atelier.process.child.id().unwrap().to_string();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let children: Vec<&str> = shown
        .lines()
        .filter(|line| line.trim_start().starts_with(&format!("{parent} ")))
        .collect();
    let of = |name: &str| children.iter().any(|line| line.contains(name));
    assert!(of("postgres") && of("-server"), "{children:?}");
    // When this is root; nobody else can be.
    assert!(
        !children.iter().any(|line| line.contains(" root ")),
        "{children:?}"
    );
    assert!(atelier.process.stop().await.success());
}
