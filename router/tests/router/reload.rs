//! Another supergraph is served without anybody noticing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use atelier_composition::{SubgraphSdl, compose};
use atelier_router::config::Subscriptions;
use atelier_router::{Reloader, Router, RouterConfig, Supergraph};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::{self, Graph, ask, eventually};
use crate::log::{self, Log, Server};
use crate::socket::Socket;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_reloads_under_load_lose_no_request_and_no_subscription() {
    let graph = Graph::new();
    let log = Log::default();
    let servers = [Server::start(&log).await, Server::start(&log).await];
    let urls = [
        harness::serve_schema(graph.accounts.clone()).await,
        harness::serve_schema(graph.products.clone()).await,
        harness::serve_schema(graph.inventory.clone()).await,
        harness::serve_schema(graph.reviews.clone()).await,
    ];
    // The log moves with each reload.
    let sdls: Vec<String> = servers
        .iter()
        .map(|server| {
            let mut parts = graph.sdls([&urls[0], &urls[1], &urls[2], &urls[3]]);
            parts.push(log::sdl(&log, &server.url));
            compose(&parts).unwrap().supergraph_sdl
        })
        .collect();
    let router = Router::builder(Supergraph::parse(&sdls[0]).unwrap())
        .config(RouterConfig {
            subscriptions: Subscriptions {
                // No pings between the events.
                keep_alive_ms: 3_600_000,
                ..Subscriptions::default()
            },
            ..RouterConfig::default()
        })
        .build()
        .unwrap();
    let base = harness::serve_router(router.clone()).await;

    let mut socket = Socket::ready(&base).await;
    socket
        .subscribe("moves", "subscription { logged { ... on Added { text } } }")
        .await;
    socket.subscribe("stays", "subscription { heard }").await;
    log.followed_by(2).await;

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (base, stop, answered) = (base.clone(), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let query =
                        "{ topProducts(first: 2) { name inStock reviews { author { name } } } }";
                    let request = http::Request::post(format!("{base}/graphql"))
                        .header("content-type", "application/json")
                        .body(json!({ "query": query }).to_string())
                        .unwrap();
                    let answer = harness::http(request).await;
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let json = answer.json();
                    assert_eq!(json["data"]["topProducts"][0]["name"], "Table", "{json}");
                    assert!(json["data"]["topProducts"][0]["reviews"].is_array());
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();

    for round in 1..=50 {
        let before = answered.load(Ordering::SeqCst);
        router.reload_warm(sdls[round % 2].clone()).await.unwrap();
        log.add(&round.to_string());
        let mut missing = vec!["moves", "stays"];
        while !missing.is_empty() {
            let event = socket.next().await;
            let id = event["id"].as_str().unwrap();
            let data = &event["payload"]["data"];
            let text = match id {
                "moves" => &data["logged"]["text"],
                _ => &data["heard"],
            };
            assert_eq!(text, &json!(round.to_string()), "{event}");
            let at = missing.iter().position(|missing| *missing == id);
            missing.remove(at.expect("an event came twice"));
        }
        eventually(|| answered.load(Ordering::SeqCst) > before).await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in load {
        task.await.unwrap();
    }
}

pub fn supergraph(fields: &str) -> String {
    let sdl = format!("type Query {{ {fields} }}");
    let part = SubgraphSdl::new("one", "http://127.0.0.1:1/", sdl);
    compose(&[part]).unwrap().supergraph_sdl
}

pub async fn knows(router: &Router, field: &str) -> bool {
    let query = format!(
        "{{ __type(name: \"Query\") {{ fields {{ name }} }} f: __typename {field}: __typename }}"
    );
    let answer = ask(router, &query).await;
    let fields = answer["data"]["__type"]["fields"].as_array().unwrap();
    fields.iter().any(|known| known["name"] == field)
}

#[tokio::test]
async fn the_file_is_followed_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("supergraph.graphql");
    let first = supergraph("first: Int");
    std::fs::write(&file, &first).unwrap();
    let router = Router::builder(Supergraph::parse(&first).unwrap())
        .build()
        .unwrap();
    let reloader = Reloader::new(router.clone(), Some(file.clone()));
    let now = reloader.trigger();
    let stop = CancellationToken::new();
    let running = tokio::spawn(reloader.run(stop.clone()));

    // Found by looking.
    let second = supergraph("first: Int second: Int");
    std::fs::write(&file, &second).unwrap();
    eventually(|| router.supergraph().sdl() == second).await;
    assert!(knows(&router, "second").await);

    // Refused, then put right, told by the signal.
    std::fs::write(&file, "type Query {").unwrap();
    now.notify_one();
    let third = supergraph("third: Int");
    std::fs::remove_file(&file).unwrap();
    now.notify_one();
    assert_eq!(router.supergraph().sdl(), second);
    std::fs::write(&file, &third).unwrap();
    now.notify_one();
    eventually(|| router.supergraph().sdl() == third).await;
    assert!(!knows(&router, "second").await);

    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn reloading_serves_the_new_supergraph() {
    let (router, _) = crate::mocks::mocked(vec![(
        "a",
        "type Query { old: Int }",
        crate::mocks::Mock::new(json!({"old": 1}), |_| serde_json::Value::Null),
    )]);
    assert_eq!(ask(&router, "{ old }").await, json!({"data": {"old": 1}}));
    let composed = compose(&[SubgraphSdl::new(
        "a",
        "",
        format!(
            "{}type Query {{ new: Int old: String }}",
            crate::mocks::LINK
        ),
    )])
    .unwrap();
    router
        .reload(Supergraph::parse(&composed.supergraph_sdl).unwrap())
        .unwrap();
    let answer = ask(&router, "{ new old }").await;
    assert_eq!(answer, json!({"data": {"new": null, "old": 1}}));
}
