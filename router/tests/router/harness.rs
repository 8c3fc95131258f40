//! Routers over the test graph, in process and over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Executor, SDLExportOptions};
use async_trait::async_trait;
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{
    ClientRequest, LocalSubgraph, Outcome, RequestContext, Router, RouterConfig, SubgraphClient,
    SubgraphError, SubgraphRequest, SubgraphResponse, Supergraph,
};
use axum::response::IntoResponse;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::graph;

/// A client that remembers what it was asked.
pub struct Counted {
    inner: Arc<dyn SubgraphClient>,
    pub calls: AtomicUsize,
    open: Arc<AtomicUsize>,
    let_go: Arc<AtomicUsize>,
    pub variables: Mutex<Vec<Value>>,
}

impl Counted {
    pub fn new(inner: Arc<dyn SubgraphClient>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            calls: AtomicUsize::new(0),
            open: Arc::default(),
            let_go: Arc::default(),
            variables: Mutex::default(),
        })
    }

    /// Subscriptions that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Subscriptions that were open and are not any more.
    pub fn let_go(&self) -> usize {
        self.let_go.load(Ordering::SeqCst)
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SubgraphClient for Counted {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.variables
            .lock()
            .push(serde_json::from_slice(&request.variables).unwrap());
        self.inner.execute(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        use futures::StreamExt;
        self.calls.fetch_add(1, Ordering::SeqCst);
        let events = self.inner.subscribe(request).await?;
        let open = Open::new(&self.open, &self.let_go);
        Ok(events
            .inspect(move |_| {
                let _ = &open;
            })
            .boxed())
    }
}

struct Open {
    open: Arc<AtomicUsize>,
    let_go: Arc<AtomicUsize>,
}

impl Open {
    fn new(open: &Arc<AtomicUsize>, let_go: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self {
            open: Arc::clone(open),
            let_go: Arc::clone(let_go),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.let_go.fetch_add(1, Ordering::SeqCst);
    }
}

fn inject(context: &RequestContext, request: &mut async_graphql::Request) {
    if let Some(actor) = context.caller.extensions.get::<graph::Actor>() {
        *request = std::mem::replace(request, async_graphql::Request::new("")).data(actor.clone());
    }
}

fn local<E: Executor>(executor: E) -> Arc<Counted> {
    Counted::new(Arc::new(LocalSubgraph::new(executor, inject)))
}

/// The test graph.
pub struct Graph {
    pub accounts: graph::Accounts,
    pub products: graph::Products,
    pub inventory: graph::Inventory,
    pub reviews: graph::Reviews,
    pub bus: broadcast::Sender<String>,
}

impl Graph {
    pub fn new() -> Self {
        let bus = broadcast::channel(1024).0;
        Self {
            accounts: graph::accounts(),
            products: graph::products(bus.clone()),
            inventory: graph::inventory(),
            reviews: graph::reviews_schema(),
            bus,
        }
    }

    /// SDLs with these URLs, in the order accounts, products, inventory, reviews.
    pub fn sdls(&self, urls: [&str; 4]) -> Vec<SubgraphSdl> {
        let options = || SDLExportOptions::new().federation().compose_directive();
        let sdls = [
            ("accounts", self.accounts.sdl_with_options(options())),
            ("products", self.products.sdl_with_options(options())),
            ("inventory", self.inventory.sdl_with_options(options())),
            ("reviews", self.reviews.sdl_with_options(options())),
        ];
        sdls.into_iter()
            .zip(urls)
            .map(|((name, sdl), url)| SubgraphSdl {
                name: name.into(),
                url: url.into(),
                sdl,
            })
            .collect()
    }

    pub fn supergraph(&self) -> Supergraph {
        supergraph(&self.sdls([""; 4]))
    }
}

pub fn supergraph(sdls: &[SubgraphSdl]) -> Supergraph {
    let composed = compose(sdls).unwrap_or_else(|errors| panic!("{errors:?}"));
    Supergraph::parse(&composed.supergraph_sdl).unwrap()
}

/// A router over the test graph with counted in-process subgraphs.
pub struct InProcess {
    pub router: Router,
    pub accounts: Arc<Counted>,
    pub products: Arc<Counted>,
    pub graph: Graph,
}

pub fn in_process() -> InProcess {
    in_process_with(RouterConfig::default())
}

pub fn in_process_with(config: RouterConfig) -> InProcess {
    let graph = Graph::new();
    let (accounts, products) = (local(graph.accounts.clone()), local(graph.products.clone()));
    let (inventory, reviews) = (local(graph.inventory.clone()), local(graph.reviews.clone()));
    let router = Router::builder(graph.supergraph())
        .config(config)
        .subgraph("accounts", accounts.clone())
        .subgraph("products", products.clone())
        .subgraph("inventory", inventory)
        .subgraph("reviews", reviews)
        .build()
        .unwrap();
    InProcess {
        router,
        accounts,
        products,
        graph,
    }
}

/// Waits until something holds.
pub async fn eventually(holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + crate::socket::WAIT;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "it never holds");
        tokio::task::yield_now().await;
    }
}

/// Runs one request and gives its JSON.
pub async fn run(router: &Router, request: ClientRequest) -> Value {
    match router.execute(request).await {
        Outcome::Single(response) => serde_json::from_slice(&response.body).unwrap(),
        Outcome::Stream(..) | Outcome::Incremental(..) => {
            panic!("a stream where one answer was expected")
        }
    }
}

/// Runs a document without variables.
pub async fn ask(router: &Router, query: &str) -> Value {
    run(router, ClientRequest::new(query)).await
}

/// Runs a document with variables.
pub async fn ask_with(router: &Router, query: &str, variables: Value) -> Value {
    let mut request = ClientRequest::new(query);
    request.params.variables = variables.as_object().cloned();
    run(router, request).await
}

/// Serves an axum app on a port of its own; gives `http://…` without a path.
pub async fn serve(app: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// Serves a router on threads of its own; gives `http://…` without a path.
pub async fn serve_router(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        router
            .server()
            .threads(2)
            .serve(listener, CancellationToken::new()),
    );
    format!("http://{address}")
}

/// Serves a schema over HTTP as a plain GraphQL server.
pub async fn serve_schema<E: Executor>(executor: E) -> String {
    let handler = move |body: axum::body::Bytes| {
        let executor = executor.clone();
        async move {
            let request: async_graphql::Request = serde_json::from_slice(&body).unwrap();
            let response = executor.execute(request).await;
            axum::Json(serde_json::to_value(response).unwrap()).into_response()
        }
    };
    serve(axum::Router::new().route("/", axum::routing::post(handler))).await
}

/// An HTTP answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

/// Sends an HTTP request and gives the pieces of its body as they come.
pub async fn stream(request: http::Request<String>) -> BoxStream<'static, String> {
    use futures::StreamExt;
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor)
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = request.map(|body| http_body_util::Full::new(bytes::Bytes::from(body)));
    let body = client.request(request).await.unwrap().into_body();
    http_body_util::BodyDataStream::new(body)
        .map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap())
        .boxed()
}

/// Sends an HTTP request.
pub async fn http(request: http::Request<String>) -> Answer {
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor)
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = request.map(|body| http_body_util::Full::new(bytes::Bytes::from(body)));
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    let body = http_body_util::BodyExt::collect(body)
        .await
        .unwrap()
        .to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
