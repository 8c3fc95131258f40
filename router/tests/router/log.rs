//! A subgraph whose subscription can be continued: a log that is only added to,
//! and a server for it that can be killed and started again on its port.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{
    Context, EmptyMutation, ID, Object, Schema, SimpleObject, Subscription, TypeDirective, Union,
};
use atelier_composition::SubgraphSdl;
use atelier_router::{LocalSubgraph, Router, RouterConfig, Supergraph};
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::watch;

/// What was logged, and who follows it. Outlives the servers.
#[derive(Clone)]
pub struct Log {
    entries: Arc<Mutex<Vec<String>>>,
    length: Arc<watch::Sender<usize>>,
    followers: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
            length: Arc::new(watch::Sender::new(0)),
            followers: Arc::default(),
            opened: Arc::default(),
        }
    }
}

impl Log {
    pub fn add(&self, text: &str) {
        let mut entries = self.entries.lock();
        entries.push(text.to_owned());
        self.length.send_replace(entries.len());
    }

    pub fn followers(&self) -> usize {
        self.followers.load(Ordering::SeqCst)
    }

    /// Streams that ever followed.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Waits until so many streams follow.
    pub async fn followed_by(&self, count: usize) {
        crate::harness::eventually(|| self.followers() == count).await;
    }

    fn follow(&self, after: Option<usize>) -> impl Stream<Item = (usize, String)> + use<> {
        self.followers.fetch_add(1, Ordering::SeqCst);
        self.opened.fetch_add(1, Ordering::SeqCst);
        let start = after.unwrap_or_else(|| self.entries.lock().len());
        let follower = Follower(self.clone());
        let state = (start, follower, self.length.subscribe());
        futures::stream::unfold(state, |(at, follower, mut length)| async move {
            length.wait_for(|length| *length > at).await.ok()?;
            let text = follower.0.entries.lock()[at].clone();
            Some(((at + 1, text), (at + 1, follower, length)))
        })
    }
}

struct Follower(Log);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[TypeDirective(
    location = "FieldDefinition",
    composable = "https://specs.atelier.dev/resumable/v0.1"
)]
fn resumable(arg: String, cursor: String) {}

#[derive(SimpleObject)]
#[graphql(unresolvable = "upc")]
struct Product {
    upc: ID,
    nickname: String,
}

impl Product {
    /// The product of the entry at this place.
    fn of(at: usize) -> Self {
        let upc = at % 2 + 1;
        Self {
            upc: upc.to_string().into(),
            nickname: "by the log".to_owned(),
        }
    }
}

#[derive(SimpleObject)]
struct Added {
    cursor: String,
    text: String,
    product: Product,
}

#[derive(SimpleObject)]
struct Noted {
    cursor: Option<String>,
    text: String,
}

#[derive(Union)]
enum LogEvent {
    Added(Added),
    Noted(Noted),
}

pub struct LogQuery;

#[Object(name = "Query")]
impl LogQuery {
    async fn length(&self, ctx: &Context<'_>) -> usize {
        ctx.data_unchecked::<Log>().entries.lock().len()
    }
}

pub struct LogSubscription;

#[Subscription(name = "Subscription")]
impl LogSubscription {
    /// Texts beginning with "note" are noted without a cursor.
    #[graphql(directive = resumable::apply("after".to_owned(), "cursor".to_owned()))]
    async fn logged(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
    ) -> impl Stream<Item = LogEvent> + use<> {
        use futures::StreamExt;
        let after = after.and_then(|after| after.parse().ok());
        let events = ctx.data_unchecked::<Log>().follow(after);
        events.map(|(at, text)| match text.starts_with("note") {
            true => LogEvent::Noted(Noted { cursor: None, text }),
            false => LogEvent::Added(Added {
                cursor: at.to_string(),
                product: Product::of(at),
                text,
            }),
        })
    }

    /// The product of each entry; it cannot be continued.
    async fn added(&self, ctx: &Context<'_>) -> impl Stream<Item = Product> + use<> {
        use futures::StreamExt;
        let events = ctx.data_unchecked::<Log>().follow(None);
        events.map(|(at, _)| Product::of(at))
    }

    /// The texts alone; it cannot be continued.
    async fn heard(&self, ctx: &Context<'_>) -> impl Stream<Item = String> + use<> {
        use futures::StreamExt;
        let events = ctx.data_unchecked::<Log>().follow(None);
        events.map(|(_, text)| text)
    }
}

pub type LogSchema = Schema<LogQuery, EmptyMutation, LogSubscription>;

pub fn schema(log: &Log) -> LogSchema {
    Schema::build(LogQuery, EmptyMutation, LogSubscription)
        .enable_federation()
        .enable_subscription_in_federation()
        .data(log.clone())
        .finish()
}

pub fn sdl(log: &Log, url: &str) -> SubgraphSdl {
    // Products elsewhere have no way to their nickname here.
    let mut sdl = sdl_with_nicknames(log, url);
    sdl.sdl = sdl.sdl.replace("nickname: String!", "");
    sdl
}

pub fn sdl_with_nicknames(log: &Log, url: &str) -> SubgraphSdl {
    let options = async_graphql::SDLExportOptions::new()
        .federation()
        .compose_directive();
    SubgraphSdl::new("log", url, schema(log).sdl_with_options(options))
}

/// A server of the log on a port of its own.
pub struct Server {
    pub url: String,
    log: Log,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    pub async fn start(log: &Log) -> Self {
        let mut server = Self {
            url: String::new(),
            log: log.clone(),
            runtime: None,
        };
        server.listen("127.0.0.1:0").await;
        server
    }

    /// All connections break off at once.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Starts again where it was.
    pub async fn restart(&mut self) {
        let address = self.url.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/graphql").unwrap().to_owned();
        self.listen(&address).await;
    }

    async fn listen(&mut self, address: &str) {
        // A router over the log alone serves its events in every protocol.
        let composed = atelier_composition::compose(&[sdl(&self.log, "")]).unwrap();
        let local = LocalSubgraph::new(schema(&self.log), |_, _| {});
        let router = Router::builder(Supergraph::parse(&composed.supergraph_sdl).unwrap())
            .subgraph("log", Arc::new(local))
            .config(RouterConfig::default())
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (told, address_of) = tokio::sync::oneshot::channel();
        let address = address.to_owned();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router.into_axum()).await.unwrap();
        });
        self.runtime = Some(runtime);
        self.url = format!("http://{}/graphql", address_of.await.unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
