//! How many sockets and subscriptions a client may have, and who may see the schema.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use atelier_router::config::{Introspect, Introspection, Quotas};
use atelier_router::{
    Caller, Credentials, Identify, IdentifyError, LocalSubgraph, Router, RouterConfig,
};
use http::Request;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

use crate::edge::{JSON, post, query};
use crate::harness::{Graph, http, serve_router, stream};
use crate::socket::Socket;

/// A token is a person's number, and what they may.
struct Numbers;

#[async_trait]
impl Identify for Numbers {
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        let Some(token) = credentials.bearer() else {
            return Ok(Caller::default());
        };
        let (person, scope) = token.split_once('-').unwrap_or((token, ""));
        Ok(Caller {
            authenticated: true,
            person: person.parse().unwrap(),
            scopes: Arc::new([scope.to_owned()]),
            ..Caller::default()
        })
    }
}

fn router(config: RouterConfig) -> Router {
    let graph = Graph::new();
    Router::builder(graph.supergraph())
        .config(config)
        .identify(Arc::new(Numbers))
        .subgraph(
            "accounts",
            Arc::new(LocalSubgraph::new(graph.accounts, |_, _| {})),
        )
        .subgraph(
            "products",
            Arc::new(LocalSubgraph::new(graph.products, |_, _| {})),
        )
        .subgraph(
            "inventory",
            Arc::new(LocalSubgraph::new(graph.inventory, |_, _| {})),
        )
        .subgraph(
            "reviews",
            Arc::new(LocalSubgraph::new(graph.reviews, |_, _| {})),
        )
        .build()
        .unwrap()
}

async fn with(quotas: Quotas) -> String {
    serve_router(router(RouterConfig {
        quotas,
        ..RouterConfig::default()
    }))
    .await
}

async fn socket_of(base: &str, person: u64) -> Socket {
    let mut socket = Socket::open(base, "graphql-transport-ws").await;
    let token = format!("Bearer {person}");
    socket
        .send(json!({"type": "connection_init", "payload": {"authorization": token}}))
        .await;
    socket
}

#[tokio::test]
async fn sockets_of_one_address_are_limited_before_they_open() {
    for (sockets, sockets_per_address, status) in [(10, 2, 429), (2, 10, 503)] {
        let base = with(Quotas {
            sockets,
            sockets_per_address,
            ..Quotas::default()
        })
        .await;
        let held = [Socket::ready(&base).await, Socket::ready(&base).await];
        let open = || async {
            let url = format!("{}/graphql", base.replace("http://", "ws://"));
            let mut request = url.into_client_request().unwrap();
            let protocol = "graphql-transport-ws".parse().unwrap();
            request
                .headers_mut()
                .insert("sec-websocket-protocol", protocol);
            tokio_tungstenite::connect_async(request).await
        };
        match open().await.unwrap_err() {
            tokio_tungstenite::tungstenite::Error::Http(answer) => {
                assert_eq!(answer.status(), status);
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        while open().await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn sockets_of_one_person_are_limited_whichever_credentials_open_them() {
    let base = with(Quotas {
        sockets_per_person: 2,
        ..Quotas::default()
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = socket_of(&base, 1).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        held.push(socket);
    }
    assert_eq!(socket_of(&base, 1).await.close_code().await, 1013);
    assert_eq!(
        socket_of(&base, 2).await.next().await["type"],
        "connection_ack"
    );
}

const FOLLOW: &str = "subscription { productChanged { upc } }";

fn follow(base: &str, person: u64) -> Request<String> {
    Request::post(format!("{base}/graphql"))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .header("authorization", format!("Bearer {person}"))
        .body(query(FOLLOW))
        .unwrap()
}

#[tokio::test]
async fn subscriptions_of_one_person_are_limited_over_all_transports() {
    let base = with(Quotas {
        subscriptions_per_person: 2,
        ..Quotas::default()
    })
    .await;
    let mut socket = socket_of(&base, 1).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket.subscribe("a", FOLLOW).await;
    // Answered after the subscription has begun.
    socket.subscribe("b", "{ me { name } }").await;
    assert_eq!(socket.next().await["type"], "next");
    assert_eq!(socket.next().await["type"], "complete");
    let mut events = stream(follow(&base, 1)).await;
    assert_eq!(
        futures::StreamExt::next(&mut events).await.as_deref(),
        Some(":\n\n")
    );

    socket.subscribe("c", FOLLOW).await;
    let refused = socket.next().await;
    assert_eq!(
        (&refused["type"], &refused["id"]),
        (&json!("error"), &json!("c"))
    );
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    let refused = http(follow(&base, 1)).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json()["errors"][0]["extensions"]["code"],
        "RATE_LIMITED"
    );
    // Another person has theirs, and what ends makes room.
    let mut other = stream(follow(&base, 2)).await;
    assert_eq!(
        futures::StreamExt::next(&mut other).await.as_deref(),
        Some(":\n\n")
    );
    socket.send(json!({"type": "complete", "id": "a"})).await;
    loop {
        let mut again = stream(follow(&base, 1)).await;
        if futures::StreamExt::next(&mut again).await.as_deref() == Some(":\n\n") {
            break;
        }
    }
}

#[tokio::test]
async fn a_subscribe_without_a_payload_closes_the_socket() {
    let base = with(Quotas::default()).await;
    for message in [
        json!({"type": "subscribe", "id": "1"}),
        json!({"type": "subscribe", "id": "1", "payload": null}),
        json!({"type": "subscribe", "id": "1", "payload": "{ me { name } }"}),
    ] {
        let mut socket = Socket::ready(&base).await;
        socket.send(message).await;
        assert_eq!(socket.close_code().await, 4400);
    }
}

/// Serves on all interfaces; the address is the one on loopback.
async fn publicly(router: Router) -> String {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(
        router
            .server()
            .threads(1)
            .serve(listener, CancellationToken::new()),
    );
    format!("http://{}", SocketAddr::from(([127, 0, 0, 1], port)))
}

async fn sees_the_schema(base: &str, token: Option<&str>) -> bool {
    let token = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![JSON];
    headers.extend(token.as_deref().map(|token| ("authorization", token)));
    let schema = query("{ __schema { queryType { name } } }");
    let answer = post(base, &headers, &schema).await.json();
    let refused = answer["errors"][0]["extensions"]["code"] == "INTROSPECTION_DISABLED";
    assert_ne!(
        refused,
        answer["data"]["__schema"]["queryType"]["name"] == "Query",
        "{answer}"
    );
    !refused
}

#[tokio::test]
async fn the_schema_is_shown_to_those_who_may_see_it() {
    let with = |allow| {
        router(RouterConfig {
            introspection: Introspection {
                allow,
                scopes: vec!["schema".to_owned()],
            },
            ..RouterConfig::default()
        })
    };
    use Introspect::{Authenticated, Everyone, Loopback, Nobody};
    for (allow, anonymous, signed_in) in [
        (Loopback, false, false),
        (Everyone, true, true),
        (Authenticated, false, true),
        (Nobody, false, false),
    ] {
        let base = publicly(with(allow)).await;
        assert_eq!(sees_the_schema(&base, None).await, anonymous, "{allow:?}");
        assert_eq!(
            sees_the_schema(&base, Some("1")).await,
            signed_in,
            "{allow:?}"
        );
        assert!(sees_the_schema(&base, Some("1-schema")).await, "{allow:?}");
        // What is no introspection is not concerned.
        let names = post(&base, &[JSON], &query("{ me { __typename } }"))
            .await
            .json();
        assert_eq!(names["data"]["me"]["__typename"], "User");
    }
    let base = serve_router(with(Loopback)).await;
    assert!(sees_the_schema(&base, None).await);
}

#[tokio::test]
async fn answers_are_kept_by_nobody_and_taken_for_nothing_else() {
    let base = with(Quotas::default()).await;
    for body in [query("{ me { name } }"), "nonsense".to_owned()] {
        let answer = post(&base, &[JSON], &body).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let page = http(Request::get(&base).body(String::new()).unwrap()).await;
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self';")
    );
    assert_eq!(page.header("x-frame-options"), "DENY");
    let config = RouterConfig::from_toml("[http]\ncache_control = \"private, max-age=5\"").unwrap();
    let base = serve_router(router(config)).await;
    let answer = post(&base, &[JSON], &query("{ me { name } }")).await;
    assert_eq!(answer.header("cache-control"), "private, max-age=5");
}
