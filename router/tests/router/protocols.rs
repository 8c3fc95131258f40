//! Corners of the protocols that client libraries seldom touch.

use atelier_router::{Router, RouterConfig};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{JSON, edge, get, post, query};
use crate::harness::{
    Answer, InProcess, ask, ask_with, eventually, http, in_process, serve_router, stream,
};
use crate::mocks::{Mock, mocked};
use crate::socket::Socket;

/// An event stream for many operations.
struct Events {
    base: String,
    token: String,
    pieces: BoxStream<'static, String>,
    text: String,
}

impl Events {
    async fn open(base: &str) -> Self {
        let reserve = Request::put(format!("{base}/graphql"));
        let token = http(reserve.body(String::new()).unwrap()).await.body;
        let open = Request::get(format!("{base}/graphql?token={token}"))
            .header("accept", "text/event-stream");
        Self {
            base: base.to_owned(),
            pieces: stream(open.body(String::new()).unwrap()).await,
            token,
            text: String::new(),
        }
    }

    async fn run(&self, id: &str, document: &str) -> Answer {
        let body = json!({"query": document, "extensions": {"operationId": id}});
        let token = ("x-graphql-event-stream-token", self.token.as_str());
        post(&self.base, &[JSON, token], &body.to_string()).await
    }

    /// The next event: its kind and its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let line = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.map(str::to_owned)
                };
                if let Some(kind) = line("event: ") {
                    let data = line("data: ").unwrap();
                    return (kind, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let piece = tokio::time::timeout(crate::socket::WAIT, self.pieces.next());
            self.text += &piece.await.expect("no event in time").expect("an event");
        }
    }
}

#[tokio::test]
async fn one_event_stream_carries_many_operations() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let mut events = Events::open(&base).await;
    let again = get(&base, &format!("token={}", events.token), &[]).await;
    assert_eq!(again.status, 409);
    let subscribed = events
        .run("s & t", "subscription { productChanged { upc } }")
        .await;
    assert_eq!(subscribed.status, 202);
    assert_eq!(events.run("q", "{ me { name } }").await.status, 202);
    assert_eq!(
        events.next().await,
        (
            "next".into(),
            json!({"id": "q", "payload": {"data": {"me": {"name": "Ada"}}}})
        )
    );
    assert_eq!(events.next().await, ("complete".into(), json!({"id": "q"})));
    let twice = events.run("s & t", "{ me { name } }").await;
    assert_eq!(twice.status, 409);
    let refused = events.run("r", "{ nothing }").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    eventually(|| shop.graph.bus.receiver_count() == 1).await;
    shop.graph.bus.send("2".into()).unwrap();
    assert_eq!(
        events.next().await,
        (
            "next".into(),
            json!({"id": "s & t", "payload": {"data": {"productChanged": {"upc": "2"}}}})
        )
    );
    assert_eq!(shop.products.open(), 1);
    let end = Request::delete(format!("{base}/graphql?operationId=s%20%26+t"))
        .header("x-graphql-event-stream-token", &events.token);
    assert_eq!(http(end.body(String::new()).unwrap()).await.status, 200);
    eventually(|| shop.products.open() == 0).await;
}

#[tokio::test]
async fn an_event_stream_that_closes_ends_its_operations() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let events = Events::open(&base).await;
    let subscription = "subscription { productChanged { upc } }";
    assert_eq!(events.run("s", subscription).await.status, 202);
    eventually(|| shop.products.open() == 1).await;
    let Events {
        base,
        token,
        pieces,
        ..
    } = events;
    drop(pieces);
    eventually(|| shop.products.open() == 0).await;
    let token = ("x-graphql-event-stream-token", token.as_str());
    let body = json!({"query": "{ me { id } }", "extensions": {"operationId": "1"}});
    let answer = post(&base, &[JSON, token], &body.to_string()).await;
    assert_eq!(answer.status, 404);
}

async fn legacy(shop: &InProcess) -> Socket {
    let base = serve_router(shop.router.clone()).await;
    let mut socket = Socket::open(&base, "graphql-ws").await;
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
    socket
}

fn start(query: &str) -> Value {
    json!({"type": "start", "id": "1", "payload": {"query": query}})
}

#[tokio::test]
async fn the_older_subprotocol_answers_queries_and_refusals() {
    let mut socket = legacy(&in_process()).await;
    socket.send(start("{ me { name } }")).await;
    assert_eq!(
        socket.next().await,
        json!({"id": "1", "type": "data", "payload": {"data": {"me": {"name": "Ada"}}}})
    );
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    socket.send(start("{ nothing }")).await;
    let refused = socket.next().await;
    assert_eq!(refused["type"], "error");
    // One error, not a list of them.
    assert_eq!(
        refused["payload"]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    socket.send(json!({"type": "nonsense"})).await;
    assert_eq!(socket.close_code().await, 4400);
}

#[tokio::test]
async fn the_older_subprotocol_stops_and_starts_operations_anew() {
    let shop = in_process();
    let mut socket = legacy(&shop).await;
    let changes = "subscription { productChanged { upc } }";
    socket.send(start(changes)).await;
    eventually(|| shop.products.open() == 1).await;
    // A second operation of the same id takes the place of the first.
    socket.send(start("{ me { id } }")).await;
    assert_eq!(socket.next().await["payload"]["data"]["me"]["id"], "1");
    assert_eq!(socket.next().await["type"], "complete");
    eventually(|| shop.products.open() == 0).await;
    socket.send(start(changes)).await;
    eventually(|| shop.products.open() == 1).await;
    socket.send(json!({"type": "stop", "id": "1"})).await;
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "1"}));
    eventually(|| shop.products.open() == 0).await;
    socket.send(start(changes)).await;
    eventually(|| shop.products.open() == 1).await;
    socket.send(json!({"type": "connection_terminate"})).await;
    assert_eq!(socket.close_code().await, 1000);
    eventually(|| shop.products.open() == 0).await;
}

#[tokio::test]
async fn uploads_in_the_body_are_pointed_to_presigned_ones_as_configured() {
    let hint = "Ask for `createUpload`.";
    let config = format!("[http]\nupload_hint = \"{hint}\"\n");
    let base = edge(RouterConfig::from_toml(&config).unwrap()).await;
    let kind = ("content-type", "Multipart/Form-Data; boundary=x");
    let preflighted = ("apollo-require-preflight", "true");
    let answer = post(&base, &[kind, preflighted], "--x--").await;
    assert_eq!(answer.status, 415);
    let message = answer.json()["errors"][0]["message"].to_string();
    assert!(message.contains(hint), "{message}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let config = RouterConfig::from_toml("[timeouts]\nrequest_ms = 200\n").unwrap();
    let base = edge(config).await;
    let address = base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 50\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = socket.read_exact(&mut answer);
    tokio::time::timeout(crate::socket::WAIT, read)
        .await
        .expect("no answer")
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

/// The answer as text: the order of keys counts.
async fn text(base: &str, document: &str, variables: Value) -> String {
    let body = json!({"query": document, "variables": variables});
    post(base, &[JSON], &body.to_string()).await.body
}

#[tokio::test]
async fn introspection_is_answered_like_any_field() {
    let base = serve_router(in_process().router).await;
    let document = "query($n: String!, $no: Boolean!) {
        b: __type(name: \"Nope\") { name }
        me { name }
        s: __schema { q: queryType { n: name } ...S @skip(if: $no) }
        a: __type(name: $n) { ...T kind }
        __typename
    }
    fragment T on __Type { ... { k: kind } fields { n: name type { ...R } } }
    fragment R on __Type { kind ofType { name } }
    fragment S on __Schema { mutationType { name } }";
    let answer = text(&base, document, json!({"n": "Category", "no": true})).await;
    let non_null = |name: &str, of: &str| {
        format!(r#"{{"n":"{name}","type":{{"kind":"NON_NULL","ofType":{{"name":"{of}"}}}}}}"#)
    };
    let fields = [non_null("name", "String"), non_null("slug", "ID")];
    let expected = |fields: String| {
        format!(
            r#"{{"data":{{"b":null,"me":{{"name":"Ada"}},"s":{{"q":{{"n":"Query"}}}},"a":{{"k":"OBJECT","fields":[{fields}],"kind":"OBJECT"}},"__typename":"Query"}}}}"#
        )
    };
    let orders = [
        expected(fields.join(",")),
        expected([fields[1].clone(), fields[0].clone()].join(",")),
    ];
    assert!(orders.contains(&answer), "{answer}");
    let answer = text(&base, document, json!({"n": "Nope", "no": false})).await;
    assert!(
        answer.contains(r#""s":{"q":{"n":"Query"},"mutationType":{"name":"Mutation"}},"a":null"#),
        "{answer}"
    );
}

/// A subgraph whose root types have names of their own.
fn renamed() -> Router {
    let sdl = "schema { query: RootQuery mutation: RootMutation }
        type RootQuery { me: User self: RootQuery! }
        type RootMutation { rename(to: String): User }
        type User @key(fields: \"id\") { id: ID! name: String }";
    let other = "type Query { count: Int } type User @key(fields: \"id\") { id: ID! age: Int }";
    let data = json!({
        "__typename": "RootQuery",
        "me": {"__typename": "User", "id": "1", "name": "Ada"},
        "rename": {"__typename": "User", "id": "1", "name": "Eve"},
        "self": {"__typename": "RootQuery", "me": {"__typename": "User", "id": "1", "name": "Ada"}}
    });
    let people = Mock::new(data, |_| Value::Null);
    let ages = Mock::new(
        json!({"__typename": "Query", "count": 2}),
        |_| json!({"age": 36}),
    );
    mocked(vec![("people", sdl, people), ("ages", other, ages)]).0
}

#[tokio::test]
async fn roots_that_a_subgraph_names_otherwise() {
    let router = renamed();
    let query = "{ __typename ... on Query { me { name age } count } ...Q }
        fragment Q on Query { again: me { id } __typename }";
    assert_eq!(
        ask(&router, query).await,
        json!({"data": {
            "__typename": "Query",
            "me": {"name": "Ada", "age": 36},
            "count": 2,
            "again": {"id": "1"}
        }})
    );
    let mutation = "mutation { __typename rename(to: \"Eve\") { name age __typename } }";
    assert_eq!(
        ask(&router, mutation).await,
        json!({"data": {
            "__typename": "Mutation",
            "rename": {"name": "Eve", "age": 36, "__typename": "User"}
        }})
    );
}

#[tokio::test]
async fn aliases_that_fragments_give_twice() {
    let shop = in_process();
    let query = "query($n: Int!) {
        topProducts(first: $n) { ...A ...B name: upc }
        search { __typename ... on Product { x: name } ... on Category { x: name y: slug } }
    }
    fragment A on Product { x: price reviews { b: body } }
    fragment B on Product { x: price reviews { b: body i: id } upc: name }";
    assert_eq!(
        ask_with(&shop.router, query, json!({"n": 1})).await["data"],
        json!({
            "topProducts": [{
                "x": 899,
                "reviews": [
                    {"b": "Love it!", "i": "r1"},
                    {"b": "Prefer something else.", "i": "r3"}
                ],
                "upc": "Table",
                "name": "1"
            }],
            "search": [
                {"__typename": "Product", "x": "Table"},
                {"__typename": "Category", "x": "Home", "y": "home"}
            ]
        })
    );
    let clash = "{ topProducts { ...A ...C } }
        fragment A on Product { x: price } fragment C on Product { x: name }";
    let answer = ask(&shop.router, clash).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(answer.get("data"), None);
    // Refused before any subgraph is asked.
    let asked = (shop.products.calls(), query_count(&shop));
    ask(&shop.router, clash).await;
    assert_eq!((shop.products.calls(), query_count(&shop)), asked);
}

fn query_count(shop: &InProcess) -> usize {
    shop.accounts.calls()
}

#[tokio::test]
async fn aliases_with_the_name_of_a_key_wherever_they_are_written() {
    let shop = in_process();
    let reviews = json!([{"b": "Love it!"}, {"b": "Prefer something else."}]);
    for fields in [
        "upc: name r: reviews { b: body } name: upc",
        "r: reviews { b: body } upc: name name: upc",
        "name: upc r: reviews { b: body } upc: name",
        "r: reviews { b: body } name: upc ... on Product { upc: name }",
    ] {
        let query = format!("{{ topProducts(first: 1) {{ {fields} }} }}");
        assert_eq!(
            ask(&shop.router, &query).await,
            json!({"data": {"topProducts": [{"upc": "Table", "name": "1", "r": reviews}]}}),
            "{fields}"
        );
    }
    // The key may be hidden at every level.
    let query =
        "{ me { reviews { p: product { x: inStock upc: name } author { n: name id: name } } } }";
    let answer = ask(&shop.router, query).await;
    assert_eq!(
        answer["data"]["me"]["reviews"][0],
        json!({"p": {"x": true, "upc": "Table"}, "author": {"n": "Ada", "id": "Ada"}})
    );
}

#[tokio::test]
async fn documents_are_asked_for_by_get_with_all_parameters() {
    let base = serve_router(in_process().router).await;
    let document = "query One { me { id } } query Two($n: Int!) { topProducts(first: $n) { upc } }";
    let encoded: String = document
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let url = format!("query={encoded}&operationName=Two&variables=%7B%22n%22%3A1%7D");
    let answer = get(&base, &url, &[("accept", "application/json")]).await;
    assert_eq!(
        answer.json(),
        json!({"data": {"topProducts": [{"upc": "1"}]}})
    );
    let wrong = format!("query={encoded}&operationName=Two&variables=%7B");
    let answer = get(&base, &wrong, &[]).await;
    assert_eq!(answer.status, 400);
    let nothing = post(&base, &[JSON], &query("")).await;
    assert_eq!(
        nothing.json()["errors"][0]["extensions"]["code"],
        "GRAPHQL_PARSE_FAILED"
    );
}
