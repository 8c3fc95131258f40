//! graphql-sse, single connection: one event stream carries the answers of many
//! operations, for browsers that open few connections (HTTP/1.1).
//!
//! `PUT` reserves a stream, `GET` opens it, `POST` runs operations on it and
//! `DELETE` ends one. Only the caller that reserved a stream may use it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::graphql::refused;
use super::negotiate::MediaType;
use super::pump::{Pumped, pump};
use super::sse;
use crate::execute;
use crate::identity::{Caller, Standing};
use crate::json::write;
use crate::quota::Seat;
use crate::request::{ClientRequest, Outcome, Position};
use crate::router::Router;

const TOKEN: &str = "x-graphql-event-stream-token";
/// A reserved stream that nobody opens is forgotten after this.
const UNOPENED: Duration = Duration::from_secs(30);

/// All reserved and open streams of a router.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, Reserved>>);

#[derive(Debug)]
struct Reserved {
    fingerprint: u64,
    since: Instant,
    sender: mpsc::Sender<Bytes>,
    /// Taken when the stream is opened.
    receiver: Option<mpsc::Receiver<Bytes>>,
    /// One of those that an address may have, until the stream is opened.
    seat: Option<Seat>,
    operations: HashMap<String, AbortHandle>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.operations.values().for_each(AbortHandle::abort);
    }
}

/// The token of a request, from its header or its query string.
pub(super) fn token(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = headers.get(TOKEN).and_then(|value| value.to_str().ok());
    header
        .map(str::to_owned)
        .or_else(|| parameter(query, "token"))
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

/// `PUT`: a token for a new stream.
pub(super) fn reserve(router: &Router, fingerprint: u64, address: Option<IpAddr>) -> Response {
    let token = uuid::Uuid::new_v4().to_string();
    let (sender, receiver) = mpsc::channel(router.config().subscriptions.queue);
    let mut streams = router.streams().0.lock();
    streams.retain(|_, stream| stream.receiver.is_none() || stream.since.elapsed() < UNOPENED);
    let seat = match router.quotas().reserved(address) {
        Ok(seat) => seat,
        Err(full) => return refused(full),
    };
    // Whoever means to open theirs does it at once.
    let most = router.config().quotas.reserved_streams.max(1);
    let unopened = || {
        streams
            .iter()
            .filter(|(_, stream)| stream.receiver.is_some())
    };
    if unopened().count() >= most {
        let oldest = unopened().min_by_key(|(_, stream)| stream.since);
        if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
            streams.remove(&oldest);
        }
    }
    let reserved = Reserved {
        fingerprint,
        since: Instant::now(),
        sender,
        receiver: Some(receiver),
        seat: Some(seat),
        operations: HashMap::new(),
    };
    streams.insert(token.clone(), reserved);
    (
        StatusCode::CREATED,
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        token,
    )
        .into_response()
}

/// `GET`: opens a reserved stream.
pub(super) fn open(router: &Arc<Router>, token: String, caller: Caller) -> Response {
    let mut streams = router.streams().0.lock();
    let Some(stream) = streams
        .get_mut(&token)
        .filter(|s| s.fingerprint == caller.fingerprint)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(receiver) = stream.receiver.take() else {
        return (StatusCode::CONFLICT, "The stream is open already.").into_response();
    };
    stream.seat = None;
    drop(streams);
    let guard = Forget {
        router: Arc::clone(router),
        token,
    };
    let every = Duration::from_millis(router.config().subscriptions.keep_alive_ms.max(1));
    let draining = router.draining().clone();
    let standing = Standing::new(Arc::new(caller));
    sse::multiplexed(receiver, every, draining, standing, guard)
}

/// Forgets a stream when its connection ends.
struct Forget {
    router: Arc<Router>,
    token: String,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.router.streams().0.lock().remove(&self.token);
    }
}

/// `POST` with a token: runs an operation on the stream.
pub(super) async fn run(router: &Arc<Router>, token: String, request: ClientRequest) -> Response {
    let extensions = request.params.extensions.as_ref();
    let id = extensions
        .and_then(|e| e.get("operationId"))
        .and_then(Value::as_str);
    let Some(id) = id.filter(|id| !id.is_empty()).map(str::to_owned) else {
        return (
            StatusCode::BAD_REQUEST,
            "extensions.operationId is missing.",
        )
            .into_response();
    };
    let most = router.config().subscriptions.max_per_connection;
    let sender = {
        let streams = router.streams().0.lock();
        let fingerprint = request.caller.fingerprint;
        match streams
            .get(&token)
            .filter(|stream| stream.fingerprint == fingerprint)
        {
            None => return StatusCode::NOT_FOUND.into_response(),
            Some(stream) if stream.operations.contains_key(&id) => {
                return (StatusCode::CONFLICT, "The operation is running already.").into_response();
            }
            Some(stream) if stream.operations.len() >= most => {
                return StatusCode::TOO_MANY_REQUESTS.into_response();
            }
            Some(stream) => stream.sender.clone(),
        }
    };
    let operation = Operation {
        router: Arc::clone(router),
        token,
        id,
        sender,
    };
    match router.execute(request).await {
        Outcome::Single(response) if response.is_result() => {
            operation.send(operation.event("next", Some(&response.body)));
            operation.send(operation.event("complete", None));
        }
        Outcome::Single(response) => {
            let media = MediaType::Graphql;
            let status = media.status(response.status);
            return (status, [(CONTENT_TYPE, media.header())], response.body).into_response();
        }
        Outcome::Stream(events, summary) | Outcome::Incremental(events, summary) => {
            operation.spawn(events, summary.position);
        }
    }
    StatusCode::ACCEPTED.into_response()
}

/// `DELETE`: ends an operation.
pub(super) fn end(router: &Router, token: &str, query: Option<&str>, fingerprint: u64) -> Response {
    let mut streams = router.streams().0.lock();
    let Some(stream) = streams
        .get_mut(token)
        .filter(|s| s.fingerprint == fingerprint)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some(task) = parameter(query, "operationId").and_then(|id| stream.operations.remove(&id))
    {
        task.abort();
    }
    StatusCode::OK.into_response()
}

/// One operation of a stream.
struct Operation {
    router: Arc<Router>,
    token: String,
    id: String,
    sender: mpsc::Sender<Bytes>,
}

impl Operation {
    fn spawn(self, events: futures::stream::BoxStream<'static, Bytes>, position: Option<Position>) {
        let config = &self.router.config().subscriptions;
        let draining = self.router.draining().clone();
        let mut receiver = pump(events, config, draining, None, position);
        let (router, token, id) = (
            Arc::clone(&self.router),
            self.token.clone(),
            self.id.clone(),
        );
        let task = tokio::spawn(async move {
            let _open = sse::Open::new();
            while let Some(pumped) = receiver.recv().await {
                match pumped {
                    Pumped::Event(event, _) => self.send(self.event("next", Some(&event))),
                    Pumped::End(end) => {
                        if let Some(error) = end.error() {
                            let last = execute::refusal(&[error], "");
                            self.send(self.event("next", Some(&last)));
                        }
                        self.send(self.event("complete", None));
                    }
                }
            }
            if let Some(stream) = self.router.streams().0.lock().get_mut(&self.token) {
                stream.operations.remove(&self.id);
            }
        });
        if let Some(stream) = router.streams().0.lock().get_mut(&token)
            && !task.is_finished()
        {
            stream.operations.insert(id, task.abort_handle());
        }
    }

    fn event(&self, kind: &str, payload: Option<&[u8]>) -> Bytes {
        let mut data = b"{\"id\":".to_vec();
        write::string(&mut data, &self.id);
        if let Some(payload) = payload {
            data.extend_from_slice(b",\"payload\":");
            data.extend_from_slice(payload);
        }
        data.push(b'}');
        sse::event(kind, None, &data).into()
    }

    /// A client that does not keep up loses its stream, and opens another.
    fn send(&self, event: Bytes) {
        if self.sender.try_send(event).is_err() {
            self.router.streams().0.lock().remove(&self.token);
        }
    }
}
