//! Subscriptions, queries and mutations over WebSockets and server-sent events.

use atelier_router::RouterConfig;
use atelier_router::config::Subscriptions;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::harness::{self, Graph, in_process, in_process_with, serve_router};
use crate::socket::{Socket, WAIT};

pub const CHANGED: &str = "subscription { productChanged { name inStock reviews { body } } }";

pub fn changed(id: &str, name: &str, stock: Value, reviews: Value) -> Value {
    json!({"id": id, "type": "next", "payload": {"data": {
        "productChanged": {"name": name, "inStock": stock, "reviews": reviews},
    }}})
}

/// Publishes once somebody listens.
pub async fn publish(graph: &Graph, text: &str) {
    let deadline = tokio::time::Instant::now() + WAIT;
    while graph.bus.receiver_count() == 0 {
        assert!(tokio::time::Instant::now() < deadline, "nobody subscribed");
        tokio::task::yield_now().await;
    }
    graph.bus.send(text.to_owned()).unwrap();
}

#[tokio::test]
async fn each_event_runs_the_rest_of_the_plan() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", CHANGED).await;
    publish(&shop.graph, "1").await;
    let reviews = json!([{"body": "Love it!"}, {"body": "Prefer something else."}]);
    assert_eq!(
        socket.next().await,
        changed("a", "Table", json!(true), reviews)
    );
    publish(&shop.graph, "2").await;
    let reviews = json!([{"body": "Too expensive."}]);
    assert_eq!(
        socket.next().await,
        changed("a", "Couch", Value::Null, reviews)
    );
    publish(&shop.graph, "end").await;
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "a"}));
}

#[tokio::test]
async fn queries_and_mutations_run_over_websockets() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("q", "{ me { name } }").await;
    assert_eq!(
        socket.next().await,
        json!({"id": "q", "type": "next", "payload": {"data": {"me": {"name": "Ada"}}}})
    );
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "q"}));
    socket
        .subscribe("m", "mutation { append(text: \"x\") }")
        .await;
    assert_eq!(
        socket.next().await,
        json!({"id": "m", "type": "next", "payload": {"data": {"append": 1}}})
    );
}

#[tokio::test]
async fn a_refused_document_is_an_error_message() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", "subscription { nothing }").await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["type"], &answer["id"]),
        (&json!("error"), &json!("a"))
    );
    assert_eq!(
        answer["payload"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    socket
        .send(json!({"type": "ping", "payload": {"n": 1}}))
        .await;
    assert_eq!(
        socket.next().await,
        json!({"type": "pong", "payload": {"n": 1}})
    );
}

#[tokio::test]
async fn protocol_errors_close_the_socket_with_their_code() {
    let shop = in_process_with(RouterConfig {
        subscriptions: Subscriptions {
            init_timeout_ms: 50,
            ..Subscriptions::default()
        },
        ..RouterConfig::default()
    });
    let base = serve_router(shop.router.clone()).await;
    let protocol = "graphql-transport-ws";

    let mut silent = Socket::open(&base, protocol).await;
    assert_eq!(silent.close_code().await, 4408);

    let mut unready = Socket::open(&base, protocol).await;
    unready.subscribe("a", CHANGED).await;
    assert_eq!(unready.close_code().await, 4401);

    let mut twice = Socket::ready(&base).await;
    twice.send(json!({"type": "connection_init"})).await;
    assert_eq!(twice.close_code().await, 4429);

    let mut nonsense = Socket::ready(&base).await;
    nonsense.send(json!({"type": "what"})).await;
    assert_eq!(nonsense.close_code().await, 4400);

    let mut same = Socket::ready(&base).await;
    same.subscribe("a", CHANGED).await;
    same.subscribe("a", CHANGED).await;
    assert_eq!(same.close_code().await, 4409);
}

#[tokio::test]
async fn completing_ends_the_subscription_upstream() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", CHANGED).await;
    publish(&shop.graph, "1").await;
    socket.next().await;
    socket.send(json!({"type": "complete", "id": "a"})).await;
    let deadline = tokio::time::Instant::now() + WAIT;
    while shop.graph.bus.receiver_count() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "still subscribed");
        tokio::task::yield_now().await;
    }
    // The id is free again.
    socket.subscribe("a", "{ me { name } }").await;
    assert_eq!(socket.next().await["type"], "next");
}

#[tokio::test]
async fn the_older_subprotocol_works_too() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::open(&base, "graphql-ws").await;
    socket
        .send(json!({"type": "connection_init", "payload": {}}))
        .await;
    assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
    let start = |query: &str| json!({"type": "start", "id": "1", "payload": {"query": query}});
    socket.send(start("subscription { countTo(n: 2) }")).await;
    for n in 1..=2 {
        assert_eq!(
            socket.next().await,
            json!({"id": "1", "type": "data", "payload": {"data": {"countTo": n}}})
        );
    }
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    socket.send(json!({"type": "connection_terminate"})).await;
    assert_eq!(socket.close_code().await, 1000);
}

#[tokio::test]
async fn draining_closes_sockets_and_refuses_new_requests() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", CHANGED).await;
    publish(&shop.graph, "1").await;
    socket.next().await;
    shop.router.drain();
    assert_eq!(socket.close_code().await, 1001);
    let answer = harness::ask(&shop.router, "{ me { name } }").await;
    assert_eq!(
        answer["errors"][0]["message"],
        "The server is shutting down."
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let shop = in_process_with(RouterConfig {
        subscriptions: Subscriptions {
            queue: 2,
            slow_after_ms: 50,
            ..Subscriptions::default()
        },
        ..RouterConfig::default()
    });
    let base = serve_router(shop.router.clone()).await;
    let mut bystander = Socket::ready(&base).await;
    bystander.subscribe("b", CHANGED).await;
    harness::eventually(|| shop.products.calls() == 1).await;
    let mut socket = Socket::ready(&base).await;
    // More than the queues and the buffers of the connection hold.
    let (count, long) = (100_000, "a".repeat(4_000));
    let query = format!("subscription {{ {long}: countTo(n: {count}) }}");
    socket.subscribe("a", &query).await;
    // The subgraph is let go of when the client is given up.
    harness::eventually(|| shop.products.let_go() == 1).await;
    let mut events = 0;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(WAIT, socket.0.next()).await {
        events += 1;
        assert!(!message.to_string().contains("complete"));
    }
    assert!(events < count, "all events arrived");
    publish(&shop.graph, "1").await;
    assert_eq!(bystander.next().await["id"], "b");
}

#[tokio::test]
async fn a_burst_of_events_does_not_make_a_reading_client_slow() {
    let shop = in_process_with(RouterConfig {
        subscriptions: Subscriptions {
            queue: 2,
            ..Subscriptions::default()
        },
        ..RouterConfig::default()
    });
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket
        .subscribe("a", "subscription { countTo(n: 2000) }")
        .await;
    for n in 1..=2000 {
        assert_eq!(socket.next().await["payload"]["data"]["countTo"], n);
    }
    assert_eq!(socket.next().await["type"], "complete");
}

// Server-sent events

async fn sse(base: &str, query: &str) -> (u16, String) {
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = http::Request::post(format!("{base}/graphql"))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(json!({"query": query}).to_string().into())
        .unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap()
        .to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn events_come_as_server_sent_events() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let (status, body) = sse(&base, "subscription { countTo(n: 2) }").await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        ":\n\nevent: next\ndata: {\"data\":{\"countTo\":1}}\n\n\
         event: next\ndata: {\"data\":{\"countTo\":2}}\n\nevent: complete\ndata:\n\n"
    );
}

#[tokio::test]
async fn a_query_can_be_asked_as_server_sent_events() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let (_, body) = sse(&base, "{ me { name } }").await;
    assert_eq!(
        body,
        "event: next\ndata: {\"data\":{\"me\":{\"name\":\"Ada\"}}}\n\nevent: complete\ndata:\n\n"
    );
    let (status, body) = sse(&base, "{ nothing }").await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn events_come_as_parts_for_clients_of_that_protocol() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let request = |query: &str| {
        http::Request::post(format!("{base}/graphql"))
            .header("content-type", "application/json")
            .header(
                "accept",
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\",application/json",
            )
            .body(json!({"query": query}).to_string())
            .unwrap()
    };
    let answer = harness::http(request("subscription { countTo(n: 2) }")).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("multipart/mixed; boundary=\"graphql\"")
    );
    let part = |n: i32| {
        format!(
            "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{{\"data\":{{\"countTo\":{n}}}}}}}"
        )
    };
    assert_eq!(
        answer.body,
        format!("{}{}\r\n--graphql--\r\n", part(1), part(2))
    );
    let query = harness::http(request("{ me { name } }")).await;
    assert_eq!(query.json(), json!({"data": {"me": {"name": "Ada"}}}));
}

#[tokio::test]
async fn a_reload_keeps_open_subscriptions() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket
        .subscribe("a", "subscription { productChanged { name } }")
        .await;
    publish(&shop.graph, "1").await;
    let named = |name: &str| json!({"data": {"productChanged": {"name": name}}});
    assert_eq!(socket.next().await["payload"], named("Table"));
    shop.router.reload(shop.graph.supergraph()).unwrap();
    publish(&shop.graph, "2").await;
    assert_eq!(socket.next().await["payload"], named("Couch"));
}
