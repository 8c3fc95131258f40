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
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivery, deliver};
use super::negotiate::MediaType;
use crate::event_streams::Queued;
use crate::execute;
use crate::identity::VerifiedCaller;
use crate::queue::Receiver;
use crate::request::{ClientResponse, Position};
use crate::router::Router;

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
const KEEP_ALIVE: &[u8] = b":\n\n";
/// What is still to be said when a stream ends follows within this time.
const FAREWELL: Duration = Duration::from_millis(250);

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
pub(super) fn stream(
    router: &Arc<Router>,
    events: BoxStream<'static, Bytes>,
    position: Option<Position>,
) -> Response {
    let config = &router.config().subscriptions;
    let draining = router.draining().clone();
    let receiver = deliver(events, config, draining, None, position);
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

async fn frame(receiver: &mut Receiver<Delivery>, every: Duration) -> (Bytes, bool) {
    match tokio::time::timeout(every, receiver.recv()).await {
        Err(_) => (Bytes::from_static(KEEP_ALIVE), false),
        Ok(Some(Delivery::Event(event, cursor))) => {
            let id = cursor.as_deref().and_then(id);
            (self::event("next", id.as_deref(), &event).into(), false)
        }
        Ok(Some(Delivery::End(end))) => match end.error() {
            None => (Bytes::from_static(COMPLETE), true),
            Some(error) => {
                let mut last = next(&execute::refusal(&[error], ""));
                last.extend_from_slice(COMPLETE);
                (last.into(), true)
            }
        },
        Ok(None) => (Bytes::from_static(COMPLETE), true),
    }
}

/// A cursor as the id of an event; browsers send it back as `last-event-id`.
fn id(cursor: &Value) -> Option<String> {
    let id = match cursor {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (!id.contains(['\n', '\r', '\0'])).then_some(id)
}

/// A `next` event. JSON written by the router has no line breaks; leaves copied
/// from subgraphs may, and then need a `data:` per line.
fn next(json: &[u8]) -> Vec<u8> {
    event("next", None, json)
}

/// An event of any kind.
pub(super) fn event(kind: &str, id: Option<&str>, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 64);
    if let Some(id) = id {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
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

/// A stream of ready events, as long as whoever opened it may have it; `guard` lives as
/// long as the connection.
pub(super) fn multiplexed<G: Send + 'static>(
    receiver: Receiver<Queued>,
    every: Duration,
    draining: CancellationToken,
    caller: VerifiedCaller,
    guard: G,
) -> Response {
    let end = End {
        draining,
        caller,
        near: false,
    };
    let state = (receiver, end, guard);
    let frames = futures::stream::unfold(state, move |(mut receiver, mut end, guard)| async move {
        let event = tokio::select! {
            biased;
            queued = receiver.recv() => queued?.event,
            // Operations tell why they end and how they are continued.
            () = end.comes() => return None,
            () = tokio::time::sleep(every) => Bytes::from_static(KEEP_ALIVE),
        };
        Some((Ok::<_, Infallible>(event), (receiver, end, guard)))
    });
    let opened = futures::stream::once(async { Ok(Bytes::from_static(KEEP_ALIVE)) });
    with_headers(Body::from_stream(opened.chain(frames)))
}

/// What ends a stream that carries many operations.
struct End {
    draining: CancellationToken,
    caller: VerifiedCaller,
    near: bool,
}

impl End {
    async fn comes(&mut self) {
        if !self.near {
            tokio::select! {
                () = self.draining.cancelled() => {}
                () = self.caller.lost() => {}
            }
            self.near = true;
        }
        tokio::time::sleep(FAREWELL).await;
    }
}

fn with_headers(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, MediaType::EventStream.header());
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
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
