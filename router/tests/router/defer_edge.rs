//! `@defer` over HTTP, server-sent events and WebSockets.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::gates::{Gated, gated};
use crate::harness::{self, serve};

const QUERY: &str = r#"{ me { name ... @defer(label: "r") { reviews { id } } } }"#;
const FIRST: &str = r#"{"data":{"me":{"name":"Ada"}},"hasNext":true}"#;

async fn served() -> (Gated, String) {
    let graph = gated();
    let base = serve(graph.router.clone().into_axum()).await;
    (graph, base)
}

fn post(base: &str, accept: &str, query: &str) -> http::Request<String> {
    http::Request::post(format!("{base}/graphql"))
        .header("content-type", "application/json")
        .header("accept", accept)
        .body(json!({"query": query}).to_string())
        .unwrap()
}

/// An answer whose body is read as it comes.
struct Body {
    content_type: String,
    incoming: Incoming,
    text: String,
}

impl Body {
    async fn of(request: http::Request<String>) -> Self {
        let executor = hyper_util::rt::TokioExecutor::new();
        let client = hyper_util::client::legacy::Client::builder(executor).build_http();
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let (parts, incoming) = client.request(request).await.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        Self {
            content_type: parts.headers["content-type"].to_str().unwrap().to_owned(),
            incoming,
            text: String::new(),
        }
    }

    /// Reads until `end` was seen; gives what came so far, once.
    async fn until(&mut self, end: &str) -> String {
        while !self.text.contains(end) {
            let frame = self.incoming.frame().await.expect("more").unwrap();
            let data = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
        std::mem::take(&mut self.text)
    }

    async fn rest(self) -> String {
        let rest = self.incoming.collect().await.unwrap().to_bytes();
        self.text + std::str::from_utf8(&rest).unwrap()
    }
}

#[tokio::test]
async fn pieces_are_parts_each_with_the_delimiter_behind_it() {
    let (graph, base) = served().await;
    graph.reviews.close();
    let accept = "multipart/mixed;deferSpec=20220824,application/json";
    let mut body = Body::of(post(&base, accept, QUERY)).await;
    assert_eq!(
        body.content_type,
        "multipart/mixed; boundary=\"graphql\"; deferSpec=20220824"
    );
    let head = "\r\ncontent-type: application/json\r\n\r\n";
    // Clients read a part only when they see the delimiter after it.
    let first = body.until("hasNext\":true}\r\n--graphql").await;
    assert_eq!(first, format!("\r\n--graphql{head}{FIRST}\r\n--graphql"));
    graph.reviews.open();
    let rest = body.rest().await;
    let part = rest.strip_prefix(head).unwrap();
    let last: Value =
        serde_json::from_str(part.strip_suffix("\r\n--graphql--\r\n").unwrap()).unwrap();
    assert_eq!(last["hasNext"], false);
    assert_eq!(last["incremental"][0]["label"], "r");
}

#[tokio::test]
async fn the_newer_format_is_for_those_who_ask() {
    let (_graph, base) = served().await;
    let body = Body::of(post(&base, "multipart/mixed;incrementalSpec=v0.2", QUERY)).await;
    assert_eq!(
        body.content_type,
        "multipart/mixed; boundary=\"graphql\"; incrementalSpec=v0.2"
    );
    let text = body.rest().await;
    assert!(
        text.contains(r#""pending":[{"id":"0","path":["me"],"label":"r"}]"#),
        "{text}"
    );
    assert!(text.contains(r#""completed":[{"id":"0"}]"#), "{text}");
}

#[tokio::test]
async fn others_get_one_ordinary_answer() {
    let (_graph, base) = served().await;
    let whole = json!({"data": {"me": {"name": "Ada", "reviews": [{"id": "r1"}, {"id": "r2"}]}}});
    for accept in [
        "application/json",
        "application/graphql-response+json",
        "*/*",
        "multipart/mixed;subscriptionSpec=1.0,application/json",
        "multipart/mixed;deferSpec=20990101,application/json",
    ] {
        let answer = harness::http(post(&base, accept, QUERY)).await;
        assert_eq!(answer.json(), whole, "{accept}");
    }
    // Who could take pieces gets none where nothing is deferred.
    let accept = "multipart/mixed;deferSpec=20220824,application/json";
    let answer = harness::http(post(&base, accept, "{ me { name } }")).await;
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(answer.json(), json!({"data": {"me": {"name": "Ada"}}}));
}

#[tokio::test]
async fn refusals_are_ordinary_answers() {
    let (_graph, base) = served().await;
    let accept = "multipart/mixed;deferSpec=20220824,application/graphql-response+json";
    let wrong = r#"mutation { ... @defer { append(text: "x") } }"#;
    let answer = harness::http(post(&base, accept, wrong)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_work() {
    let (graph, base) = served().await;
    graph.reviews.close();
    let accept = "multipart/mixed;deferSpec=20220824";
    let mut body = Body::of(post(&base, accept, QUERY)).await;
    body.until("hasNext").await;
    graph.reviews.has_under_way(1).await;
    drop(body);
    graph.reviews.has_under_way(0).await;
}

#[tokio::test]
async fn pieces_are_server_sent_events() {
    let (graph, base) = served().await;
    graph.reviews.close();
    let mut body = Body::of(post(&base, "text/event-stream", QUERY)).await;
    let first = body.until("\n\n").await;
    assert_eq!(first, format!("event: next\ndata: {FIRST}\n\n"));
    graph.reviews.open();
    let rest = body.rest().await;
    assert_eq!(rest.matches("event: next").count(), 1, "{rest}");
    assert!(rest.contains(r#""hasNext":false"#), "{rest}");
    assert!(rest.ends_with("event: complete\ndata:\n\n"), "{rest}");
}

#[tokio::test]
async fn events_and_sockets_take_the_newer_format_by_an_extension() {
    let (_graph, base) = served().await;
    let with = |version: &str| json!({"query": QUERY, "extensions": {"incrementalSpec": version}});
    let events = |version: &str| {
        http::Request::post(format!("{base}/graphql"))
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(with(version).to_string())
            .unwrap()
    };
    let text = Body::of(events("v0.2")).await.rest().await;
    assert!(text.contains(r#""completed":[{"id":"0"}]"#), "{text}");
    let text = Body::of(events("20220824")).await.rest().await;
    assert!(text.contains(r#""path":["me"],"label":"r""#), "{text}");
    assert!(!text.contains("completed"), "{text}");
    // A format the client could not read is not sent.
    let text = Body::of(events("v9")).await.rest().await;
    assert_eq!(text.matches("event: next").count(), 1, "{text}");
    assert!(!text.contains("hasNext"), "{text}");

    let mut socket = connect(&base).await;
    let subscribe = json!({"type": "subscribe", "id": "a", "payload": with("v0.2")});
    for message in [json!({"type": "connection_init"}), subscribe] {
        let message = Message::text(message.to_string());
        socket.send(message).await.unwrap();
    }
    let mut payloads = Vec::new();
    while let Some(message) = socket.next().await {
        let message: Value = serde_json::from_str(message.unwrap().to_text().unwrap()).unwrap();
        match message["type"].as_str() {
            Some("next") => payloads.push(message["payload"].clone()),
            Some("complete") => break,
            _ => {}
        }
    }
    assert_eq!(payloads[0]["pending"][0]["label"], "r");
    assert_eq!(payloads[1]["incremental"][0]["id"], "0");
    assert_eq!(payloads[1]["completed"], json!([{"id": "0"}]));
}

#[tokio::test]
async fn pieces_are_messages_of_a_socket_with_one_id() {
    let (graph, base) = served().await;
    graph.reviews.close();
    let mut socket = connect(&base).await;
    for message in [
        json!({"type": "connection_init"}),
        json!({"type": "subscribe", "id": "a", "payload": {"query": QUERY}}),
    ] {
        socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }
    let mut next = async || {
        let message = socket.next().await.unwrap().unwrap();
        serde_json::from_str::<Value>(message.to_text().unwrap()).unwrap()
    };
    assert_eq!(next().await["type"], "connection_ack");
    let first = next().await;
    assert_eq!(
        (&first["type"], &first["id"]),
        (&json!("next"), &json!("a"))
    );
    assert_eq!(
        first["payload"].to_string(),
        serde_json::from_str::<Value>(FIRST).unwrap().to_string()
    );
    graph.reviews.open();
    let second = next().await;
    assert_eq!(second["payload"]["hasNext"], false);
    assert_eq!(second["payload"]["incremental"][0]["path"], json!(["me"]));
    assert_eq!(next().await, json!({"type": "complete", "id": "a"}));
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(base: &str) -> Socket {
    let url = format!("{}/graphql", base.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    tokio_tungstenite::connect_async(request).await.unwrap().0
}
