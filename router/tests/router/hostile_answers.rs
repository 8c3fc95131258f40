//! More of what subgraphs may answer that is not what was asked: each costs its
//! own field, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::ask;
use crate::hostile::{QUERY, costs_one_field, raw, router};

/// A server that answers every request with this status and body.
async fn server(status: &str, headers: &str, body: &[u8]) -> String {
    let mut answer = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    raw(Box::leak(answer.into_boxed_slice())).await
}

async fn json_server(status: &str, body: &Value) -> String {
    let body = body.to_string();
    server(
        status,
        "content-type: application/json\r\n",
        body.as_bytes(),
    )
    .await
}

/// A server that sends `head`, then `more` every few milliseconds until the
/// connection ends.
async fn dripping(head: &'static str, more: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drip = move |mut socket: TcpStream| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let mut next = head;
        while socket.write_all(next.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            next = more;
        }
    };
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(drip(socket));
        }
    });
    format!("http://{address}")
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn slow_headers() {
    let address = dripping(OK, "x").await;
    costs_one_field(&address, "SUBGRAPH_TIMEOUT").await;
}

#[tokio::test]
async fn a_slow_body() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n";
    let address = dripping(head, " ").await;
    costs_one_field(&address, "SUBGRAPH_TIMEOUT").await;
}

#[tokio::test]
async fn headers_without_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(OK.as_bytes()).await;
            let line = "x: y\r\n".repeat(500);
            while socket.write_all(line.as_bytes()).await.is_ok() {}
        }
    });
    let router = router(&format!("http://{address}")).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(answer["data"]["me"], json!({"name": "Ada"}));
    let error = &answer["errors"][0]["extensions"];
    assert_eq!(error["service"], "inventory");
    let code = error["code"].as_str().unwrap();
    // Refused for its length, not given up in the end.
    assert!(
        ["SUBGRAPH_UNAVAILABLE", "SUBGRAPH_INVALID_RESPONSE"].contains(&code),
        "{code}"
    );
}

#[tokio::test]
async fn data_that_comes_with_a_bad_status_is_used() {
    let body = json!({
        "data": {"_entities": [{"__typename": "Product", "inStock": true}]},
        "errors": [{"message": "Half of us is down."}]
    });
    let router = router(&json_server("500 Internal Server Error", &body).await).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(
        answer["data"]["topProducts"],
        json!([{"name": "Table", "inStock": true}])
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["message"], "Half of us is down.");
    assert_eq!(answer["errors"][0]["extensions"]["service"], "inventory");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
}

#[tokio::test]
async fn json_that_is_no_graphql_answer() {
    for (status, body) in [
        ("404 Not Found", json!({"message": "no route"})),
        ("502 Bad Gateway", json!({"error": "upstream"})),
        ("200 OK", json!({"errors": "no"})),
        ("200 OK", json!({"errors": []})),
        ("200 OK", json!({"data": null})),
        ("200 OK", json!({"data": []})),
        ("200 OK", json!({"data": "text"})),
        ("200 OK", json!("text")),
        ("200 OK", json!(null)),
    ] {
        let address = json_server(status, &body).await;
        costs_one_field(&address, "SUBGRAPH_INVALID_RESPONSE").await;
    }
}

#[tokio::test]
async fn entities_that_are_no_list_of_as_many_objects() {
    for entities in [
        json!(null),
        json!({}),
        json!("text"),
        json!([]),
        json!([[{"inStock": true}], null]),
    ] {
        let address = json_server("200 OK", &json!({"data": {"_entities": entities}})).await;
        costs_one_field(&address, "SUBGRAPH_INVALID_RESPONSE").await;
    }
    let address = json_server("200 OK", &json!({"data": {}})).await;
    costs_one_field(&address, "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let headers = "location: http://127.0.0.1:1/\r\n";
    let address = server("302 Found", headers, b"").await;
    costs_one_field(&address, "SUBGRAPH_UNAVAILABLE").await;
}

#[tokio::test]
async fn bodies_that_are_compressed_without_being_asked() {
    let headers = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let body = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff];
    let address = server("200 OK", headers, &body).await;
    costs_one_field(&address, "SUBGRAPH_INVALID_RESPONSE").await;
}

#[tokio::test]
async fn values_nested_without_end() {
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for body in [
        format!(r#"{{"unknown": {deep}, "data": null}}"#),
        format!(r#"{{"data": {{"_entities": [{{"inStock": {deep}}}]}}}}"#),
        format!(r#"{{"data": {{"_entities": {deep}}}}}"#),
        format!(r#"{{"errors": [{{"message": "x", "extensions": {deep}}}]}}"#),
    ] {
        let headers = "content-type: application/json\r\n";
        let address = server("200 OK", headers, body.as_bytes()).await;
        costs_one_field(&address, "SUBGRAPH_INVALID_RESPONSE").await;
    }
}

#[tokio::test]
async fn thousands_of_errors_of_any_shape() {
    let errors: Vec<Value> = (0..2000)
        .map(|at| match at % 4 {
            0 => json!({}),
            1 => json!(7),
            2 => json!(null),
            _ => json!([]),
        })
        .collect();
    let address = json_server("200 OK", &json!({"data": null, "errors": errors})).await;
    let router = router(&address).await;
    let answer = ask(&router, QUERY).await;
    assert_eq!(answer["data"]["me"], json!({"name": "Ada"}));
    let errors = answer["errors"].as_array().unwrap();
    assert!((1..=1000).contains(&errors.len()), "{}", errors.len());
    for error in errors {
        assert!(error["message"].is_string(), "{error}");
        assert_eq!(error["extensions"]["code"], "INTERNAL");
        assert_eq!(error["extensions"]["service"], "inventory");
    }
}
