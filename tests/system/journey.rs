//! The whole journey by real clients, against one process and against the parts.

use std::{path::Path, process::Stdio};

use atelier_kit::{
    actor::{ACTOR_HEADER, Actor, ActorSigner, KeyFolder},
    clock::{Clock, SystemClock},
};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::harness::{Atelier, Client, DEADLINE, Place, Process, free_port, repository};

/// Runs a client program and returns what it printed.
async fn client(
    program: &str,
    arguments: &[&str],
    dir: &Path,
    variables: &[(&str, String)],
) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|cause| panic!("{program}: {cause}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program} {arguments:?}:\n{text}");
    text
}

async fn all_clients(base: &str, admin: (String, String)) {
    let clients = repository().join("tests/clients");
    let variables = [
        ("ATELIER_URL", base.to_owned()),
        ("ATELIER_ADMIN", admin.0),
        ("ATELIER_ADMIN_PASSWORD", admin.1),
    ];
    client(
        "node",
        &["--test", "journey.test.mjs", "first-steps.test.mjs"],
        &clients,
        &variables,
    )
    .await;
    client(
        "python3",
        &["../python/test_worker.py"],
        &clients,
        &variables,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_python_clients_in_one_process() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    all_clients(&atelier.client.base, atelier.admin()).await;
    assert!(atelier.process.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_uses_the_playground() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    let clients = repository().join("tests/clients");
    let variables = [("ATELIER_URL", atelier.client.base.clone())];
    client(
        "node",
        &["--test", "playground.test.mjs"],
        &clients,
        &variables,
    )
    .await;
    atelier.process.stop().await;
}

/// The processes of the graph in parts.
pub struct Parts {
    pub processes: Vec<Process>,
    pub client: Client,
    pub admin: (String, String),
    /// Of the processes.
    pub variables: Vec<(String, String)>,
}

/// All parts but a worker.
pub async fn parts(place: &Place) -> Parts {
    let dir = place.dir.path();
    // The first start of everything makes the tables and the administrator.
    let mut first = Atelier::up(place).await;
    let admin = first.admin();
    first.process.stop().await;

    let ports = [free_port(), free_port(), free_port()];
    let names = ["accounts", "media", "tasks"];
    let urls: Vec<String> = names
        .iter()
        .zip(ports)
        .map(|(name, port)| format!("{name}=http://127.0.0.1:{port}/{name}/graphql"))
        .collect();
    let mut variables = place.variables.clone();
    variables.push(("ATELIER_SUBGRAPH_URLS".to_owned(), urls.join(",")));
    let mut processes = Vec::new();
    for (name, port) in names.iter().zip(ports) {
        let listen = format!("127.0.0.1:{port}");
        let mut process = Process::start(&["subgraph", name, "--listen", &listen], dir, &variables);
        process.says("listens on").await;
        processes.push(process);
    }
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut router = Process::start(&["router", "--listen", &listen], dir, &variables);
    router.says("The router listens").await;
    processes.push(router);
    Parts {
        processes,
        client: Client::new(port),
        admin,
        variables,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_python_clients_in_parts() {
    let place = Place::new().await;
    let mut parts = parts(&place).await;
    let mut worker = Process::start(&["worker"], place.dir.path(), &parts.variables);
    worker.says("at work").await;
    parts.processes.push(worker);
    all_clients(&parts.client.base, parts.admin).await;
    for process in &mut parts.processes {
        assert!(process.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subgraphs_believe_nobody_but_routers() {
    let place = Place::new().await;
    let parts = parts(&place).await;
    let ada = parts.client.registered("ada").await;
    let urls = &place_urls(&parts);
    for url in urls {
        for (header, value) in [
            ("x-atelier-actor", "forged"),
            (
                "authorization",
                &format!("Bearer {}", ada.token.as_deref().unwrap()),
            ),
        ] {
            let answer = ada
                .http
                .post(url)
                .header(header, value)
                .json(&serde_json::json!({ "query": "{ viewer { id } }" }))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status().as_u16(), 401, "{url} {header}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opened_a_socket_to_a_subgraph_proves_nothing_on_it() {
    let place = Place::new().await;
    let parts = parts(&place).await;
    let url = place_urls(&parts)
        .into_iter()
        .find(|url| url.contains("/accounts/"))
        .expect("accounts");
    let keys = KeyFolder::new(place.dir.path().join("keys"));
    let signed = ActorSigner::new(keys)
        .sign(&Actor::service("media"), "accounts", SystemClock.now())
        .expect("media's key is there");
    let mut request = url
        .replace("http://", "ws://")
        .into_client_request()
        .expect("a URL");
    let headers = request.headers_mut();
    headers.insert(
        "sec-websocket-protocol",
        "graphql-transport-ws".parse().expect("a header"),
    );
    headers.insert(ACTOR_HEADER, signed.parse().expect("a header"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request)
        .await
        .expect("a socket");
    let query = "query { identitiesCurrent(sessions: [], tokens: []) { tokens { userId } } }";
    let ask = |id: &str, extensions: Value| json!({ "type": "subscribe", "id": id, "payload": { "query": query, "extensions": extensions } });
    let actor = json!({ ACTOR_HEADER: &*signed });
    for message in [
        json!({ "type": "connection_init", "payload": actor }),
        ask("bare", json!({})),
        ask("signed", json!({ "headers": actor })),
    ] {
        let sent = socket.send(Message::text(message.to_string())).await;
        sent.expect("the socket is open");
    }
    let mut answers = std::collections::HashMap::new();
    while answers.len() < 2 {
        let message = tokio::time::timeout(DEADLINE, socket.next()).await;
        let message = message
            .expect("an answer in time")
            .expect("the socket is open");
        let Ok(Message::Text(text)) = message else {
            continue;
        };
        let mut message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == "next" || message["type"] == "error" {
            let id = message["id"].as_str().expect("an id").to_owned();
            answers.insert(id, message["payload"].take());
        }
    }
    let refused = answers["bare"].to_string();
    assert!(
        refused.contains("Only routers may call a subgraph."),
        "{refused}"
    );
    let tokens = answers["signed"].pointer("/data/identitiesCurrent/tokens");
    assert_eq!(tokens, Some(&json!([])), "{answers:?}");
}

fn place_urls(parts: &Parts) -> Vec<String> {
    parts
        .processes
        .iter()
        .filter_map(|process| {
            let output = process.output.borrow();
            let line = output
                .lines()
                .find(|line| line.starts_with("The subgraph"))?;
            Some(line.rsplit(' ').next()?.to_owned())
        })
        .collect()
}
