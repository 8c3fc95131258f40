//! Clients that hold on to what others need: connections, memory, event streams.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use atelier_router::config::{Connections, Limits, Quotas};
use atelier_router::{
    ClientRequest, Outcome, Router, RouterConfig, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse,
};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::edge::{JSON, post, query};
use crate::harness::{Answer, Graph, http, in_process_with};

/// Longer is a failure.
const WAIT: Duration = Duration::from_secs(30);

/// Serves `router` on a port of its own, with addresses of clients from `x-client`.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = router.server().threads(2).admit(|request, peer| {
        let told = request.headers.get("x-client");
        let told = told.and_then(|value| value.to_str().ok()?.parse::<IpAddr>().ok());
        told.unwrap_or(peer.ip())
    });
    tokio::spawn(server.serve(listener, CancellationToken::new()));
    address
}

async fn shop(connections: Connections, quotas: Quotas) -> SocketAddr {
    let config = RouterConfig {
        connections,
        quotas,
        ..RouterConfig::default()
    };
    serve(in_process_with(config).router).await
}

async fn ask(address: SocketAddr) -> Answer {
    let base = format!("http://{address}");
    post(&base, &[JSON], &query("{ me { name } }")).await
}

/// Reads until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(WAIT, stream.read_to_end(&mut text));
    // A reset is an end, too.
    let _ = read.await.expect("the connection stays open");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn connections_that_ask_for_nothing_end_and_others_are_served_meanwhile() {
    let limits = Connections {
        head_ms: 400,
        idle_ms: 400,
        ..Connections::default()
    };
    let address = shop(limits, Quotas::default()).await;
    let started = Instant::now();
    let mut silent = Vec::new();
    let beginnings: [&[u8]; 5] = [
        b"",
        b"POST /graphql HT",
        b"POST /graphql HTTP/1.1\r\nhost: shop\r\nx-slow: ",
        b"PRI * HTTP/2.0\r\n",
        // The whole preface and empty settings (RFC 9113, 3.4), and then no stream.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ];
    for at in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginnings[at % 5]).await.unwrap();
        silent.push(stream);
    }
    assert_eq!(ask(address).await.json()["data"]["me"]["name"], "Ada");
    join_all(silent.iter_mut().map(rest)).await;
    println!("200 silent connections ended after {:?}", started.elapsed());

    // The same between requests.
    let mut kept = TcpStream::connect(address).await.unwrap();
    let request = "GET /graphql?query=%7Bme%7Bname%7D%7D HTTP/1.1\r\nhost: shop\r\n\r\n";
    kept.write_all(request.as_bytes()).await.unwrap();
    assert!(rest(&mut kept).await.contains("Ada"));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_take_nothing_from_others() {
    for (max, max_per_address, status, code) in [
        (100, 3, "HTTP/1.1 429 ", "RATE_LIMITED"),
        (3, 100, "HTTP/1.1 503 ", "OVERLOADED"),
    ] {
        let limits = Connections {
            max,
            max_per_address,
            ..Connections::default()
        };
        let address = shop(limits, Quotas::default()).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut refused = TcpStream::connect(address).await.unwrap();
        refused.write_all(b"POST /graphql HT").await.unwrap();
        let answer = rest(&mut refused).await;
        assert!(answer.starts_with(status), "{answer}");
        assert!(
            answer.contains("retry-after: ") && answer.contains(code),
            "{answer}"
        );
        // A place that is given back can be had.
        drop(held);
        let deadline = Instant::now() + WAIT;
        loop {
            let answer = ask(address).await;
            if answer.status == 200 {
                break;
            }
            assert!(Instant::now() < deadline, "{}", answer.body);
        }
    }
}

/// Answers every request with a text of this length.
struct Long(usize);

#[async_trait::async_trait]
impl SubgraphClient for Long {
    async fn execute(&self, _: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let text = "x".repeat(self.0);
        let body = format!(r#"{{"data":{{"topProducts":[{{"upc":"{text}"}}]}}}}"#);
        Ok(SubgraphResponse::Json(body.into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        let text = "x".repeat(self.0);
        let event = format!(r#"{{"data":{{"productChanged":{{"upc":"{text}"}}}}}}"#);
        let event = Ok(SubgraphResponse::Json(event.into()));
        Ok(futures::stream::iter([event]).boxed())
    }
}

fn long(length: usize, config: RouterConfig) -> Router {
    let client = Arc::new(Long(length));
    let mut builder = Router::builder(Graph::new().supergraph()).config(config);
    for name in ["accounts", "products", "inventory", "reviews"] {
        builder = builder.subgraph(name, client.clone());
    }
    builder.build().unwrap()
}

const LONG: &str = "{ topProducts { upc } }";

#[tokio::test]
async fn what_clients_do_not_read_is_bounded_and_given_up() {
    const BUDGET: usize = 48 << 20;
    let router = long(
        8 << 20,
        RouterConfig {
            connections: Connections {
                buffered_bytes: BUDGET,
                write_ms: 1500,
                ..Connections::default()
            },
            ..RouterConfig::default()
        },
    );
    let address = serve(router.clone()).await;
    let started = Instant::now();
    let body = query(LONG);
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let readers = (0..60).map(|_| async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // Enough to know what the answer is.
        let mut start = [0; 12];
        tokio::time::timeout(WAIT, stream.read_exact(&mut start))
            .await
            .expect("no answer")
            .unwrap();
        (stream, String::from_utf8_lossy(&start).into_owned())
    });
    let readers = join_all(readers).await;
    let held = router.buffered_bytes();
    let served = readers.iter().filter(|(_, start)| start.ends_with("200"));
    println!(
        "60 readers of 8 MiB: {} began, {} MiB are held",
        served.count(),
        held >> 20
    );
    // At most one answer for each thread is written while the last bytes are taken.
    assert!(held <= BUDGET + 2 * (8 << 20), "{held}");
    assert!(held > 0);
    let deadline = Instant::now() + WAIT;
    while router.buffered_bytes() > 0 {
        assert!(Instant::now() < deadline, "they are held for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("given up after {:?}", started.elapsed());
    let base = format!("http://{address}");
    assert_eq!(post(&base, &[JSON], &body).await.status, 200);
}

#[tokio::test]
async fn a_stream_of_http2_that_is_not_read_is_given_up() {
    let router = long(
        1 << 20,
        RouterConfig {
            connections: Connections {
                write_ms: 500,
                ..Connections::default()
            },
            ..RouterConfig::default()
        },
    );
    let address = serve(router.clone()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
            .initial_stream_window_size(1024)
            .handshake(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::post(format!("http://{address}/graphql"))
        .header("content-type", "application/json")
        .body(query(LONG))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let ended = tokio::time::timeout(WAIT, connection).await;
    ended.expect("the connection stays open").unwrap().ok();
    drop(answer);
    assert_eq!(router.buffered_bytes(), 0);
}

#[tokio::test]
async fn while_too_much_is_held_nothing_new_is_begun() {
    let router = long(
        1 << 20,
        RouterConfig {
            connections: Connections {
                buffered_bytes: 1 << 20,
                ..Connections::default()
            },
            ..RouterConfig::default()
        },
    );
    let address = serve(router.clone()).await;
    let base = format!("http://{address}");
    // It does not fit in what is left, which is everything.
    let answer = post(&base, &[JSON], &query(LONG)).await;
    let code = &answer.json()["errors"][0]["extensions"]["code"];
    assert_eq!(
        (code.as_str(), &answer.json()["data"]),
        (Some("OVERLOADED"), &Value::Null)
    );
}

fn short_answers(bytes: usize) -> RouterConfig {
    RouterConfig {
        limits: Limits {
            max_response_bytes: bytes,
            ..Limits::default()
        },
        ..RouterConfig::default()
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_an_error_and_nothing_else() {
    let router = long(5000, short_answers(4000));
    let answer = crate::harness::ask(&router, LONG).await;
    let error = &answer["errors"][0];
    assert_eq!(
        error["extensions"]["code"], "RESPONSE_TOO_LARGE",
        "{answer}"
    );
    assert!(error["message"].as_str().unwrap().contains("4000"));
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    let answer = crate::harness::ask(&long(3000, short_answers(4000)), LONG).await;
    assert!(answer.get("errors").is_none(), "{answer}");

    // So is each event.
    let follow = ClientRequest::new("subscription { productChanged { upc } }");
    let Outcome::Stream(mut events, _) = router.execute(follow).await else {
        panic!("no stream");
    };
    let event: Value = serde_json::from_slice(&events.next().await.unwrap()).unwrap();
    assert_eq!(
        event["errors"][0]["extensions"]["code"], "RESPONSE_TOO_LARGE",
        "{event}"
    );

    // Introspection is an answer like others.
    let shop = in_process_with(short_answers(1000)).router;
    let schema = "{ __schema { types { name fields { name } } } }";
    let answer = crate::harness::ask(&shop, schema).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "RESPONSE_TOO_LARGE"
    );
}

fn put(address: SocketAddr, client: &str) -> http::Request<String> {
    http::Request::put(format!("http://{address}/graphql"))
        .header("x-client", client)
        .body(String::new())
        .unwrap()
}

#[tokio::test]
async fn reserved_streams_of_one_address_lock_nobody_else_out() {
    let quotas = Quotas {
        reserved_streams: 60,
        reserved_streams_per_address: 50,
        ..Quotas::default()
    };
    let address = shop(Connections::default(), quotas).await;
    let mut taken = Vec::new();
    for at in 0..200 {
        // One customer of a provider has as many addresses as they like.
        let answer = http(put(address, &format!("2001:db8::{at:x}"))).await;
        if answer.status == 201 {
            taken.push(answer.body);
        } else {
            assert_eq!(answer.status, 429);
            assert_eq!(
                answer.json()["errors"][0]["extensions"]["code"],
                "RATE_LIMITED"
            );
        }
    }
    assert_eq!(taken.len(), 50);
    // Others get theirs, and when there are too many in all, the oldest goes.
    let mut last = String::new();
    for at in 0..20 {
        let answer = http(put(address, &format!("192.0.2.{at}"))).await;
        assert_eq!(answer.status, 201);
        last = answer.body;
    }
    let open = |token: &str| {
        http::Request::get(format!("http://{address}/graphql"))
            .header("x-graphql-event-stream-token", token)
            .header("accept", "text/event-stream")
            .body(String::new())
            .unwrap()
    };
    let mut stream = crate::harness::stream(open(&last)).await;
    assert_eq!(stream.next().await.as_deref(), Some(":\n\n"));
    assert_eq!(http(open(&taken[0])).await.status, 404);
    // What is open is no longer reserved.
    assert_eq!(http(put(address, "192.0.2.19")).await.status, 201);
}

#[tokio::test]
async fn answers_on_a_stream_that_nobody_opens_are_not_kept() {
    let address = shop(Connections::default(), Quotas::default()).await;
    let token = http(put(address, "192.0.2.1")).await.body;
    let ask = |at: usize| {
        let query = "{ __schema { types { name description fields { name description } } } }";
        let operation = serde_json::json!({
            "query": query, "extensions": { "operationId": at.to_string() },
        });
        http::Request::post(format!("http://{address}/graphql"))
            .header("content-type", "application/json")
            .header("x-graphql-event-stream-token", &token)
            .body(operation.to_string())
            .unwrap()
    };
    let mut taken = 0;
    while http(ask(taken)).await.status == 202 {
        taken += 1;
        assert!(taken < 60, "the stream takes whatever comes");
    }
    assert!(taken > 0);
    assert_eq!(http(ask(taken)).await.status, 404);
}
