//! Every measured query gets its right answer through our router over HTTP, so
//! that nobody measures how fast something wrong is.

use atelier_router::{Router, Supergraph};
use atelier_router_bench::http1::{self, Connection};
use atelier_router_bench::load::Oracle;
use atelier_router_bench::queries::{self, Query};
use atelier_router_bench::shop::{self, Subgraphs};
use atelier_router_bench::subgraphs;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Subgraphs and a router; a connection to it.
async fn router() -> Connection {
    let (listeners, urls) = subgraphs::bind().await.unwrap();
    let schemas = Subgraphs::new();
    let sdl = schemas.supergraph(&urls).unwrap();
    subgraphs::serve(listeners, schemas, None);
    let router = Router::builder(Supergraph::parse(&sdl).unwrap())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router.into_axum()).await });
    Connection::new(TcpStream::connect(address).await.unwrap()).unwrap()
}

/// Asks and says whether the oracle agrees.
async fn right(connection: &mut Connection, query: &Query) -> Result<usize, String> {
    let expected = shop::expected(&query.text, &query.variables).await.unwrap();
    let oracle = Oracle::new(expected);
    let request = http1::post("localhost", "/graphql", &query.body());
    connection.send(&request).await.unwrap();
    let message = connection.next().await.unwrap().unwrap();
    let right = oracle.check(connection.head(&message), connection.body(&message));
    let size = connection.body(&message).len();
    connection.consume(message);
    if right {
        Ok(size)
    } else {
        Err(oracle.wrong().unwrap_or_default())
    }
}

#[tokio::test]
async fn every_query_gets_the_answer_of_the_undivided_shop() {
    LocalSet::new()
        .run_until(async {
            let mut connection = router().await;
            for query in queries::all() {
                right(&mut connection, &query).await.unwrap();
            }
        })
        .await;
}

#[tokio::test]
async fn the_heavy_answer_has_its_documented_size() {
    LocalSet::new()
        .run_until(async {
            let mut connection = router().await;
            let heavy = queries::named("heavy").unwrap();
            let size = right(&mut connection, &heavy).await.unwrap();
            assert!((85_000..91_000).contains(&size), "{size} bytes");
        })
        .await;
}

#[tokio::test]
async fn a_fresh_operation_is_another_text_with_the_same_content() {
    LocalSet::new()
        .run_until(async {
            let mut connection = router().await;
            for query in queries::all() {
                let fresh = query.fresh(7);
                assert_ne!(fresh.text, query.text);
                right(&mut connection, &fresh).await.unwrap();
            }
        })
        .await;
}

#[test]
fn a_wrong_answer_and_an_error_status_are_noticed() {
    let oracle = Oracle::new(json!({"data": {"users": []}}));
    let ok = b"HTTP/1.1 200 OK\r\n\r\n";
    assert!(oracle.check(ok, br#"{"data":{"users":[]}}"#));
    assert!(oracle.check(ok, br#"{ "data": {"users": []} }"#));
    assert_eq!(oracle.wrong(), None);
    assert!(!oracle.check(ok, br#"{"data":{"users":null}}"#));
    assert!(!oracle.check(ok, br#"{"data":{"users":[]},"errors":[]}"#));
    assert!(!oracle.check(b"HTTP/1.1 500 Oops\r\n\r\n", br#"{"data":{"users":[]}}"#));
    assert!(oracle.wrong().unwrap().contains("null"));
}

#[tokio::test]
async fn shipping_is_computed_from_what_another_subgraph_knows() {
    let query = "{ topProducts(first: 2) { upc shippingEstimate } }";
    let expected = shop::expected(query, &Value::Null).await.unwrap();
    let estimates = &expected["data"]["topProducts"];
    assert_eq!(estimates[0]["shippingEstimate"], 50);
    assert_eq!(estimates[1]["shippingEstimate"], 0);
    let asked = Query {
        name: "shipping",
        text: query.to_owned(),
        variables: json!({}),
    };
    LocalSet::new()
        .run_until(async {
            let mut connection = router().await;
            right(&mut connection, &asked).await.unwrap();
        })
        .await;
}
