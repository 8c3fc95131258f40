//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Limits};
use super::admission::Admission;
use super::body::{Active, Counted, Timed};
use super::transport::Transport;
use crate::config::Connections;
use crate::quota::{Budget, Permit};

/// Bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// Pings for HTTP/2 connections that are quiet: whoever does not answer is gone.
const PING: Duration = Duration::from_secs(20);
/// What a connection that has used up its time has to end in an orderly way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Answers the requests of connections.
pub(crate) trait Served: Send + Sync + 'static {
    /// Never fails: what goes wrong is in the answer.
    fn answer(
        &self,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The first bytes of a connection that speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// True for a connection that begins with HTTP/1, as far as its first bytes tell. They are
/// left where they are: where hyper has to find it out, it reads some of them first, and its
/// buffer grows to twice its size for what comes behind.
async fn is_http1(stream: &TcpStream) -> bool {
    let mut first = [0; PREFACE.len()];
    match stream.peek(&mut first).await {
        Ok(bytes) => !PREFACE.starts_with(&first[..bytes]),
        Err(_) => false,
    }
}

/// A connection that is served.
trait Serving: Future {
    /// Lets what is under way come to its end, and nothing more begin.
    fn finish(self: Pin<&mut Self>);
}

/// Serves connections to one listener.
pub(crate) struct Connector<S> {
    served: Arc<S>,
    admission: Admission,
    budget: Budget,
    limits: Limits,
    body: Duration,
    http1: http1::Builder,
    /// Finds out which protocol a connection speaks.
    either: auto::Builder<TokioExecutor>,
}

impl<S: Served> Connector<S> {
    pub(crate) fn new(
        served: S,
        admission: Admission,
        budget: Budget,
        config: &Connections,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            // Ours tells an idle connection from a slow head, which this does not.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD);
        let mut either = auto::Builder::new(TokioExecutor::new());
        either
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD);
        either
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.max_streams)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self {
            served: Arc::new(served),
            admission,
            budget,
            limits: Limits::new(config),
            body: Duration::from_millis(config.body_ms.max(1)),
            http1,
            either,
        }
    }

    /// Serves a connection to its end. After `stop` requests under way are finished.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        permit: Permit,
        stop: CancellationToken,
    ) {
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        let activity = Arc::new(Activity::new(self.limits));
        let http1 = tokio::select! {
            biased;
            http1 = is_http1(&stream) => http1,
            () = stop.cancelled() => false,
            () = self.over(&activity) => return,
        };
        let io = TokioIo::new(Transport::new(stream, Arc::clone(&activity), permit));
        let service = {
            let (this, activity) = (Arc::clone(&self), Arc::clone(&activity));
            service_fn(move |request| {
                let active =
                    Active::new(Arc::clone(&activity), request.version() == Version::HTTP_2);
                let this = Arc::clone(&this);
                // In memory of its own: hyper would keep room for an answer in each connection.
                Box::pin(
                    async move { Ok::<_, Infallible>(this.answer(request, peer, active).await) },
                )
            })
        };
        if http1 {
            let connection = self.http1.serve_connection(io, service).with_upgrades();
            self.drive(connection, &activity, &stop).await;
        } else {
            let connection = self.either.serve_connection_with_upgrades(io, service);
            self.drive(connection, &activity, &stop).await;
        }
    }

    /// Serves a connection until it ends, has used up its time, or has finished after `stop`.
    async fn drive(&self, connection: impl Serving, activity: &Activity, stop: &CancellationToken) {
        let mut connection = std::pin::pin!(connection);
        // Errors are those of the client's connection; nobody is left to be told.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().finish(),
            () = self.over(activity) => {
                connection.as_mut().finish();
                let _ = tokio::time::timeout(FAREWELL, connection).await;
                return;
            }
        }
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            () = self.over(activity) => {}
        }
    }

    /// Waits until the connection has used up its time.
    async fn over(&self, activity: &Activity) {
        loop {
            tokio::time::sleep(self.limits.step()).await;
            if activity.is_over(self.admission.is_pressed()) {
                metrics::counter!("http_connections_timed_out_total").increment(1);
                return;
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        active: Active,
    ) -> Response<Counted> {
        let request = request.map(|body| Body::new(Timed::new(body, self.body)));
        let response = self.served.answer(request, peer).await;
        response.map(|body| Counted::new(body, self.budget.clone(), active))
    }
}

type Io = TokioIo<Transport>;

impl<S> Serving for http1::UpgradeableConnection<Io, S>
where
    S: HttpService<Incoming, ResBody = Counted>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Serving for auto::UpgradeableConnection<'_, Io, S, TokioExecutor>
where
    S: Service<Request<Incoming>, Response = Response<Counted>>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
