//! Subscriptions as `multipart/mixed`, the protocol of Apollo's clients
//! (subscriptionSpec 1.0).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::BoxStream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::sync::mpsc::Receiver;

use super::pump::{End, Pumped, pump};
use super::sse::Open;
use crate::error::{GraphqlError, code};
use crate::execute;
use crate::router::Router;

const MEDIA_TYPE: &str = "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\"";
const PART: &[u8] = b"\r\n--graphql\r\ncontent-type: application/json\r\n\r\n";
const END: &[u8] = b"\r\n--graphql--\r\n";

/// A subscription.
pub(super) fn stream(router: &Arc<Router>, events: BoxStream<'static, Bytes>) -> Response {
    let config = &router.config().subscriptions;
    let receiver = pump(events, config.queue, router.draining().clone(), None);
    let every = Duration::from_millis(config.keep_alive_ms.max(1));
    let state = Some((receiver, Open::new()));
    let frames = futures::stream::unfold(state, move |state| async move {
        let (mut receiver, gauge) = state?;
        let (frame, over) = frame(&mut receiver, every).await;
        Some((
            Ok::<_, Infallible>(Bytes::from(frame)),
            (!over).then_some((receiver, gauge)),
        ))
    });
    let mut response = Body::from_stream(frames).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    response
}

async fn frame(receiver: &mut Receiver<Pumped>, every: Duration) -> (Vec<u8>, bool) {
    match tokio::time::timeout(every, receiver.recv()).await {
        // An empty object is this protocol's heartbeat.
        Err(_) => (part(b"{}"), false),
        Ok(Some(Pumped::Event(event))) => (part(&wrap("payload", &event)), false),
        Ok(Some(Pumped::End(End::TooSlow))) => {
            let error = GraphqlError::new("You read slower than events come; subscribe again.")
                .with_code(code::SLOW_CLIENT);
            let mut last = part(&fatal(&[error]));
            last.extend_from_slice(END);
            (last, true)
        }
        Ok(Some(Pumped::End(End::Complete | End::Draining)) | None) => (END.to_vec(), true),
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
    let mut out = Vec::with_capacity(PART.len() + json.len());
    out.extend_from_slice(PART);
    out.extend_from_slice(json);
    out
}
