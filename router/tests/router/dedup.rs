//! Identical queries under way at the same time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use atelier_router::config::Dedup;
use atelier_router::{
    Caller, ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig, SubgraphClient,
    SubgraphError, SubgraphRequest, SubgraphResponse,
};
use futures::future::{BoxFuture, join_all};
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::graph;
use crate::harness::{Graph, ask, supergraph};

/// A subgraph that answers when it is let.
struct Gate {
    inner: LocalSubgraph<graph::Products>,
    asked: AtomicUsize,
    open: Semaphore,
}

impl Gate {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SubgraphClient for Gate {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await.unwrap().forget();
        self.inner.execute(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        self.inner.subscribe(request).await
    }
}

struct Shop {
    router: Router,
    gate: Arc<Gate>,
}

/// A router over products alone, with plans for these documents.
async fn shop(dedup: Dedup, documents: &[&str]) -> Shop {
    let graph = Graph::new();
    let gate = Arc::new(Gate {
        inner: LocalSubgraph::new(graph.products.clone(), |_, _| {}),
        asked: AtomicUsize::new(0),
        open: Semaphore::new(documents.len()),
    });
    let router = Router::builder(supergraph(&graph.sdls([""; 4])[1..2]))
        .config(RouterConfig {
            dedup,
            ..RouterConfig::default()
        })
        .subgraph("products", Arc::clone(&gate) as Arc<dyn SubgraphClient>)
        .build()
        .unwrap();
    for document in documents {
        ask(&router, document).await;
    }
    gate.open.forget_permits(documents.len());
    gate.asked.store(0, Ordering::SeqCst);
    Shop { router, gate }
}

const SUBGRAPH: Dedup = Dedup {
    subgraph_requests: true,
    client_requests: false,
};
const CLIENT: Dedup = Dedup {
    subgraph_requests: false,
    client_requests: true,
};
const TOP: &str = "{ topProducts { name } }";

type Asking<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

impl Shop {
    /// Starts a request; it is at the gate, or waits for one that is.
    fn start(&self, request: ClientRequest) -> Asking<'_> {
        let mut asking: BoxFuture<'_, Outcome> = Box::pin(self.router.execute(request));
        let waker = futures::task::noop_waker();
        let polled = asking
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker));
        assert!(polled.is_pending());
        asking
    }
}

fn json_of(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Single(response) => serde_json::from_slice(&response.body).unwrap(),
        _ => panic!("a stream"),
    }
}

fn signed_in(name: &str, query: &str) -> ClientRequest {
    let mut request = ClientRequest::new(query);
    request.caller = Arc::new(Caller {
        authenticated: true,
        identity: Some(name.into()),
        // Collides on purpose.
        fingerprint: 1,
        ..Caller::default()
    });
    request
}

#[tokio::test]
async fn identical_queries_ask_once_at_either_level() {
    for dedup in [SUBGRAPH, CLIENT] {
        let shop = shop(dedup, &[TOP]).await;
        let asking: Vec<_> = (0..5)
            .map(|_| shop.start(ClientRequest::new(TOP)))
            .collect();
        assert_eq!(shop.gate.asked(), 1);
        shop.gate.open.add_permits(1);
        for outcome in join_all(asking).await {
            assert_eq!(
                json_of(outcome)["data"]["topProducts"][0]["name"],
                json!("Table")
            );
        }
        // Nothing is kept for later.
        shop.gate.open.add_permits(1);
        ask(&shop.router, TOP).await;
        assert_eq!(shop.gate.asked(), 2);
    }
}

#[tokio::test]
async fn nothing_is_shared_unless_configured() {
    let shop = shop(Dedup::default(), &[TOP]).await;
    let asking: Vec<_> = (0..2)
        .map(|_| shop.start(ClientRequest::new(TOP)))
        .collect();
    assert_eq!(shop.gate.asked(), 2);
    shop.gate.open.add_permits(2);
    join_all(asking).await;
}

#[tokio::test]
async fn other_callers_headers_and_variables_are_asked_for_themselves() {
    const ONE: &str = "query ($upc: ID!) { product(upc: $upc) { name } }";
    for dedup in [SUBGRAPH, CLIENT] {
        let shop = shop(dedup, &[TOP, ONE]).await;
        let mut with_header = ClientRequest::new(TOP);
        with_header.headers.insert("x-tenant", "a".parse().unwrap());
        let product = |upc: &str| {
            let mut request = ClientRequest::new(ONE);
            request.params.variables = json!({"upc": upc}).as_object().cloned();
            request
        };
        let requests = [
            ClientRequest::new(TOP),
            with_header,
            signed_in("ada", TOP),
            signed_in("bo", TOP),
            product("1"),
            product("2"),
        ];
        // Without its variable `ONE` was refused and not planned.
        shop.gate.open.add_permits(2);
        for upc in ["1", "2"] {
            shop.router.execute(product(upc)).await;
        }
        let before = shop.gate.asked();
        let count = requests.len();
        let asking: Vec<_> = requests.into_iter().map(|r| shop.start(r)).collect();
        assert_eq!(shop.gate.asked() - before, count);
        let again = shop.start(signed_in("ada", TOP));
        assert_eq!(shop.gate.asked() - before, count, "the same caller shares");
        shop.gate.open.add_permits(100);
        let answers: Vec<Value> = join_all(asking).await.into_iter().map(json_of).collect();
        assert_eq!(answers[4]["data"]["product"]["name"], "Table");
        assert_eq!(answers[5]["data"]["product"]["name"], "Couch");
        assert_eq!(json_of(again.await), answers[2]);
    }
}

#[tokio::test]
async fn mutations_run_each_and_queries_after_them_see_their_change() {
    const APPEND: &str = "mutation { append(text: \"x\") }";
    for dedup in [SUBGRAPH, CLIENT] {
        let shop = shop(dedup, &[TOP, APPEND]).await;
        let early = shop.start(ClientRequest::new(TOP));
        let mutations = [
            shop.start(ClientRequest::new(APPEND)),
            shop.start(ClientRequest::new(APPEND)),
        ];
        assert_eq!(shop.gate.asked(), 3);
        shop.gate.open.add_permits(1);
        // The gate lets the first in line through; it is fair.
        early.await;
        let early = shop.start(ClientRequest::new(TOP));
        shop.gate.open.add_permits(2);
        let lengths: Vec<Value> = join_all(mutations).await.into_iter().map(json_of).collect();
        assert_ne!(lengths[0]["data"]["append"], lengths[1]["data"]["append"]);
        let asked = shop.gate.asked();
        let late = shop.start(ClientRequest::new(TOP));
        assert_eq!(shop.gate.asked(), asked + 1, "it joined an older query");
        shop.gate.open.add_permits(2);
        join_all([early, late]).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_others_with_it() {
    for dedup in [SUBGRAPH, CLIENT] {
        let shop = shop(dedup, &[TOP]).await;
        let leader = shop.start(ClientRequest::new(TOP));
        let waiting = [
            shop.start(ClientRequest::new(TOP)),
            shop.start(ClientRequest::new(TOP)),
        ];
        drop(leader);
        shop.gate.open.add_permits(1);
        for outcome in join_all(waiting).await {
            assert_eq!(
                json_of(outcome)["data"]["topProducts"][2]["name"],
                json!("Kite")
            );
        }
        assert_eq!(shop.gate.asked(), 2, "one of them took over");
    }
}

#[tokio::test]
async fn errors_carry_the_id_of_their_own_request() {
    const FAILS: &str = "{ fails }";
    for dedup in [SUBGRAPH, CLIENT] {
        let shop = shop(dedup, &[FAILS]).await;
        let named = |id: &str| ClientRequest {
            request_id: id.into(),
            ..ClientRequest::new(FAILS)
        };
        let asking = [shop.start(named("one")), shop.start(named("two"))];
        shop.gate.open.add_permits(2);
        let answers: Vec<Value> = join_all(asking).await.into_iter().map(json_of).collect();
        for (answer, id) in answers.iter().zip(["one", "two"]) {
            assert_eq!(answer["errors"][0]["extensions"]["requestId"], id);
            assert_eq!(answer["errors"][0]["extensions"]["code"], "TEAPOT");
        }
    }
}

#[tokio::test]
async fn access_rules_are_decided_before_anything_is_shared() {
    let shop = shop(CLIENT, &[TOP]).await;
    let anonymous = shop.start(ClientRequest::new(TOP));
    let mut unlike = signed_in("ada", TOP);
    let caller = Arc::make_mut(&mut unlike.caller);
    caller.scopes = Arc::new(["admin".to_owned()]);
    let other = shop.start(unlike);
    let same_name = shop.start(signed_in("ada", TOP));
    assert_eq!(shop.gate.asked(), 3, "other scopes are another caller");
    shop.gate.open.add_permits(3);
    join_all([anonymous, other, same_name]).await;
}
