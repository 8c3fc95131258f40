//! The test graph with a gate before each subgraph: tests decide when it answers.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_router::{
    ClientRequest, HttpSubgraph, IncrementalFormat, LocalSubgraph, Outcome, Router, RouterConfig,
    SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use crate::harness::{Graph, serve_schema};

/// A subgraph that answers only while its gate is open.
pub struct Gate {
    inner: Arc<dyn SubgraphClient>,
    /// Documents with this text wait; the empty text is in all.
    held: watch::Sender<Option<String>>,
    /// Requests that were made and are neither answered nor given up.
    under_way: watch::Sender<usize>,
    /// Documents it was asked.
    pub asked: Mutex<Vec<String>>,
    /// When set, requests fail.
    pub broken: Mutex<bool>,
}

struct UnderWay<'a>(&'a Gate);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

impl Gate {
    pub fn new(inner: Arc<dyn SubgraphClient>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            held: watch::channel(None).0,
            under_way: watch::channel(0).0,
            asked: Mutex::default(),
            broken: Mutex::new(false),
        })
    }

    pub fn close(&self) {
        self.hold("");
    }

    /// Closes the gate for documents with this text.
    pub fn hold(&self, text: &str) {
        self.held.send_replace(Some(text.to_owned()));
    }

    pub fn open(&self) {
        self.held.send_replace(None);
    }

    pub fn break_down(&self) {
        *self.broken.lock() = true;
    }

    /// Waits until so many requests are under way.
    pub async fn has_under_way(&self, count: usize) {
        let mut changes = self.under_way.subscribe();
        changes.wait_for(|now| *now == count).await.unwrap();
    }
}

#[async_trait]
impl SubgraphClient for Gate {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.asked.lock().push(request.operation.text().to_owned());
        self.under_way.send_modify(|count| *count += 1);
        let _under_way = UnderWay(self);
        let passes = |held: &Option<String>| match held {
            Some(text) => !request.operation.text().contains(text),
            None => true,
        };
        let mut held = self.held.subscribe();
        held.wait_for(passes).await.unwrap();
        if *self.broken.lock() {
            return Err(SubgraphError::Unavailable("broken by the test".into()));
        }
        self.inner.execute(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        self.inner.subscribe(request).await
    }
}

/// The test graph behind gates.
pub struct Gated {
    pub router: Router,
    pub accounts: Arc<Gate>,
    pub products: Arc<Gate>,
    pub inventory: Arc<Gate>,
    pub reviews: Arc<Gate>,
}

impl Gated {
    fn new(graph: &Graph, config: RouterConfig, gates: [Arc<Gate>; 4]) -> Self {
        let [accounts, products, inventory, reviews] = gates;
        let router = Router::builder(graph.supergraph())
            .config(config)
            .subgraph("accounts", accounts.clone())
            .subgraph("products", products.clone())
            .subgraph("inventory", inventory.clone())
            .subgraph("reviews", reviews.clone())
            .build()
            .unwrap();
        Self {
            router,
            accounts,
            products,
            inventory,
            reviews,
        }
    }
}

/// With subgraphs in process.
pub fn gated() -> Gated {
    gated_with(RouterConfig::default())
}

/// With subgraphs in process and a configuration.
pub fn gated_with(config: RouterConfig) -> Gated {
    let graph = Graph::new();
    let gates = [
        Gate::new(Arc::new(LocalSubgraph::new(
            graph.accounts.clone(),
            |_, _| {},
        ))),
        Gate::new(Arc::new(LocalSubgraph::new(
            graph.products.clone(),
            |_, _| {},
        ))),
        Gate::new(Arc::new(LocalSubgraph::new(
            graph.inventory.clone(),
            |_, _| {},
        ))),
        Gate::new(Arc::new(LocalSubgraph::new(
            graph.reviews.clone(),
            |_, _| {},
        ))),
    ];
    Gated::new(&graph, config, gates)
}

/// With subgraphs over HTTP.
pub async fn gated_over_http() -> Gated {
    let graph = Graph::new();
    let client = |name: &str, url: &str| {
        let settings = RouterConfig::default().subgraph(name);
        let client = HttpSubgraph::new(name, url, &settings).unwrap();
        Gate::new(Arc::new(client))
    };
    let gates = [
        client("accounts", &serve_schema(graph.accounts.clone()).await),
        client("products", &serve_schema(graph.products.clone()).await),
        client("inventory", &serve_schema(graph.inventory.clone()).await),
        client("reviews", &serve_schema(graph.reviews.clone()).await),
    ];
    Gated::new(&graph, RouterConfig::default(), gates)
}

/// Messages of an answer in pieces, as JSON.
pub struct Pieces(BoxStream<'static, bytes::Bytes>);

impl Pieces {
    pub async fn next(&mut self) -> Value {
        let message = self.0.next().await.expect("another message");
        serde_json::from_slice(&message).unwrap()
    }

    /// All that are left.
    pub async fn rest(self) -> Vec<Value> {
        let all: Vec<_> = self.0.collect().await;
        let json = |message: bytes::Bytes| serde_json::from_slice(&message).unwrap();
        all.into_iter().map(json).collect()
    }
}

/// A request of a client that takes answers in pieces.
pub fn request(query: &str, variables: Value) -> ClientRequest {
    let mut request = ClientRequest::new(query);
    request.params.variables = variables.as_object().cloned();
    request.incremental = Some(IncrementalFormat::ByPath);
    request
}

/// Runs a document whose answer comes in pieces.
pub async fn pieces(router: &Router, query: &str) -> Pieces {
    pieces_of(router, request(query, Value::Null)).await
}

/// Runs a request whose answer comes in pieces.
pub async fn pieces_of(router: &Router, request: ClientRequest) -> Pieces {
    match router.execute(request).await {
        Outcome::Incremental(messages, _) => Pieces(messages),
        Outcome::Single(response) => {
            panic!("one answer: {}", String::from_utf8_lossy(&response.body))
        }
        Outcome::Stream(..) => panic!("a subscription"),
    }
}

/// All messages of an answer in pieces.
pub async fn all(router: &Router, query: &str) -> Vec<Value> {
    pieces(router, query).await.rest().await
}
