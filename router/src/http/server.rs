//! Serving on threads that share nothing: each has its own runtime, its own
//! connections of clients and, through them, its own connections to subgraphs.
//! A request then never waits for another thread to be woken.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use http::{Method, Request, Response, header, request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::graphql;
use crate::router::Router;

/// A client has to send its head within this time.
const HEAD: Duration = Duration::from_secs(30);
/// Connections accepted but not yet taken by their thread.
const ACCEPTED: usize = 1024;
/// Blocking threads per serving thread: planning and name resolution.
const BLOCKING: usize = 16;

/// Looks at each request before anything else, for example to note the client's address.
type Admit = Arc<dyn Fn(&mut request::Parts, SocketAddr) + Send + Sync>;

/// A router about to be served.
pub struct Server {
    router: Router,
    routes: axum::Router,
    threads: usize,
    grace: Duration,
    admit: Option<Admit>,
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
            routes: self.clone().into_axum(),
            router: self,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            grace: Duration::from_secs(20),
            admit: None,
        }
    }
}

impl Server {
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

    /// How long requests under way may take once the end is near.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Lets `admit` see each request first, with the address it comes from.
    #[must_use]
    pub fn admit(
        mut self,
        admit: impl Fn(&mut request::Parts, SocketAddr) + Send + Sync + 'static,
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
        let grace = self.grace;
        let ended = CancellationToken::new();
        let mut threads = Vec::new();
        for at in 0..self.threads {
            threads.push(Thread::start(at, self.site(), stop.clone(), ended.clone())?);
        }
        let accepted = stop
            .run_until_cancelled(accept(&listener, &threads))
            .await
            .unwrap_or(Ok(()));
        drop(listener);
        // Also when the listener broke: what was begun is finished.
        stop.cancel();
        let done = threads.into_iter().map(|thread| thread.done);
        let _ = tokio::time::timeout(grace, futures::future::join_all(done)).await;
        ended.cancel();
        accepted
    }

    fn site(&self) -> Arc<Site> {
        Arc::new(Site {
            path: self.router.config().http.path.clone(),
            router: Arc::new(self.router.clone()),
            routes: self.routes.clone(),
            admit: self.admit.clone(),
        })
    }
}

/// Gives each connection to the thread with the fewest.
async fn accept(listener: &TcpListener, threads: &[Thread]) -> std::io::Result<()> {
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
        let Some(thread) = threads
            .iter()
            .min_by_key(|thread| thread.open.load(Ordering::Relaxed))
        else {
            return Ok(());
        };
        thread.open.fetch_add(1, Ordering::Relaxed);
        if thread.streams.send((stream, peer)).await.is_err() {
            thread.open.fetch_sub(1, Ordering::Relaxed);
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

/// One serving thread.
struct Thread {
    streams: mpsc::Sender<(std::net::TcpStream, SocketAddr)>,
    open: Arc<AtomicUsize>,
    done: tokio::sync::oneshot::Receiver<()>,
}

impl Thread {
    fn start(
        at: usize,
        site: Arc<Site>,
        stop: CancellationToken,
        ended: CancellationToken,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING)
            .build()?;
        let (streams, mut incoming) = mpsc::channel(ACCEPTED);
        let open = Arc::new(AtomicUsize::new(0));
        let (finished, done) = tokio::sync::oneshot::channel();
        let counted = Arc::clone(&open);
        let serve = async move {
            let connections = TaskTracker::new();
            while let Some(Some((stream, peer))) = stop.run_until_cancelled(incoming.recv()).await {
                let site = Arc::clone(&site);
                let counted = Arc::clone(&counted);
                let stopping = stop.clone();
                connections.spawn(async move {
                    site.connection(stream, peer, stopping).await;
                    counted.fetch_sub(1, Ordering::Relaxed);
                });
            }
            connections.close();
            connections.wait().await;
            let _ = finished.send(());
            // WebSockets outlive their connection's task; they end by the router's drain.
            ended.cancelled().await;
        };
        std::thread::Builder::new()
            .name(format!("router-{at}"))
            .spawn(move || {
                runtime.block_on(serve);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            streams,
            open,
            done,
        })
    }
}

/// What a thread serves.
struct Site {
    path: String,
    router: Arc<Router>,
    routes: axum::Router,
    admit: Option<Admit>,
}

impl Site {
    async fn connection(
        self: Arc<Self>,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) {
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        let site = Arc::clone(&self);
        let service = service_fn(move |request| {
            let site = Arc::clone(&site);
            async move { Ok::<_, Infallible>(site.answer(request, peer).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD);
        builder.http2().timer(TokioTimer::new());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // Errors are those of the client's connection; nobody is left to be told.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        if let Some(admit) = &self.admit {
            admit(&mut parts, peer);
        }
        let mut request = Request::from_parts(parts, Body::new(body));
        // What makes up nearly all requests goes past the table of routes; only
        // browsers send an origin, and they need its layers.
        if request.method() == Method::POST
            && request.uri().path() == self.path
            && !request.headers().contains_key(header::ORIGIN)
        {
            return graphql::post(State(Arc::clone(&self.router)), request).await;
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
