//! graphql-sse, distinct connections: one stream per operation.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::negotiate::MediaType;
use super::pump::{End, Pumped, pump};
use crate::error::{GraphqlError, code};
use crate::execute;
use crate::request::ClientResponse;
use crate::router::Router;

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
const KEEP_ALIVE: &[u8] = b":\n\n";

/// An answer that is not a stream, as one.
pub(super) fn single(response: &ClientResponse) -> Response {
    let mut body = next(&response.body);
    body.extend_from_slice(COMPLETE);
    with_headers(Body::from(body))
}

/// An answer in pieces, each an event.
pub(super) fn pieces(router: &Arc<Router>, messages: BoxStream<'static, Bytes>) -> Response {
    let every = Duration::from_millis(router.config().subscriptions.keep_alive_ms.max(1));
    let frames = futures::stream::unfold(Some(messages), move |state| async move {
        let mut messages = state?;
        let (frame, over) = match tokio::time::timeout(every, messages.next()).await {
            Err(_) => (Bytes::from_static(KEEP_ALIVE), false),
            Ok(Some(message)) => (next(&message).into(), false),
            Ok(None) => (Bytes::from_static(COMPLETE), true),
        };
        Some((Ok::<_, Infallible>(frame), (!over).then_some(messages)))
    });
    with_headers(Body::from_stream(frames))
}

/// A subscription.
pub(super) fn stream(router: &Arc<Router>, events: BoxStream<'static, Bytes>) -> Response {
    let config = &router.config().subscriptions;
    let receiver = pump(events, config.queue, router.draining().clone(), None);
    let every = Duration::from_millis(config.keep_alive_ms.max(1));
    let gauge = Open::new();
    let frames = futures::stream::unfold(Some((receiver, gauge)), move |state| async move {
        let (mut receiver, gauge) = state?;
        let (frame, over) = frame(&mut receiver, every).await;
        Some((
            Ok::<_, Infallible>(frame),
            (!over).then_some((receiver, gauge)),
        ))
    });
    // A first comment tells proxies and clients that the stream is open.
    let opened = futures::stream::once(async { Ok(Bytes::from_static(KEEP_ALIVE)) });
    with_headers(Body::from_stream(opened.chain(frames)))
}

async fn frame(receiver: &mut Receiver<Pumped>, every: Duration) -> (Bytes, bool) {
    match tokio::time::timeout(every, receiver.recv()).await {
        Err(_) => (Bytes::from_static(KEEP_ALIVE), false),
        Ok(Some(Pumped::Event(event))) => (next(&event).into(), false),
        Ok(Some(Pumped::End(End::Complete | End::Draining)) | None) => {
            (Bytes::from_static(COMPLETE), true)
        }
        Ok(Some(Pumped::End(End::TooSlow))) => {
            let error = GraphqlError::new("You read slower than events come; subscribe again.")
                .with_code(code::SLOW_CLIENT);
            let mut last = next(&execute::refusal(&[error], ""));
            last.extend_from_slice(COMPLETE);
            (last.into(), true)
        }
    }
}

/// A `next` event. JSON written by the router has no line breaks; leaves copied
/// from subgraphs may, and then need a `data:` per line.
fn next(json: &[u8]) -> Vec<u8> {
    event("next", json)
}

/// An event of any kind.
pub(super) fn event(kind: &str, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 32);
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// A stream of ready events; `guard` lives as long as the connection.
pub(super) fn multiplexed<G: Send + 'static>(
    receiver: Receiver<Bytes>,
    every: Duration,
    draining: CancellationToken,
    guard: G,
) -> Response {
    let state = (receiver, draining, guard);
    let frames =
        futures::stream::unfold(state, move |(mut receiver, draining, guard)| async move {
            let event = tokio::select! {
                biased;
                event = receiver.recv() => event?,
                () = draining.cancelled() => return None,
                () = tokio::time::sleep(every) => Bytes::from_static(KEEP_ALIVE),
            };
            Some((Ok::<_, Infallible>(event), (receiver, draining, guard)))
        });
    let opened = futures::stream::once(async { Ok(Bytes::from_static(KEEP_ALIVE)) });
    with_headers(Body::from_stream(opened.chain(frames)))
}

fn with_headers(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, MediaType::EventStream.header());
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Counts open streams as long as it lives.
pub(super) struct Open;

impl Open {
    pub(super) fn new() -> Self {
        metrics::gauge!("graphql_subscriptions_open").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("graphql_subscriptions_open").decrement(1.0);
    }
}
