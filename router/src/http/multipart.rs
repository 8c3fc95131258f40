//! `multipart/mixed`, as Apollo's clients and others read it: subscriptions
//! (subscriptionSpec 1.0) and answers in pieces (deferSpec and incrementalSpec).
//!
//! Clients read a part when they see the delimiter behind it, so each part is
//! sent with that.

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

use super::delivery::{Delivery, deliver};
use super::sse::Open;
use crate::error::GraphqlError;
use crate::execute;
use crate::queue::Receiver;
use crate::request::{IncrementalFormat, Position};
use crate::router::Router;

const SUBSCRIPTION: &str = "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\"";
const BY_PATH: &str = "multipart/mixed; boundary=\"graphql\"; deferSpec=20220824";
const BY_ID: &str = "multipart/mixed; boundary=\"graphql\"; incrementalSpec=v0.2";
const DELIMITER: &[u8] = b"\r\n--graphql";
const HEAD: &[u8] = b"\r\ncontent-type: application/json\r\n\r\n";
/// After a delimiter.
const END: &[u8] = b"--\r\n";

/// An answer in pieces.
pub(super) fn pieces(
    messages: BoxStream<'static, Bytes>,
    format: Option<IncrementalFormat>,
) -> Response {
    let parts = messages.map(|message| Bytes::from(part(&message)));
    let media_type = match format {
        Some(IncrementalFormat::ById) => BY_ID,
        Some(IncrementalFormat::ByPath) | None => BY_PATH,
    };
    let end = futures::stream::once(std::future::ready(Bytes::from_static(END)));
    response(parts.chain(end), media_type)
}

/// The response around `parts`.
fn response(
    parts: impl futures::Stream<Item = Bytes> + Send + 'static,
    media_type: &'static str,
) -> Response {
    let start = futures::stream::once(std::future::ready(Bytes::from_static(DELIMITER)));
    let body = start.chain(parts).map(Ok::<_, Infallible>);
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
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
    let state = Some((receiver, Open::new()));
    let frames = futures::stream::unfold(state, move |state| async move {
        let (mut receiver, gauge) = state?;
        let (frame, over) = frame(&mut receiver, every).await;
        Some((Bytes::from(frame), (!over).then_some((receiver, gauge))))
    });
    response(frames, SUBSCRIPTION)
}

async fn frame(receiver: &mut Receiver<Delivery>, every: Duration) -> (Vec<u8>, bool) {
    match tokio::time::timeout(every, receiver.recv()).await {
        // An empty object is this protocol's heartbeat.
        Err(_) => (part(b"{}"), false),
        Ok(Some(Delivery::Event(event, _))) => (part(&wrap("payload", &event)), false),
        Ok(Some(Delivery::End(end))) => match end.error() {
            None => (END.to_vec(), true),
            Some(error) => {
                let mut last = part(&fatal(&[error]));
                last.extend_from_slice(END);
                (last, true)
            }
        },
        Ok(None) => (END.to_vec(), true),
    }
}

/// Errors that end the subscription stand beside a null payload.
fn fatal(errors: &[GraphqlError]) -> Vec<u8> {
    let refusal = execute::refusal(errors, "");
    let mut out = b"{\"payload\":null,".to_vec();
    out.extend_from_slice(&refusal[1..]);
    out
}

fn wrap(key: &str, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + key.len() + 8);
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(json);
    out.push(b'}');
    out
}

fn part(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD.len() + json.len() + DELIMITER.len());
    out.extend_from_slice(HEAD);
    out.extend_from_slice(json);
    out.extend_from_slice(DELIMITER);
    out
}
