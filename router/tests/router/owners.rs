//! A graph whose fields of products move from owner to owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use atelier_composition::SubgraphSdl;
use atelier_router::config::Subscriptions;
use atelier_router::{
    Anonymous, ClientRequest, Identify, LocalSubgraph, Outcome, Router, RouterConfig,
    SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse, Supergraph,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::supergraph;
use crate::log::{self, Log};
use crate::socket::WAIT;

/// A subgraph that gives its name for every field of every product.
pub struct Owner {
    name: &'static str,
    calls: AtomicUsize,
    /// The actor that each request told of.
    pub actors: Mutex<Vec<String>>,
}

impl Owner {
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            calls: AtomicUsize::new(0),
            actors: Mutex::default(),
        })
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn actor(request: &SubgraphRequest) -> String {
    let actor = request.context.caller.forward.get("x-actor");
    actor.map_or_else(String::new, |actor| actor.to_str().unwrap().to_owned())
}

/// The log, with the actors who followed it.
pub struct Logged {
    inner: LocalSubgraph<log::LogSchema>,
    pub actors: Mutex<Vec<String>>,
}

#[async_trait]
impl SubgraphClient for Logged {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.inner.execute(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        self.actors.lock().push(actor(&request));
        self.inner.subscribe(request).await
    }
}

#[async_trait]
impl SubgraphClient for Owner {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.actors.lock().push(actor(&request));
        let variables: Value = serde_json::from_slice(&request.variables).unwrap();
        let asked = variables["representations"].as_array().unwrap().len();
        let name = self.name;
        let product = json!({"__typename": "Product", "status": name, "nickname": name});
        let answer = json!({"data": {"_entities": vec![product; asked]}});
        Ok(SubgraphResponse::Json(answer.to_string().into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

pub struct Graph {
    pub log: Log,
    pub logged: Arc<Logged>,
    pub one: Arc<Owner>,
    pub two: Arc<Owner>,
    pub router: Router,
}

/// A supergraph of the log and of fields of products that others have. Without a
/// nickname of another's the log has it.
pub fn schema(log: &Log, owners: [&str; 2]) -> Supergraph {
    let sdl = match owners.iter().any(|fields| fields.contains("nickname")) {
        true => log::sdl(log, ""),
        false => log::sdl_with_nicknames(log, ""),
    };
    changed(sdl, owners)
}

pub fn changed(log: SubgraphSdl, owners: [&str; 2]) -> Supergraph {
    let sdl = |fields: &str| {
        format!(
            "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.5\", import: [\"@key\", \"@shareable\", \"@authenticated\", \"@requiresScopes\"])
             type Query {{ ready: Boolean @shareable }}
             type Product @key(fields: \"upc\") {{ upc: ID! {fields} }}"
        )
    };
    let [one, two] = owners.map(sdl);
    supergraph(&[
        log,
        SubgraphSdl::new("one", "", one),
        SubgraphSdl::new("two", "", two),
    ])
}

pub fn graph(owners: [&str; 2]) -> Graph {
    graph_with(owners, Subscriptions::default())
}

pub fn graph_with(owners: [&str; 2], subscriptions: Subscriptions) -> Graph {
    graph_for(owners, subscriptions, Arc::new(Anonymous))
}

/// A graph whose callers are verified by `identify`.
pub fn graph_for(
    owners: [&str; 2],
    subscriptions: Subscriptions,
    identify: Arc<dyn Identify>,
) -> Graph {
    let log = Log::default();
    let (one, two) = (Owner::new("one"), Owner::new("two"));
    let logged = Arc::new(Logged {
        inner: LocalSubgraph::new(log::schema(&log), |_, _| {}),
        actors: Mutex::default(),
    });
    let router = Router::builder(schema(&log, owners))
        .config(RouterConfig {
            subscriptions: Subscriptions {
                reconnect_initial_ms: 1,
                ..subscriptions
            },
            ..RouterConfig::default()
        })
        .identify(identify)
        .subgraph("log", logged.clone())
        .subgraph("one", one.clone())
        .subgraph("two", two.clone())
        .build()
        .unwrap();
    Graph {
        log,
        logged,
        one,
        two,
        router,
    }
}

impl Graph {
    pub async fn follow(&self, query: &str) -> BoxStream<'static, Bytes> {
        self.start(ClientRequest::new(query)).await
    }

    pub async fn start(&self, request: ClientRequest) -> BoxStream<'static, Bytes> {
        match self.router.execute(request).await {
            Outcome::Stream(events, _) => events,
            outcome => panic!("no stream: {outcome:?}"),
        }
    }

    pub fn reload(&self, owners: [&str; 2]) {
        self.router.reload(schema(&self.log, owners)).unwrap();
    }

    pub fn opened(&self) -> usize {
        self.log.opened()
    }
}

pub async fn bytes(events: &mut BoxStream<'static, Bytes>) -> Bytes {
    let event = tokio::time::timeout(WAIT, events.next()).await;
    event.expect("no event in time").expect("the stream ended")
}

pub async fn next(events: &mut BoxStream<'static, Bytes>) -> Value {
    serde_json::from_slice(&bytes(events).await).unwrap()
}

/// The next event is the last one: an error with this code; gives it.
pub async fn ends_with(events: &mut BoxStream<'static, Bytes>, code: &str) -> Value {
    let mut last = next(events).await;
    assert_eq!(last["errors"][0]["extensions"]["code"], code, "{last}");
    assert!(last.get("data").is_none(), "{last}");
    assert!(events.next().await.is_none());
    last["errors"][0].take()
}

pub const STATUS: &str = "subscription { logged { ... on Added { text product { status } } } }";
pub const NICKNAME: &str = "subscription { logged { ... on Added { text product { nickname } } } }";

/// An event of them.
pub fn of(text: &str, field: &str, by: &str) -> Value {
    json!({"data": {"logged": {"text": text, "product": {field: by}}}})
}
