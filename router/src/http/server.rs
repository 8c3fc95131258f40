//! Serving on threads that share nothing: each has its own runtime, its own
//! connections of clients and, through them, its own connections to subgraphs.
//! A request then never waits for another thread to be woken.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Method, Request, Response, header, request};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::graphql;
use crate::config::Connections;
use crate::quota::{Budget, Permit};
use crate::router::Router;
use crate::serve::{Admission, Connector, Served, refuse};

/// Connections accepted but not yet taken by their thread.
const ACCEPTED: usize = 1024;
/// Blocking threads per serving thread: planning and name resolution.
const BLOCKING: usize = 16;

/// Looks at each request before anything else and tells whose it is.
type Admit = Arc<dyn Fn(&mut request::Parts, SocketAddr) -> IpAddr + Send + Sync>;

/// Where a request came from: the client's address, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// Routes about to be served, with limits on their connections.
pub struct Server {
    router: Option<Router>,
    routes: axum::Router,
    limits: Connections,
    budget: Budget,
    /// Own threads; none serves on the runtime of whoever calls.
    threads: usize,
    grace: Duration,
    admit: Option<Admit>,
    proxied: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("threads", &self.threads)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// Serves on one thread per core, with 20 seconds of grace at the end.
    pub fn server(self) -> Server {
        Server {
            routes: self.clone().routes(),
            limits: self.config().connections.clone(),
            budget: self.budget().clone(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            router: Some(self),
            grace: Duration::from_secs(20),
            admit: None,
            proxied: false,
        }
    }
}

impl Server {
    /// Serves `routes` without a graph, on the runtime of whoever calls, with 20
    /// seconds of grace at the end.
    pub fn of(routes: axum::Router, limits: Connections) -> Self {
        Self {
            router: None,
            routes,
            budget: Budget::new(limits.buffered_bytes),
            limits,
            threads: 0,
            grace: Duration::from_secs(20),
            admit: None,
            proxied: false,
        }
    }

    /// Serves `routes` besides those of the router.
    #[must_use]
    pub fn merge(mut self, routes: axum::Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Number of serving threads, at least one.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Serves on the runtime of whoever calls: for programs whose requests mostly
    /// wait for other work of the same runtime.
    #[must_use]
    pub fn here(mut self) -> Self {
        self.threads = 0;
        self
    }

    /// How long requests under way may take once the end is near.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Connections come from a proxy, so their addresses are not those of clients:
    /// `admit` tells these, and connections are only limited in all.
    #[must_use]
    pub fn behind_proxies(mut self, proxied: bool) -> Self {
        self.proxied = proxied;
        self
    }

    /// Lets `admit` see each request first, with the address it comes from; it gives
    /// the client's address.
    #[must_use]
    pub fn admit(
        mut self,
        admit: impl Fn(&mut request::Parts, SocketAddr) -> IpAddr + Send + Sync + 'static,
    ) -> Self {
        self.admit = Some(Arc::new(admit));
        self
    }

    /// Serves until `stop` is cancelled, then lets requests under way finish.
    ///
    /// # Errors
    /// When no thread can be started or the listener breaks.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        if let Some(router) = &self.router {
            router.listens_on(listener.local_addr()?.ip());
        }
        let grace = self.grace;
        let ended = CancellationToken::new();
        let admission = Admission::new(&self.limits, !self.proxied);
        let mut workers = Vec::new();
        for at in 0..self.threads {
            let connector = self.connector(&admission);
            workers.push(Worker::thread(at, connector, stop.clone(), ended.clone())?);
        }
        if workers.is_empty() {
            workers.push(Worker::here(self.connector(&admission), stop.clone()));
        }
        let accepted = stop
            .run_until_cancelled(accept(&listener, &admission, &workers))
            .await
            .unwrap_or(Ok(()));
        drop(listener);
        // Also when the listener broke: what was begun is finished.
        stop.cancel();
        let done = workers.into_iter().map(|worker| worker.done);
        let _ = tokio::time::timeout(grace, futures::future::join_all(done)).await;
        ended.cancel();
        accepted
    }

    fn connector(&self, admission: &Admission) -> Arc<Connector<Site>> {
        let graph = self.router.as_ref().map(|router| Graph {
            path: router.config().http.path.clone(),
            router: Arc::new(router.clone()),
        });
        let site = Site {
            graph,
            routes: self.routes.clone(),
            admit: self.admit.clone(),
        };
        let budget = self.budget.clone();
        Arc::new(Connector::new(
            site,
            admission.clone(),
            budget,
            &self.limits,
        ))
    }
}

/// Gives each connection to the worker with the fewest.
async fn accept(
    listener: &TcpListener,
    admission: &Admission,
    workers: &[Worker],
) -> std::io::Result<()> {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_connection(&error) => continue,
            Err(error) => {
                // Out of descriptors or memory: others may be given back.
                tracing::warn!(target: "atelier_router", detail = %error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let stream = stream.into_std()?;
        let permit = match admission.enter(peer.ip()) {
            Ok(permit) => permit,
            Err(full) => {
                refuse(stream, full);
                continue;
            }
        };
        let Some(worker) = workers
            .iter()
            .min_by_key(|worker| worker.open.load(Ordering::Relaxed))
        else {
            return Ok(());
        };
        worker.open.fetch_add(1, Ordering::Relaxed);
        if worker.streams.send((stream, peer, permit)).await.is_err() {
            worker.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

type Accepted = (std::net::TcpStream, SocketAddr, Permit);

/// Serves connections on one thread, or on the runtime it was made on.
struct Worker {
    streams: mpsc::Sender<Accepted>,
    open: Arc<AtomicUsize>,
    done: tokio::sync::oneshot::Receiver<()>,
}

impl Worker {
    fn here(connector: Arc<Connector<Site>>, stop: CancellationToken) -> Self {
        let (worker, serve) = Self::new(connector, stop);
        tokio::spawn(serve);
        worker
    }

    fn thread(
        at: usize,
        connector: Arc<Connector<Site>>,
        stop: CancellationToken,
        ended: CancellationToken,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING)
            .build()?;
        let (worker, serve) = Self::new(connector, stop);
        std::thread::Builder::new()
            .name(format!("router-{at}"))
            .spawn(move || {
                runtime.block_on(async {
                    serve.await;
                    // WebSockets outlive their connection's task; they end by the router's drain.
                    ended.cancelled().await;
                });
                runtime.shutdown_background();
            })?;
        Ok(worker)
    }

    fn new(
        connector: Arc<Connector<Site>>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (streams, mut incoming) = mpsc::channel::<Accepted>(ACCEPTED);
        let open = Arc::new(AtomicUsize::new(0));
        let (finished, done) = tokio::sync::oneshot::channel();
        let counted = Arc::clone(&open);
        let serve = async move {
            let connections = TaskTracker::new();
            while let Some(Some((stream, peer, permit))) =
                stop.run_until_cancelled(incoming.recv()).await
            {
                let connector = Arc::clone(&connector);
                let counted = Arc::clone(&counted);
                let stopping = stop.clone();
                connections.spawn(async move {
                    connector.serve(stream, peer, permit, stopping).await;
                    counted.fetch_sub(1, Ordering::Relaxed);
                });
            }
            connections.close();
            connections.wait().await;
            let _ = finished.send(());
        };
        let worker = Self {
            streams,
            open,
            done,
        };
        (worker, serve)
    }
}

/// A graph, and where.
struct Graph {
    path: String,
    router: Arc<Router>,
}

/// What is served.
struct Site {
    graph: Option<Graph>,
    routes: axum::Router,
    admit: Option<Admit>,
}

impl Served for Site {
    async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let address = match &self.admit {
            Some(admit) => admit(&mut parts, peer),
            None => peer.ip(),
        };
        let mut request = Request::from_parts(parts, body);
        // What makes up nearly all requests goes past the table of routes; only
        // browsers send an origin, and they need its layers.
        if let Some(graph) = &self.graph
            && request.method() == Method::POST
            && request.uri().path() == graph.path
            && !request.headers().contains_key(header::ORIGIN)
        {
            return graphql::answer_post(&graph.router, request, Some(address)).await;
        }
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(peer));
        extensions.insert(ClientAddress(address));
        match self.routes.clone().oneshot(request).await {
            Ok(mut response) => {
                let headers = response.headers_mut();
                if !headers.contains_key(X_CONTENT_TYPE_OPTIONS) {
                    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                }
                response
            }
            Err(never) => match never {},
        }
    }
}
