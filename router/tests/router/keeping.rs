//! Connections to subgraphs: kept, and given up when they should be.

use std::sync::Arc;

use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{Router, RouterConfig, Supergraph};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::ask;

/// What a server does when a request comes.
#[derive(Clone, Copy)]
enum Step {
    /// Sends this and keeps the connection open.
    Send(&'static str),
    /// Sends this and closes.
    SendAndClose(&'static str),
    /// Closes without a word.
    Close,
}

/// What a scripted server saw.
#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<String>,
}

/// A server with a list of steps for each connection, in the order they are opened.
async fn scripted(script: &'static [&'static [Step]]) -> (Router, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        for steps in script {
            let (socket, _) = listener.accept().await.unwrap();
            noted.lock().connections += 1;
            tokio::spawn(play(socket, steps, Arc::clone(&noted)));
        }
    });
    let sdl = "type Query { a: Int } type Mutation { b: Int }";
    let composed = compose(&[SubgraphSdl {
        name: "one".into(),
        url: format!("http://{address}/graphql?x=y"),
        sdl: sdl.into(),
    }]);
    let supergraph = Supergraph::parse(&composed.unwrap().supergraph_sdl).unwrap();
    (Router::builder(supergraph).build().unwrap(), seen)
}

async fn play(mut socket: TcpStream, steps: &[Step], seen: Arc<Mutex<Seen>>) {
    for step in steps {
        let Some(request) = read_request(&mut socket).await else {
            return;
        };
        seen.lock().requests.push(request);
        match step {
            Step::Send(text) => socket.write_all(text.as_bytes()).await.unwrap(),
            Step::SendAndClose(text) => {
                socket.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Step::Close => return,
        }
    }
    // Open until the other side has enough.
    let _ = socket.read(&mut [0]).await;
}

async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        if socket.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
        if text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let mut request = String::from_utf8(text).unwrap();
    let length = request
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().unwrap()];
    socket.read_exact(&mut body).await.ok()?;
    request.push_str(&String::from_utf8(body).unwrap());
    Some(request)
}

const ONE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"data\":{\"a\":1}}";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\na\r\n{\"data\":{\"\r\n6\r\na\":1}}\r\n0\r\n\r\n";
const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"data\":{\"a\":1}}";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\":{\"a\":1}}";
const TOO_MUCH: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"data\":{\"a\":1}}HTTP/1.1 200 OK\r\n";
const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{\"data\":{\"a\":1}}";

async fn a(router: &Router) -> Value {
    ask(router, "{ a }").await
}

#[tokio::test]
async fn answers_in_every_framing_come_over_one_connection() {
    use Step::Send;
    let (router, seen) = scripted(&[&[Send(ONE), Send(CHUNKED), Send(HINTED), Send(ONE)]]).await;
    for _ in 0..4 {
        assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    }
    let seen = seen.lock();
    assert_eq!((seen.connections, seen.requests.len()), (1, 4));
    let request = &seen.requests[0];
    assert!(request.starts_with("POST /graphql?x=y HTTP/1.1\r\nhost: 127.0.0.1:"));
    assert!(request.ends_with("{\"query\":\"{a}\"}"), "{request}");
}

#[tokio::test]
async fn connections_that_say_more_than_asked_or_say_they_close_are_not_used_again() {
    use Step::{Send, SendAndClose};
    let (router, seen) =
        scripted(&[&[Send(TOO_MUCH)], &[SendAndClose(CLOSING)], &[Send(ONE)]]).await;
    for _ in 0..3 {
        assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    }
    assert_eq!(seen.lock().connections, 3);
}

#[tokio::test]
async fn a_query_survives_a_kept_connection_that_closes_under_it() {
    let (router, seen) = scripted(&[&[Step::Send(ONE), Step::Close], &[Step::Send(ONE)]]).await;
    assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    assert_eq!(seen.lock().requests.len(), 3);
}

#[tokio::test]
async fn a_mutation_is_never_sent_twice() {
    let (router, seen) = scripted(&[&[Step::Send(ONE), Step::Close], &[Step::Send(ONE)]]).await;
    assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    let answer = ask(&router, "mutation { b }").await;
    assert_eq!(answer["data"], json!({"b": null}));
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "SUBGRAPH_UNAVAILABLE");
    assert_eq!(extensions["service"], "one");
    assert_eq!(seen.lock().requests.len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_an_error_and_its_connection_is_closed() {
    let (router, seen) = scripted(&[&[Step::SendAndClose(CUT)], &[Step::Send(ONE)]]).await;
    let answer = a(&router).await;
    assert_eq!(answer["data"], json!({"a": null}));
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    assert_eq!(a(&router).await, json!({"data": {"a": 1}}));
    assert_eq!(seen.lock().connections, 2);
}

#[tokio::test]
async fn forwarded_headers_cannot_change_how_a_request_is_framed() {
    let (router, seen) = scripted(&[&[Step::Send(ONE)]]).await;
    let mut request = atelier_router::ClientRequest::new("{ a }");
    for (name, value) in [
        ("x-own", "kept"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("host", "elsewhere"),
        ("connection", "close"),
    ] {
        let name = http::HeaderName::from_static(name);
        request
            .headers
            .insert(name, http::HeaderValue::from_static(value));
    }
    let answer = crate::harness::run(&router, request).await;
    assert_eq!(answer, json!({"data": {"a": 1}}));
    let seen = seen.lock();
    let head = seen.requests[0].to_ascii_lowercase();
    assert!(head.contains("\r\nx-own: kept\r\n"));
    for refused in ["content-length: 3", "chunked", "elsewhere", "connection:"] {
        assert!(!head.contains(refused), "{head}");
    }
}

#[test]
fn a_url_without_a_host_is_refused() {
    let composed = compose(&[SubgraphSdl {
        name: "one".into(),
        url: "http:///nothing".into(),
        sdl: "type Query { a: Int }".into(),
    }]);
    let supergraph = Supergraph::parse(&composed.unwrap().supergraph_sdl).unwrap();
    let built = Router::builder(supergraph)
        .config(RouterConfig::default())
        .build();
    assert!(built.unwrap_err().to_string().contains("one"));
}
