//! How deferred fields of one subgraph are asked for apart, on schemas with keys
//! of every kind and none.

use std::sync::Arc;

use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{Router, Supergraph};
use serde_json::{Value, json};

use crate::gates::{Gate, all, gated, pieces};
use crate::mocks::{LINK, Mock};

const BOX_OFFICE: &str = r#"
type Query {
    viewer: Viewer
    tickets: [Ticket]
    seats: [Seat]
    hits: [Hit]
    featured: Show @provides(fields: "title")
}
type Mutation { book: Booking }
type Viewer { name: String statistics: Statistics! }
type Statistics { bookings: Int visits: Int! }
type Booking { number: Int receipt: String }
type Event @key(fields: "id") { id: ID! city: String }
type Ticket @key(fields: "number event { id }") {
    number: Int!
    event: Event!
    seat: String
    price: Int
}
type Seat { row: Int price: Int }
union Hit = Poster | Flyer
type Poster @key(fields: "id") { id: ID! motif: String print: String }
type Flyer @key(fields: "id") { id: Int! text: String print: String }
type Show @key(fields: "id") { id: ID! title: String @external }
"#;

const SHOWS: &str = r#"
type Query { shows: [Show] }
type Show @key(fields: "id") { id: ID! title: String @shareable }
"#;

/// One ticket of each event has the same number.
fn find(representation: &Value) -> Value {
    match representation["__typename"].as_str() {
        Some("Ticket") => {
            assert_eq!(representation["number"], 7);
            let event = representation["event"]["id"].as_str().unwrap();
            assert_eq!(representation.as_object().unwrap().len(), 3);
            json!({"price": if event == "a" { 10 } else { 20 }})
        }
        _ => json!({"print": representation["id"], "title": "never asked"}),
    }
}

struct Office {
    router: Router,
    gate: Arc<Gate>,
}

impl Office {
    fn new() -> Self {
        let ticket = |event: &str, seat: &str| {
            let event = json!({"id": event, "city": "Linz"});
            json!({"__typename": "Ticket", "number": 7, "event": event, "seat": seat, "price": 1})
        };
        let data = json!({
            "viewer": {
                "__typename": "Viewer",
                "name": "Ada",
                "statistics": {"__typename": "Statistics", "bookings": 3, "visits": 4}
            },
            "tickets": [ticket("a", "front"), ticket("b", "back")],
            "seats": [{"row": 1, "price": 5}, {"row": 2, "price": 4}],
            "hits": [
                {"__typename": "Poster", "id": "p", "motif": "cat"},
                {"__typename": "Flyer", "id": 8, "text": "come"}
            ],
            "featured": {"__typename": "Show", "id": "s", "title": "Hamlet"},
            "book": {"__typename": "Booking", "number": 1, "receipt": "r"},
        });
        let sdls = [("office", BOX_OFFICE), ("shows", SHOWS)]
            .map(|(name, sdl)| SubgraphSdl::new(name, "", format!("{LINK}{sdl}")));
        let composed = compose(&sdls).unwrap_or_else(|errors| panic!("{errors:?}"));
        let gate = Gate::new(Arc::new(Mock::new(data, find)));
        let shows = Gate::new(Arc::new(Mock::new(
            json!({}),
            |_| json!({"title": "Other"}),
        )));
        let router = Router::builder(Supergraph::parse(&composed.supergraph_sdl).unwrap())
            .subgraph("office", gate.clone())
            .subgraph("shows", shows)
            .build()
            .unwrap();
        Self { router, gate }
    }

    /// The first answer while what asks for `held` has to wait, and the pieces
    /// that come when it may go on.
    async fn first_while_held(&self, held: &str, query: &str) -> (Value, Vec<Value>) {
        self.gate.hold(held);
        let mut answer = pieces(&self.router, query).await;
        let mut first = answer.next().await;
        assert_eq!(first.get("errors"), None, "{first}");
        self.gate.open();
        let rest = answer.rest().await;
        let entries = rest
            .iter()
            .flat_map(|message| message["incremental"].as_array().unwrap().clone());
        (first["data"].take(), entries.collect())
    }
}

#[tokio::test]
async fn namespaces_and_values_below_the_root_are_asked_for_again() {
    let office = Office::new();
    let query = "{ viewer { name ... @defer { statistics { visits } } } }";
    let (first, rest) = office.first_while_held("visits", query).await;
    assert_eq!(first, json!({"viewer": {"name": "Ada"}}));
    assert_eq!(
        rest,
        [json!({"data": {"statistics": {"visits": 4}}, "path": ["viewer"]})]
    );
    let query = "{ v: viewer { s: statistics { bookings ... @defer { visits } } } }";
    let (first, rest) = office.first_while_held("visits", query).await;
    assert_eq!(first, json!({"v": {"s": {"bookings": 3}}}));
    assert_eq!(rest, [json!({"data": {"visits": 4}, "path": ["v", "s"]})]);
}

#[tokio::test]
async fn fragments_within_fragments_are_asked_for_one_by_one() {
    let office = Office::new();
    office.gate.hold("visits");
    let query = r#"{ viewer { name ... @defer(label: "outer") {
        statistics { bookings ... @defer(label: "inner") { visits } }
    } } }"#;
    let mut answer = pieces(&office.router, query).await;
    assert_eq!(
        answer.next().await["data"],
        json!({"viewer": {"name": "Ada"}})
    );
    assert_eq!(
        answer.next().await["incremental"][0]["data"],
        json!({"statistics": {"bookings": 3}})
    );
    office.gate.open();
    assert_eq!(
        answer.rest().await[0]["incremental"][0]["data"],
        json!({"visits": 4})
    );
    assert_eq!(office.gate.asked.lock().len(), 3);
}

#[tokio::test]
async fn objects_are_found_by_keys_that_hold_objects() {
    let office = Office::new();
    for query in [
        "{ tickets { seat ... @defer { price } } }",
        // What the client has under the key's names is something else.
        "{ tickets { seat number: seat event { id: city } ... @defer { price } } }",
        "{ tickets { seat event { city } ... @defer { price event { id } } } }",
    ] {
        let (first, rest) = office.first_while_held("price", query).await;
        assert_eq!(first["tickets"][0]["seat"], "front", "{query}");
        assert_eq!(rest[0]["data"]["price"], 10, "{query}");
        assert_eq!(rest[0]["path"], json!(["tickets", 0]));
        assert_eq!(rest[1]["data"]["price"], 20, "{query}");
    }
}

#[tokio::test]
async fn keys_of_members_of_a_union_may_have_different_types() {
    let office = Office::new();
    let query = "{ hits {
        ... on Poster { motif ... @defer { print } }
        ... on Flyer { text ... @defer { print } }
    } }";
    let (first, rest) = office.first_while_held("print", query).await;
    assert_eq!(first["hits"], json!([{"motif": "cat"}, {"text": "come"}]));
    assert_eq!(rest[0]["data"], json!({"print": "p"}));
    assert_eq!(rest[1]["data"], json!({"print": 8}));
    // Subgraphs refuse two fields of different types under one key.
    let asked = office.gate.asked.lock();
    assert!(asked[0].contains("_key_Poster_id:id"), "{}", asked[0]);
    assert!(asked[0].contains("_key_Flyer_id:id"), "{}", asked[0]);
}

#[tokio::test]
async fn what_a_subgraph_only_provides_is_asked_for_by_the_same_way() {
    let office = Office::new();
    let query = "{ featured { id ... @defer { title } } }";
    let (first, rest) = office.first_while_held("title", query).await;
    assert_eq!(first, json!({"featured": {"id": "s"}}));
    assert_eq!(rest[0]["data"], json!({"title": "Hamlet"}));
}

#[tokio::test]
async fn neither_mutations_nor_lists_without_keys_are_asked_twice() {
    let office = Office::new();
    for query in [
        "mutation { book { number ... @defer { receipt } } }",
        "{ seats { row ... @defer { price } } }",
    ] {
        office.gate.asked.lock().clear();
        assert_eq!(all(&office.router, query).await.len(), 2);
        assert_eq!(office.gate.asked.lock().len(), 1, "{query}");
    }
}

#[tokio::test]
async fn what_fails_when_asked_again_is_told_in_the_piece_only() {
    let office = Office::new();
    office.gate.hold("visits");
    let query = "{ viewer { name statistics { bookings ... @defer { visits } } } }";
    let mut answer = pieces(&office.router, query).await;
    assert_eq!(answer.next().await.get("errors"), None);
    office.gate.break_down();
    office.gate.open();
    let rest = answer.rest().await;
    let piece = &rest[0]["incremental"][0];
    assert_eq!(piece["data"], json!(null));
    assert_eq!(piece["path"], json!(["viewer", "statistics"]));
    assert_eq!(piece["errors"].as_array().unwrap().len(), 1, "{piece}");
    assert_eq!(piece["errors"][0]["path"], piece["path"]);
    assert_eq!(
        piece["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
}

#[tokio::test]
async fn an_object_asked_for_again_does_not_hold_up_what_hangs_on_it() {
    let graph = gated();
    graph.products.hold("width");
    let query = r#"{ product(upc: "1") { inStock dimensions { height ... @defer { width } } } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["product"],
        json!({"inStock": true, "dimensions": {"height": 2}})
    );
    graph.products.open();
    assert_eq!(answer.rest().await.len(), 1);
}

#[tokio::test]
async fn large_operations_are_split_too() {
    let graph = gated();
    // Whichever subgraph is planned last comes after more than sixty requests.
    graph.products.hold("price");
    graph.accounts.hold("username");
    let mut query = String::from("{ me { name ... @defer { username } }");
    for at in 0..40 {
        query += &format!(
            r#" p{at}: product(upc: "1") {{
                name ... @defer {{ price }} ... @defer {{ tags }}
            }} "#
        );
    }
    query += r#" z: users { name ... @defer { username } } }"#;
    let mut answer = pieces(&graph.router, &query).await;
    let first = answer.next().await;
    assert_eq!(first["data"]["me"], json!({"name": "Ada"}));
    assert_eq!(first["data"]["p39"], json!({"name": "Table"}));
    graph.products.open();
    graph.accounts.open();
    let rest = answer.rest().await;
    let entries = rest
        .iter()
        .flat_map(|message| message["incremental"].as_array().unwrap());
    assert_eq!(entries.count(), 83);
    let requests = graph.accounts.asked.lock().len() + graph.products.asked.lock().len();
    assert!(requests > 64, "only {requests}");
}
