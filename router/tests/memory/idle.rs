//! What a subscription holds in memory while nothing happens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use async_trait::async_trait;
use atelier_router::{Caller, Credentials, Identify, IdentifyError, LocalSubgraph, Router};
use tokio_util::sync::CancellationToken;

use crate::ALLOCATOR;
use crate::harness::{Counted, Graph, eventually};

const KIB: usize = 1024;
/// Subscriptions that are measured.
const MANY: usize = 200;
/// Subscriptions before that, for what is made once.
const FIRST: usize = 20;

/// Each client is a person of its own, so that no two share what they follow.
struct ByHeader;

#[async_trait]
impl Identify for ByHeader {
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        let person = credentials.headers.get("x-person").unwrap();
        Ok(Caller {
            authenticated: true,
            fingerprint: person.to_str().unwrap().parse().unwrap(),
            ..Caller::default()
        })
    }
}

/// A router with its only subgraph that has events, and where it listens.
async fn serve() -> (Arc<Counted>, String) {
    let graph = Graph::new();
    let products = Counted::new(Arc::new(LocalSubgraph::new(
        graph.products.clone(),
        |_, _| {},
    )));
    let mut builder = Router::builder(graph.supergraph())
        .identify(Arc::new(ByHeader))
        .subgraph("products", products.clone());
    for name in ["accounts", "inventory", "reviews"] {
        let none = Arc::new(LocalSubgraph::new(graph.accounts.clone(), |_, _| {}));
        builder = builder.subgraph(name, none);
    }
    let router = builder.build().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = router.server().threads(2);
    tokio::spawn(server.serve(listener, CancellationToken::new()));
    (products, address)
}

/// A client that keeps nothing in memory: what is counted is the router's.
struct Client(TcpStream);

impl Client {
    fn websocket(address: &str, person: usize) -> Self {
        let mut client = Self(TcpStream::connect(address).unwrap());
        let head = format!(
            "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\nx-person: {person}\r\n\r\n"
        );
        client.0.write_all(head.as_bytes()).unwrap();
        client.until(b"\r\n\r\n");
        client.frame(r#"{"type":"connection_init"}"#);
        client.until(b"connection_ack\"}");
        client.frame(
            r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { productChanged { name } }"}}"#,
        );
        client
    }

    fn event_stream(address: &str, person: usize) -> Self {
        let mut client = Self(TcpStream::connect(address).unwrap());
        let body = r#"{"query":"subscription { productChanged { name } }"}"#;
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\
             x-person: {person}\r\n\r\n{body}",
            body.len()
        );
        client.0.write_all(request.as_bytes()).unwrap();
        client
    }

    /// A masked text frame of less than 126 bytes.
    fn frame(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 126, "{text}");
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).unwrap();
    }

    fn until(&mut self, end: &[u8]) {
        let (mut byte, mut read) = ([0], Vec::new());
        while !read.ends_with(end) {
            self.0.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
    }
}

async fn measure(open: fn(&str, usize) -> Client, most: usize) {
    let (products, address) = serve().await;
    let connect = async |from: usize, count: usize| {
        let address = address.clone();
        let connect = move || {
            (from..from + count)
                .map(|at| open(&address, at + 1))
                .collect()
        };
        let clients: Vec<Client> = tokio::task::spawn_blocking(connect).await.unwrap();
        eventually(|| products.open() == from + count).await;
        clients
    };
    let first = connect(0, FIRST).await;
    let before = ALLOCATOR.allocated();
    let clients = connect(FIRST, MANY).await;
    let each = (ALLOCATOR.allocated() - before) / MANY;
    println!("{each} bytes for each of {MANY} idle subscriptions");
    assert!(each < most, "{each} bytes, at most {most} were promised");
    // Tables keep the room they have grown to.
    drop(clients);
    eventually(|| products.open() == FIRST).await;
    eventually(|| ALLOCATOR.allocated() < before + MANY * KIB).await;
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_subscription_over_a_websocket_holds_little_memory_and_gives_it_back() {
    measure(Client::websocket, 32 * KIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_subscription_over_an_event_stream_holds_little_memory_and_gives_it_back() {
    measure(Client::event_stream, 40 * KIB).await;
}
