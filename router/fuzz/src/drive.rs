//! What the fuzz targets and the tests do with an input.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use async_trait::async_trait;
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{
    ClientRequest, Outcome, Router, RouterConfig, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse, Supergraph,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;

const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible"])
"#;

/// The subgraph whose answer is arbitrary.
const A: &str = r#"
type Query {
  items(first: Int = 10, filter: Filter, order: [Order!]): [Item]
  item(id: ID!): Item
  thing: Thing
  things: [[Thing!]!]
  same: Same @shareable
  json: Json
}
type Mutation { rename(id: ID!, name: String!): Item! touch(ids: [ID!]!): [Item!]! }
type Subscription { renamed(id: ID): Item! }
input Filter { name: String min: Float state: State nested: Filter }
enum Order { UP DOWN }
enum State { ON OFF @inaccessible }
scalar Json
type Item @key(fields: "id") {
  id: ID!
  name: String!
  tags: [String!]
  grid: [[Int!]!]
  state: State
  states: [State!]!
  extra: Json
  size: Size
  related: [Thing!]!
  parent: Item
}
type Size { w: Int! h: Float }
interface Thing { id: ID! }
type Book implements Thing @key(fields: "id") { id: ID! pages: Int! author: Person }
type Song implements Thing @key(fields: "id") { id: ID! secs: Float }
type Person @key(fields: "email") { email: String! }
union Same = Book | Person
"#;

const B: &str = r#"
type Query { people: [Person!]! same: Same @shareable }
type Mutation { forget(email: String!): Boolean }
type Item @key(fields: "id") {
  id: ID!
  size: Size @external
  owner: Person
  price(currency: String = "EUR"): Float @requires(fields: "size { w h }")
}
type Size @external { w: Int! h: Float }
type Book @key(fields: "id") { id: ID! title: String! }
type Person @key(fields: "email") { email: String! name: String friends: [Person] }
union Same = Book | Person
"#;

/// Documents whose plans an answer goes through.
const QUERIES: [&str; 8] = [
    "{ items { id name tags grid state states extra size { w h } } }",
    "{ items { id owner { name email } related { id __typename ... on Book { pages title } ... on Song { secs } } } }",
    "{ item(id: \"1\") { price parent { price parent { owner { friends { name friends { email } } } } } } }",
    "{ things { id ... on Book { title author { name } } } thing { __typename id } }",
    "{ same { ... on Book { title pages } ... on Person { name } } json people { email name } }",
    "mutation { rename(id: \"1\", name: \"x\") { name price } touch(ids: [\"1\"]) { id tags } forget(email: \"e\") }",
    "{ a: items { id } b: items(first: 1) { name x: state y: state } c: item(id: 2) { related { id } } }",
    "{ items { parent { parent { parent { id states grid } } } } }",
];

/// Answers for the subgraph that is not arbitrary.
const CANNED: &[u8] = br#"{"data":{"items":[{"__typename":"Item","id":"1","name":"n","size":{"w":1,"h":2.5},"tags":["t"],"parent":null,"related":[]}],
"item":{"__typename":"Item","id":"1","name":"n","size":{"w":1,"h":2.5}},"things":[[{"__typename":"Book","id":"1"}]],
"people":[{"__typename":"Person","email":"e","name":"n"}],"same":{"__typename":"Book","id":"1","title":"t"},
"_entities":[{"__typename":"Item","id":"1","owner":{"__typename":"Person","email":"e"},"price":1.5}]}}"#;

/// Panics the router does not expect; those of the planner and the validation
/// rules, code of others, it catches.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// How often something panicked that must not.
#[allow(dead_code, reason = "the fuzzer aborts instead")]
pub fn panics() -> usize {
    PANICS.load(Ordering::SeqCst)
}

fn watch_panics() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or("", |location| location.file());
            if file.contains("hive-router-query-planner") || file.contains("graphql-tools") {
                return;
            }
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
    });
}

struct Given {
    arbitrary: bool,
}

thread_local! {
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SETTING: Setting = Setting::new();
}

#[async_trait]
impl SubgraphClient for Given {
    async fn execute(&self, _: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let body = if self.arbitrary {
            BODY.with_borrow(Clone::clone)
        } else {
            CANNED.to_vec()
        };
        Ok(SubgraphResponse::Json(body.into()))
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        let event = self.execute(request).await;
        Ok(Box::pin(futures::stream::iter([event])))
    }
}

/// Routers on a runtime of one thread, so that everything happens on it.
struct Setting {
    runtime: tokio::runtime::Runtime,
    /// With `a` arbitrary, with `b` arbitrary, with none.
    routers: [Router; 3],
}

impl Setting {
    fn new() -> Self {
        watch_panics();
        let sdl = |name: &str, text: &str| SubgraphSdl::new(name, "", format!("{LINK}{text}"));
        let composed = compose(&[sdl("a", A), sdl("b", B)]).expect("the graph composes");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let inside = runtime.enter();
        let routers = [(true, false), (false, true), (false, false)].map(|(a, b)| {
            let supergraph = Supergraph::parse(&composed.supergraph_sdl).expect("it parses");
            let mut config = RouterConfig::default();
            config.timeouts.planning_ms = 500;
            Router::builder(supergraph)
                .config(config)
                .subgraph("a", Arc::new(Given { arbitrary: a }))
                .subgraph("b", Arc::new(Given { arbitrary: b }))
                .build()
                .expect("a router")
        });
        drop(inside);
        Self { runtime, routers }
    }

    /// The answers, one a line.
    fn run(&self, router: usize, request: ClientRequest) -> String {
        self.runtime.block_on(async {
            match self.routers[router].execute(request).await {
                Outcome::Single(response) => checked(&response.body),
                Outcome::Stream(stream, _) | Outcome::Incremental(stream, _) => {
                    let events = stream.map(|event| checked(&event)).collect::<Vec<_>>();
                    events.await.join("\n")
                }
            }
        })
    }
}

fn checked(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).expect("UTF-8");
    let read = serde_json::from_str::<serde::de::IgnoredAny>(text);
    assert!(read.is_ok(), "not JSON ({read:?}): {text}");
    text.to_owned()
}

/// A document; after a line of dashes alone (`---`) variables may follow.
#[allow(dead_code, reason = "one target uses it")]
pub fn operation(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else {
        return String::new();
    };
    let (document, variables) = text.split_once("\n---\n").unwrap_or((text, "null"));
    let mut request = ClientRequest::new(document);
    request.params.variables = serde_json::from_str(variables).ok();
    SETTING.with(|setting| setting.run(2, request))
}

/// The first byte chooses the query and the subgraph, the others are its answer.
#[allow(dead_code, reason = "one target uses it")]
pub fn answer(input: &[u8]) -> String {
    let Some((choice, body)) = input.split_first() else {
        return String::new();
    };
    BODY.with_borrow_mut(|known| {
        known.clear();
        known.extend_from_slice(body);
    });
    let query = QUERIES[usize::from(*choice & 7)];
    let router = usize::from(*choice >> 3 & 1);
    SETTING.with(|setting| setting.run(router, ClientRequest::new(query)))
}
