//! Subgraphs that are slow, down, or answer nonsense: other fields are served,
//! and the error names the subgraph.

use std::time::Duration;

use atelier_router::config::SubgraphDefaults;
use atelier_router::{Router, RouterConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Graph, ask, serve_schema, supergraph};

/// A server that sends these bytes to every request, then closes.
pub async fn raw(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
                let _ = socket.write_all(answer).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    format!("http://{address}")
}

/// A server that answers nothing, ever.
pub async fn silent() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            open.push(socket);
        }
    });
    format!("http://{address}")
}

/// An address nobody listens at.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A router whose inventory is at `inventory`.
pub async fn router(inventory: &str) -> Router {
    let graph = Graph::new();
    let sdls = graph.sdls([
        &serve_schema(graph.accounts.clone()).await,
        &serve_schema(graph.products.clone()).await,
        inventory,
        &serve_schema(graph.reviews.clone()).await,
    ]);
    let config = RouterConfig {
        subgraph_defaults: SubgraphDefaults {
            timeout_ms: 300,
            max_response_bytes: 10_000,
            ..SubgraphDefaults::default()
        },
        ..RouterConfig::default()
    };
    Router::builder(supergraph(&sdls))
        .config(config)
        .build()
        .unwrap()
}

pub const QUERY: &str = "{ topProducts(first: 1) { name inStock } me { name } }";

/// Everything but inventory is served, and there is one error with this code.
pub async fn costs_one_field(inventory: &str, code: &str) {
    let router = router(inventory).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(
        answer["data"],
        json!({"topProducts": [{"name": "Table", "inStock": null}], "me": {"name": "Ada"}}),
        "{answer}"
    );
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer}");
    assert_eq!(errors[0]["extensions"]["code"], code, "{answer}");
    assert_eq!(errors[0]["extensions"]["service"], "inventory");
    assert_eq!(errors[0]["path"], json!(["topProducts"]));
}

#[tokio::test]
async fn down() {
    costs_one_field(&nobody().await, "SUBGRAPH_UNAVAILABLE").await;
}

#[tokio::test]
async fn slow() {
    costs_one_field(&silent().await, "SUBGRAPH_TIMEOUT").await;
}

#[tokio::test]
async fn cut_off_in_mid_body() {
    let server = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"data\":",
    );
    costs_one_field(&server.await, "SUBGRAPH_UNAVAILABLE").await;
}

#[tokio::test]
async fn wrong_content_type() {
    let server =
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<b/>");
    costs_one_field(&server.await, "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn server_error_page() {
    let server = raw(
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<b/>",
    );
    costs_one_field(&server.await, "SUBGRAPH_UNAVAILABLE").await;
}

#[tokio::test]
async fn invalid_json() {
    for body in [
        &b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"data\": "[..],
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{\"data\":\"\xff\"}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"data\":null} {}",
    ] {
        costs_one_field(&raw(body).await, "SUBGRAPH_INVALID_RESPONSE").await;
    }
}

#[tokio::test]
async fn wrong_number_of_entities() {
    let server = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 42\r\n\r\n{\"data\":{\"_entities\":[null,null,null,null]}}"
    );
    // One byte is cut off by the length, so this is invalid JSON as well.
    costs_one_field(&server.await, "SUBGRAPH_INVALID_RESPONSE").await;
    let server = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n{\"data\":{\"_entities\":[null,null]}}",
    );
    costs_one_field(&server.await, "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn an_announced_body_that_is_too_large() {
    let server = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n{}",
    );
    costs_one_field(&server.await, "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn an_endless_body() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = socket.read(&mut buffer).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let _ = socket.write_all(head).await;
        let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
        while socket.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    costs_one_field(&format!("http://{address}"), "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn errors_with_a_bad_status_are_passed_on() {
    let body =
        json!({"errors": [{"message": "Busy.", "extensions": {"code": "BUSY"}}]}).to_string();
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let router = router(&raw(Box::leak(answer.into_bytes().into_boxed_slice())).await).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(answer["data"]["topProducts"][0]["name"], "Table");
    assert_eq!(answer["errors"][0]["message"], "Busy.");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BUSY");
}

#[tokio::test]
async fn values_of_the_wrong_shape_are_null() {
    let body =
        json!({"data": {"_entities": [{"__typename": "Product", "inStock": [1, {"a": 2}]}]}});
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let router = router(&raw(Box::leak(answer.into_bytes().into_boxed_slice())).await).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(answer["data"]["me"], json!({"name": "Ada"}));
    assert_ne!(answer["data"]["topProducts"], Value::Null);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let graph = Graph::new();
    let sdls = graph.sdls([
        &silent().await,
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
    ]);
    let config = RouterConfig {
        timeouts: atelier_router::config::Timeouts {
            request_ms: 100,
            ..Default::default()
        },
        ..RouterConfig::default()
    };
    let router = Router::builder(supergraph(&sdls))
        .config(config)
        .build()
        .unwrap();
    let answer =
        tokio::time::timeout(Duration::from_secs(10), ask(&router, "{ me { name } }")).await;
    assert_eq!(
        answer.unwrap()["errors"][0]["extensions"]["code"],
        "REQUEST_TIMEOUT"
    );
}
