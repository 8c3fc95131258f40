//! Subgraphs that are asked for their schemas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::config::{HeaderSource, Reload, SubgraphOverride};
use atelier_router::{
    Caller, IdentifyError, Reloader, Router, RouterBuilder, RouterConfig, SubgraphClient,
    SubgraphError, SubgraphRequest, SubgraphResponse, Supergraph,
};
use axum::response::IntoResponse;
use futures::stream::BoxStream;
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::{ask, eventually, serve};
use crate::reload::{knows, supergraph};

/// Polls once at the start and then when told.
fn polling() -> RouterConfig {
    RouterConfig {
        reload: Reload {
            poll_subgraphs_s: 3600,
            ..Reload::default()
        },
        ..RouterConfig::default()
    }
}

/// A subgraph that only tells its schema.
struct Telling(Arc<Mutex<Option<String>>>, Arc<AtomicUsize>);

#[async_trait]
impl SubgraphClient for Telling {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        assert_eq!(request.operation.text(), "{ _service { sdl } }");
        self.1.fetch_add(1, Ordering::SeqCst);
        let sdl = self.0.lock().clone().ok_or(SubgraphError::Timeout)?;
        let answer = json!({"data": {"_service": {"sdl": sdl}}});
        Ok(SubgraphResponse::Json(answer.to_string().into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

/// A router that serves a supergraph and polls its only subgraph.
struct Polled {
    router: Router,
    /// What the subgraph tells; nothing while it is away.
    told: Arc<Mutex<Option<String>>>,
    polls: Arc<AtomicUsize>,
    now: Arc<Notify>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Polled {
    fn start(served: &str, told: Option<&str>) -> Self {
        let told = Arc::new(Mutex::new(told.map(str::to_owned)));
        let polls = Arc::new(AtomicUsize::new(0));
        let client = Arc::new(Telling(Arc::clone(&told), Arc::clone(&polls)));
        let router = Router::builder(Supergraph::parse(served).unwrap())
            .config(polling())
            .subgraph("one", client)
            .build()
            .unwrap();
        let reloader = Reloader::new(router.clone(), None);
        let now = reloader.trigger();
        let stop = CancellationToken::new();
        let running = tokio::spawn(reloader.run(stop.clone()));
        Self {
            router,
            told,
            polls,
            now,
            stop,
            running,
        }
    }

    async fn polled(&self, times: usize) {
        eventually(|| self.polls.load(Ordering::SeqCst) == times).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn subgraphs_that_change_are_composed_again_unless_they_do_not_fit() {
    let first = supergraph("first: Int");
    let polled = Polled::start(&first, Some("type Query { first: Int }"));
    polled.polled(1).await;

    let mut times = 1;
    let mut poll = async |sdl: Option<&str>| {
        *polled.told.lock() = sdl.map(str::to_owned);
        // The second one begins when the first one has ended.
        for _ in 0..2 {
            polled.now.notify_one();
            times += 1;
            polled.polled(times).await;
        }
    };
    // What it told first is what is served.
    assert_eq!(polled.router.supergraph().sdl(), first);
    poll(Some("type Query { first: Missing }")).await;
    assert_eq!(polled.router.supergraph().sdl(), first);
    poll(None).await;
    assert_eq!(polled.router.supergraph().sdl(), first);
    poll(Some("type Query { first: Int second: String }")).await;
    assert!(knows(&polled.router, "second").await);
    polled.end().await;
}

#[tokio::test]
async fn first_answers_that_differ_from_what_is_served_are_a_change() {
    // It is away at first.
    let polled = Polled::start(&supergraph("first: Int"), None);
    polled.polled(1).await;
    *polled.told.lock() = Some("type Query { first: Int second: Int }".to_owned());
    polled.now.notify_one();
    let changed = supergraph("first: Int second: Int");
    eventually(|| polled.router.supergraph().sdl() == changed).await;
    polled.end().await;
}

#[tokio::test]
async fn a_supergraph_that_is_only_written_differently_is_not_replaced() {
    let composed = supergraph("first: Int second: Int");
    let served = composed
        .replace("  first: Int\n", "")
        .replace("  second: Int\n", "  second: Int\n  first: Int\n");
    assert_ne!(composed, served);
    let told = "type Query { first: Int second: Int }";
    let polled = Polled::start(&served, Some(told));
    for times in 1..=2 {
        // The second one begins when the first one has ended.
        polled.polled(times).await;
        polled.now.notify_one();
    }
    polled.polled(3).await;
    assert_eq!(polled.router.supergraph().sdl(), served);
    polled.end().await;
}

/// A subgraph over HTTP that tells its schema to those who say who they are.
struct Guarded {
    url: String,
    refused: Arc<AtomicUsize>,
}

async fn guarded(header: &'static str, value: &'static str) -> Guarded {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let answer = move |headers: HeaderMap| {
        let known = headers.get_all(header).iter().collect::<Vec<_>>() == [value];
        let count = Arc::clone(&count);
        async move {
            if known {
                let sdl = "type Query { first: Int second: Int }";
                return axum::Json(json!({"data": {"_service": {"sdl": sdl}}})).into_response();
            }
            count.fetch_add(1, Ordering::SeqCst);
            let refusal = axum::Json(json!({"errors": [{"message": "Who are you?"}]}));
            (http::StatusCode::UNAUTHORIZED, refusal).into_response()
        }
    };
    let app = axum::Router::new().route("/", axum::routing::post(answer));
    Guarded {
        url: serve(app).await,
        refused,
    }
}

impl Guarded {
    fn sdl(&self, fields: &str) -> String {
        let types = format!("type Query {{ {fields} }}");
        let part = SubgraphSdl::new("one", &self.url, types);
        compose(&[part]).unwrap().supergraph_sdl
    }

    fn builder(&self) -> RouterBuilder {
        Router::builder(Supergraph::parse(&self.sdl("first: Int")).unwrap())
    }
}

/// Runs the reloader until `done`.
async fn polled(router: &Router, done: impl Fn() -> bool) {
    let reloader = Reloader::new(router.clone(), None);
    let now = reloader.trigger();
    let stop = CancellationToken::new();
    let running = tokio::spawn(reloader.run(stop.clone()));
    now.notify_one();
    eventually(done).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_refused_poll_changes_nothing() {
    let subgraph = guarded("x-token", "secret words").await;
    let router = subgraph.builder().config(polling()).build().unwrap();
    polled(&router, || subgraph.refused.load(Ordering::SeqCst) == 2).await;
    assert_eq!(router.supergraph().sdl(), subgraph.sdl("first: Int"));
}

#[tokio::test]
async fn a_router_without_an_identity_asks_nobody() {
    let subgraph = guarded("x-token", "secret words").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let nobody = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let status = http::StatusCode::UNAUTHORIZED;
        Err(IdentifyError::new("UNAUTHENTICATED", "No key.", status))
    };
    let router = subgraph.builder().config(polling()).own(nobody);
    let router = router.build().unwrap();
    polled(&router, || asked.load(Ordering::SeqCst) == 2).await;
    assert_eq!(subgraph.refused.load(Ordering::SeqCst), 0);
    assert_eq!(router.supergraph().sdl(), subgraph.sdl("first: Int"));
}

#[tokio::test]
async fn the_router_says_who_it_is_when_it_polls() {
    let subgraph = guarded("x-actor", "the router").await;
    let own = || {
        let mut caller = Caller::default();
        caller
            .forward
            .insert("x-actor", "the router".parse().unwrap());
        Ok(caller)
    };
    let router = subgraph.builder().config(polling()).own(own);
    let router = router.build().unwrap();
    let wider = subgraph.sdl("first: Int second: Int");
    polled(&router, || router.supergraph().sdl() == wider).await;
    // It is nobody else when clients ask.
    let answer = ask(&router, "{ first }").await;
    assert_eq!(answer["errors"][0]["message"], "Who are you?");
}

#[tokio::test]
async fn headers_of_a_subgraph_go_with_polls_and_requests_whatever_clients_say() {
    let subgraph = guarded("x-token", "secret words").await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret words\n").unwrap();
    let own = SubgraphOverride {
        headers: BTreeMap::from([("X-Token".to_owned(), HeaderSource::File(token))]),
        ..SubgraphOverride::default()
    };
    let config = RouterConfig {
        subgraphs: BTreeMap::from([("one".to_owned(), own)]),
        ..polling()
    };
    let router = subgraph.builder().config(config).build().unwrap();
    let wider = subgraph.sdl("first: Int second: Int");
    polled(&router, || router.supergraph().sdl() == wider).await;
    let mut request = atelier_router::ClientRequest::new("{ first }");
    let forged: http::HeaderValue = "forged".parse().unwrap();
    request.headers.insert("x-token", forged.clone());
    let mut caller = Caller::default();
    caller.forward.insert("x-token", forged);
    request.caller = Arc::new(caller);
    crate::harness::run(&router, request).await;
    assert_eq!(subgraph.refused.load(Ordering::SeqCst), 0);
}

#[test]
fn headers_that_cannot_be_are_refused_by_name() {
    let refused = |line: &str| {
        let text = format!("[subgraphs.shop.headers]\n{line}\n");
        RouterConfig::from_toml(&text).unwrap_err().to_string()
    };
    let error = refused("content-length = { value = \"3\" }");
    assert!(error.contains("subgraphs.shop.headers.content-length"));
    assert!(refused("\"not a name\" = { value = \"3\" }").contains("not a name"));
    assert!(refused("x-token = { keyring = \"3\" }").contains("keyring"));
    let text = "[subgraphs.shop.headers]\nauthorization = { env = \"ATELIER_TEST_NOT_SET\" }\n";
    let config = RouterConfig::from_toml(text).unwrap();
    let part = SubgraphSdl::new("shop", "http://127.0.0.1:1/", "type Query { a: Int }");
    let sdl = compose(&[part]).unwrap().supergraph_sdl;
    let built = Router::builder(Supergraph::parse(&sdl).unwrap())
        .config(config)
        .build();
    let error = built.unwrap_err().to_string();
    assert!(error.contains("ATELIER_TEST_NOT_SET"), "{error}");
}
