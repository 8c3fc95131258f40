//! HTTP/1.1 for the store: connections that ask for nothing end, and a request that is refused is
//! heard to its end, so that its client reads the answer instead of a reset.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Connections at the same time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// From the start of a connection, and from the last answer, to the end of the next request's head.
const QUIET: Duration = Duration::from_secs(60);
/// What is still taken of a body that nobody wants, and how long.
const UNWANTED: u64 = 64 * 1024 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets requests under way finish.
pub(super) async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let (app, stopped) = (app.clone(), stopped.clone());
        connections.spawn(async move {
            connection(stream, app, stopped).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "s3 connection without TCP_NODELAY");
            }
            Some((stream, permit))
        }
        Err(error) => {
            // Out of descriptors, or a connection that is gone already.
            tracing::debug!(%error, "s3 connection not accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, app: Router, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let request = request.map(|body| Body::new(Heard(Some(body))));
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(QUIET)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Errors are those of the client's connection; nobody is left to be told.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// A request's body. What the store leaves of it is still taken from the client, within bounds.
struct Heard(Option<Incoming>);

impl http_body::Body for Heard {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let left = self
            .0
            .take()
            .filter(|body| !http_body::Body::is_end_stream(body));
        if let (Some(body), Ok(runtime)) = (left, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(UNWANTED_TIME, hear(body)));
        }
    }
}

async fn hear(mut body: Incoming) {
    let mut heard = 0;
    while heard < UNWANTED {
        match body.frame().await {
            Some(Ok(frame)) => heard += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => return,
        }
    }
}
