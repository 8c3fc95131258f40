//! A graph whose fields of products move from owner to owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use atelier_composition::SubgraphSdl;
use atelier_router::config::Subscriptions;
use atelier_router::{
    ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig, SubgraphClient, SubgraphError,
    SubgraphRequest, SubgraphResponse, Supergraph,
};
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::harness::supergraph;
use crate::log::{self, Log};

/// A subgraph that gives its name for every field of every product.
pub struct Owner(&'static str, AtomicUsize);

impl Owner {
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self(name, AtomicUsize::new(0)))
    }

    pub fn calls(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SubgraphClient for Owner {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let variables: Value = serde_json::from_slice(&request.variables).unwrap();
        let asked = variables["representations"].as_array().unwrap().len();
        let name = self.0;
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
            "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.5\", import: [\"@key\", \"@shareable\", \"@authenticated\"])
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
    let log = Log::default();
    let (one, two) = (Owner::new("one"), Owner::new("two"));
    let router = Router::builder(schema(&log, owners))
        .config(RouterConfig {
            subscriptions: Subscriptions {
                reconnect_initial_ms: 1,
                ..subscriptions
            },
            ..RouterConfig::default()
        })
        .subgraph(
            "log",
            Arc::new(LocalSubgraph::new(log::schema(&log), |_, _| {})),
        )
        .subgraph("one", one.clone())
        .subgraph("two", two.clone())
        .build()
        .unwrap();
    Graph {
        log,
        one,
        two,
        router,
    }
}

impl Graph {
    pub async fn follow(&self, query: &str) -> BoxStream<'static, Bytes> {
        match self.router.execute(ClientRequest::new(query)).await {
            Outcome::Stream(events, _) => events,
            outcome => panic!("no stream: {outcome:?}"),
        }
    }

    pub fn reload(&self, owners: [&str; 2]) {
        self.router.reload(schema(&self.log, owners)).unwrap();
    }

    pub fn opened(&self) -> usize {
        self.log.opened.load(Ordering::SeqCst)
    }
}
