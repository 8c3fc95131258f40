//! Subscriptions that outlive the connection to their subgraph.

use std::sync::Arc;

use atelier_router::config::{SubgraphDefaults, SubscriptionProtocol, Subscriptions};
use atelier_router::{ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::graph;
use crate::harness::{self, serve, supergraph};
use crate::log::{self, Log, Server};
use crate::socket::{Socket, WAIT};

const LOGGED: &str = "subscription ($after: String) { logged(after: $after) {
    ... on Added { text product { inStock } } ... on Noted { text } } }";

fn quick() -> Subscriptions {
    Subscriptions {
        reconnect_initial_ms: 1,
        reconnect_max_ms: 20,
        reconnect_attempts: 1_000,
        ..Subscriptions::default()
    }
}

fn config(protocol: SubscriptionProtocol, subscriptions: Subscriptions) -> RouterConfig {
    RouterConfig {
        subscriptions,
        subgraph_defaults: SubgraphDefaults {
            subscriptions: protocol,
            ..SubgraphDefaults::default()
        },
        ..RouterConfig::default()
    }
}

fn sdls(log: &Log, url: &str) -> Vec<atelier_composition::SubgraphSdl> {
    let inventory = harness::Graph::new().sdls([""; 4]).swap_remove(2);
    let products = harness::Graph::new().sdls([""; 4]).swap_remove(1);
    vec![log::sdl(log, url), inventory, products]
}

/// A router over the log at `url` and the inventory in process.
fn router(log: &Log, url: &str, config: RouterConfig) -> Router {
    let graph = harness::Graph::new();
    Router::builder(supergraph(&sdls(log, url)))
        .config(config)
        .subgraph(
            "inventory",
            Arc::new(LocalSubgraph::new(graph::inventory(), |_, _| {})),
        )
        .subgraph(
            "products",
            Arc::new(LocalSubgraph::new(graph.products, |_, _| {})),
        )
        .build()
        .unwrap()
}

fn logged(after: Option<&str>) -> ClientRequest {
    let mut request = ClientRequest::new(LOGGED);
    request.params.variables = json!({ "after": after }).as_object().cloned();
    request
}

async fn follow(router: &Router, request: ClientRequest) -> BoxStream<'static, Bytes> {
    match router.execute(request).await {
        Outcome::Stream(events, _) => events,
        outcome => panic!("no stream: {outcome:?}"),
    }
}

async fn next(events: &mut BoxStream<'static, Bytes>) -> Value {
    let event = tokio::time::timeout(WAIT, events.next()).await;
    let event = event.expect("no event in time").expect("the stream ended");
    serde_json::from_slice(&event).unwrap()
}

fn added(text: &str, stock: bool) -> Value {
    let stock = stock.then_some(true);
    json!({"data": {"logged": {"text": text, "product": {"inStock": stock}}}})
}

async fn survives_restarts(protocol: SubscriptionProtocol) {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let router = router(&log, &server.url, config(protocol, quick()));
    let mut events = follow(&router, logged(None)).await;
    log.followed_by(1).await;
    log.add("1");
    assert_eq!(next(&mut events).await, added("1", false));
    for round in 0..3 {
        server.kill();
        log.followed_by(0).await;
        let (a, b, c) = (round * 3 + 2, round * 3 + 3, round * 3 + 4);
        log.add(&a.to_string());
        log.add(&b.to_string());
        server.restart().await;
        log.followed_by(1).await;
        log.add(&c.to_string());
        for n in [a, b, c] {
            assert_eq!(next(&mut events).await, added(&n.to_string(), n % 2 == 0));
        }
    }
}

#[tokio::test]
async fn a_restart_of_the_subgraph_loses_and_repeats_nothing_over_websockets() {
    survives_restarts(SubscriptionProtocol::Websocket).await;
}

#[tokio::test]
async fn a_restart_of_the_subgraph_loses_and_repeats_nothing_over_sse() {
    survives_restarts(SubscriptionProtocol::Sse).await;
}

#[tokio::test]
async fn a_restart_of_the_subgraph_loses_and_repeats_nothing_by_multipart() {
    survives_restarts(SubscriptionProtocol::Multipart).await;
}

#[tokio::test]
async fn events_without_a_cursor_do_not_move_the_subscription() {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &server.url, config);
    let mut events = follow(&router, logged(None)).await;
    log.followed_by(1).await;
    log.add("1");
    log.add("note 2");
    assert_eq!(next(&mut events).await, added("1", false));
    let noted = json!({"data": {"logged": {"text": "note 2"}}});
    assert_eq!(next(&mut events).await, noted);
    server.kill();
    server.restart().await;
    // What has no cursor is told again: it stands behind the last one.
    assert_eq!(next(&mut events).await, noted);
    log.add("3");
    assert_eq!(next(&mut events).await, added("3", false));
}

#[tokio::test]
async fn a_subscription_that_cannot_be_continued_ends_with_an_error() {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &server.url, config);
    let mut events = follow(&router, ClientRequest::new("subscription { heard }")).await;
    log.followed_by(1).await;
    log.add("1");
    assert_eq!(next(&mut events).await, json!({"data": {"heard": "1"}}));
    server.kill();
    let last = next(&mut events).await;
    assert_eq!(
        last["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    assert_eq!(last["errors"][0]["path"], json!(["heard"]));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn before_its_first_event_any_subscription_is_started_again() {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &server.url, config);
    let mut events = follow(&router, ClientRequest::new("subscription { heard }")).await;
    log.followed_by(1).await;
    server.kill();
    log.followed_by(0).await;
    server.restart().await;
    log.followed_by(1).await;
    log.add("1");
    assert_eq!(next(&mut events).await, json!({"data": {"heard": "1"}}));
}

#[tokio::test]
async fn a_subgraph_that_stays_away_is_an_error_after_some_attempts() {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let subscriptions = Subscriptions {
        reconnect_attempts: 2,
        ..quick()
    };
    let config = config(SubscriptionProtocol::Websocket, subscriptions);
    let router = router(&log, &server.url, config);
    let mut events = follow(&router, logged(None)).await;
    log.followed_by(1).await;
    log.add("1");
    next(&mut events).await;
    server.kill();
    let last = next(&mut events).await;
    assert_eq!(
        last["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_reload_that_moves_the_subgraph_takes_the_subscription_along() {
    let log = Log::default();
    let old = Server::start(&log).await;
    let new = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &old.url, config);
    let mut events = follow(&router, logged(None)).await;
    let mut heard = follow(&router, ClientRequest::new("subscription { heard }")).await;
    log.followed_by(2).await;
    log.add("1");
    assert_eq!(next(&mut events).await, added("1", false));
    next(&mut heard).await;
    let opened = log.opened();
    router.reload(supergraph(&sdls(&log, &new.url))).unwrap();
    harness::eventually(|| log.opened() > opened).await;
    log.add("2");
    assert_eq!(next(&mut events).await, added("2", true));
    // The one that cannot be continued stays where it is.
    assert_eq!(next(&mut heard).await, json!({"data": {"heard": "2"}}));
    log.followed_by(2).await;
    drop(old);
    log.add("3");
    assert_eq!(next(&mut events).await, added("3", false));
}

#[tokio::test]
async fn draining_tells_where_to_continue_and_another_router_does() {
    let log = Log::default();
    let server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let (one, two) = (
        router(&log, &server.url, config.clone()),
        router(&log, &server.url, config),
    );
    let base = serve(one.clone().into_axum()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", LOGGED).await;
    socket.subscribe("b", "subscription { heard }").await;
    log.followed_by(2).await;
    log.add("1");
    socket.next().await;
    socket.next().await;
    one.drain();
    let told = socket.next().await;
    let extensions = &told["payload"]["errors"][0]["extensions"];
    assert_eq!((&told["id"], &told["type"]), (&json!("a"), &json!("next")));
    assert_eq!(extensions["code"], "SERVER_DRAINING");
    assert_eq!(extensions["resume"], json!({"arg": "after", "cursor": "1"}));
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "a"}));
    assert_eq!(socket.close_code().await, 1001);
    log.add("2");
    let cursor = extensions["resume"]["cursor"].as_str();
    let mut events = follow(&two, logged(cursor)).await;
    assert_eq!(next(&mut events).await, added("2", true));
}

#[tokio::test]
async fn server_sent_events_carry_cursors_and_continue_behind_them() {
    let log = Log::default();
    let server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &server.url, config);
    let base = serve(router.clone().into_axum()).await;
    for text in ["1", "2", "3"] {
        log.add(text);
    }
    let request = http::Request::post(format!("{base}/graphql"))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .header("last-event-id", "1")
        .body(json!({"query": "subscription { logged { ... on Added { text } } }"}).to_string())
        .unwrap();
    let mut frames = harness::stream(request).await;
    let mut body = String::new();
    while !body.contains("\"text\":\"3\"") {
        body.push_str(&frames.next().await.unwrap());
    }
    router.drain();
    while let Some(frame) = frames.next().await {
        body.push_str(&frame);
    }
    assert!(
        body.contains("id: 3\nevent: next\ndata: {\"data\":{\"logged\":{\"text\":\"3\"}}}\n\n"),
        "{body}"
    );
    assert!(!body.contains("id: 1\n"), "{body}");
    let (_, last) = body.rsplit_once("event: next\ndata: ").unwrap();
    let (last, _) = last.split_once('\n').unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        last["errors"][0]["extensions"]["resume"],
        json!({"arg": "after", "cursor": "3"})
    );
    assert!(body.ends_with("event: complete\ndata:\n\n"));
}

#[tokio::test]
async fn literals_aliases_and_own_cursor_fields_are_left_alone() {
    let log = Log::default();
    let mut server = Server::start(&log).await;
    let config = config(SubscriptionProtocol::Websocket, quick());
    let router = router(&log, &server.url, config);
    log.add("1");
    log.add("2");
    let query = "subscription { mine: logged(after: \"1\") {
        ... on Added { cursor: text _resumeCursor: cursor } } }";
    let mut events = follow(&router, ClientRequest::new(query)).await;
    let event = |n: &str| json!({"data": {"mine": {"cursor": n, "_resumeCursor": n}}});
    assert_eq!(next(&mut events).await, event("2"));
    server.kill();
    log.add("3");
    server.restart().await;
    assert_eq!(next(&mut events).await, event("3"));
}

#[tokio::test]
async fn a_client_that_is_closed_as_too_slow_continues_without_loss() {
    let log = Log::default();
    let server = Server::start(&log).await;
    let subscriptions = Subscriptions {
        queue: 2,
        slow_after_ms: 50,
        ..quick()
    };
    let router = router(
        &log,
        &server.url,
        config(SubscriptionProtocol::Websocket, subscriptions),
    );
    let base = harness::serve_router(router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    let query = "subscription { logged(after: \"0\") { ... on Added { cursor text } } }";
    // More than the queues and the buffers of the connections hold.
    let long = "x".repeat(64 * 1024);
    for _ in 0..1_000 {
        log.add(&long);
    }
    socket.subscribe("a", query).await;
    harness::eventually(|| log.opened() == 1 && log.followers() == 0).await;
    let mut last = 0;
    let resume = loop {
        let message = socket.next().await;
        assert_eq!(message["id"], "a", "{message}");
        let error = &message["payload"]["errors"][0]["extensions"];
        if !error.is_null() {
            assert_eq!(error["code"], "SLOW_CLIENT");
            break error["resume"].clone();
        }
        let cursor = &message["payload"]["data"]["logged"]["cursor"];
        last += 1;
        assert_eq!(cursor, &json!(last.to_string()));
    };
    assert!(last < 1_000, "everything came");
    assert_eq!(resume, json!({"arg": "after", "cursor": last.to_string()}));
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "a"}));
    assert_eq!(socket.close_code().await, 1013);
}
