//! A router on its own threads: who is let in, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use atelier_router::{Router, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
use futures::stream::BoxStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::{Graph, http, in_process};

fn post(address: SocketAddr, query: &str) -> http::Request<String> {
    http::Request::post(format!("http://{address}/graphql"))
        .header("content-type", "application/json")
        .body(serde_json::json!({ "query": query }).to_string())
        .unwrap()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn other_routes_are_served_beside_the_graph_and_each_request_is_admitted() {
    let (listener, address) = listener().await;
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let server = in_process()
        .router
        .server()
        .merge(axum::Router::new().route("/other", axum::routing::get(|| async { "here" })))
        .admit(move |request, peer| {
            noted
                .lock()
                .push((request.uri.path().to_owned(), peer.ip()));
            peer.ip()
        });
    let stop = CancellationToken::new();
    tokio::spawn(server.serve(listener, stop.clone()));

    let answer = http(post(address, "{ topProducts { upc } }")).await;
    assert_eq!(answer.json()["data"]["topProducts"][0]["upc"], "1");
    let other = http::Request::get(format!("http://{address}/other"));
    assert_eq!(http(other.body(String::new()).unwrap()).await.body, "here");
    let nothing = http::Request::get(format!("http://{address}/nothing"));
    assert_eq!(http(nothing.body(String::new()).unwrap()).await.status, 404);

    let loopback = address.ip();
    let expected = ["/graphql", "/other", "/nothing"].map(|path| (path.to_owned(), loopback));
    assert_eq!(*seen.lock(), expected);
    stop.cancel();
}

/// Answers when told to.
struct Held {
    asked: Arc<Notify>,
    answer: Arc<Notify>,
}

#[async_trait::async_trait]
impl SubgraphClient for Held {
    async fn execute(&self, _: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.asked.notify_one();
        self.answer.notified().await;
        let body = r#"{"data":{"topProducts":[{"upc":"held"}]}}"#;
        Ok(SubgraphResponse::Json(body.into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = Arc::new(Held {
        asked: Arc::clone(&asked),
        answer: Arc::clone(&answer),
    });
    let mut builder = Router::builder(Graph::new().supergraph());
    for name in ["accounts", "products", "inventory", "reviews"] {
        builder = builder.subgraph(name, held.clone());
    }
    let router = builder.build().unwrap();
    let (listener, address) = listener().await;
    let stop = CancellationToken::new();
    let server = tokio::spawn(router.server().threads(2).serve(listener, stop.clone()));

    let request = tokio::spawn(http(post(address, "{ topProducts { upc } }")));
    asked.notified().await;
    stop.cancel();
    // The port is closed at once, while the request still waits.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.is_finished());
    answer.notify_one();

    let answered = request.await.unwrap();
    assert_eq!(answered.json()["data"]["topProducts"][0]["upc"], "held");
    server.await.unwrap().unwrap();
}
