//! graphql-sse, single connection: one event stream carries the answers of many
//! operations, for browsers that open few connections (HTTP/1.1).
//!
//! `PUT` reserves a stream, `GET` opens it, `POST` runs operations on it and
//! `DELETE` ends one. Only the caller that reserved a stream may use it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::delivery::{Delivery, deliver};
use super::graphql::refused;
use super::negotiate::MediaType;
use super::sse;
use crate::error::GraphqlError;
use crate::event_streams::{EventStream, Queued, Running};
use crate::execute;
use crate::identity::{Caller, VerifiedCaller};
use crate::json::write;
use crate::queue;
use crate::request::{ClientRequest, Outcome, Position};
use crate::router::Router;

const TOKEN: &str = "x-graphql-event-stream-token";
/// A reserved stream that nobody opens is forgotten after this.
const UNOPENED: Duration = Duration::from_secs(30);
/// Bytes that may wait for a stream to be opened; whoever means to read opens it first.
const UNOPENED_BYTES: usize = 64 * 1024;

/// The token of a request, from its header or its query string.
pub(super) fn token(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = headers.get(TOKEN).and_then(|value| value.to_str().ok());
    header
        .map(str::to_owned)
        .or_else(|| parameter(query, "token"))
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

/// `PUT`: a token for a new stream.
#[expect(
    clippy::disallowed_methods,
    reason = "the token must be one that nobody can guess"
)]
pub(super) fn reserve(router: &Router, fingerprint: u64, address: Option<IpAddr>) -> Response {
    let token = uuid::Uuid::new_v4().to_string();
    let (sender, receiver) = queue::bounded(router.config().subscriptions.queue);
    let mut streams = router.streams().0.lock();
    streams.retain(|_, stream| stream.receiver.is_none() || stream.since.elapsed() < UNOPENED);
    let permit = match router.quotas().reserved(address) {
        Ok(permit) => permit,
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
    let reserved = EventStream {
        fingerprint,
        since: Instant::now(),
        sender,
        receiver: Some(receiver),
        waiting: 0,
        address,
        permit,
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
    if stream.receiver.is_none() {
        return (StatusCode::CONFLICT, "The stream is open already.").into_response();
    }
    match router.quotas().socket(stream.address) {
        Ok(permit) => stream.permit = permit,
        Err(full) => return refused(full),
    }
    let Some(receiver) = stream.receiver.take() else {
        return StatusCode::CONFLICT.into_response();
    };
    drop(streams);
    let guard = Forget {
        router: Arc::clone(router),
        token,
    };
    let every = Duration::from_millis(router.config().subscriptions.keep_alive_ms.max(1));
    let draining = router.draining().clone();
    let caller = VerifiedCaller::new(Arc::new(caller));
    sse::multiplexed(receiver, every, draining, caller, guard)
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
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let sender = {
        let mut streams = router.streams().0.lock();
        let fingerprint = request.caller.fingerprint;
        match streams
            .get_mut(&token)
            .filter(|stream| stream.fingerprint == fingerprint)
        {
            None => return StatusCode::NOT_FOUND.into_response(),
            Some(stream) if stream.operations.contains_key(&id) => {
                return (StatusCode::CONFLICT, "The operation is running already.").into_response();
            }
            Some(stream) if stream.operations.len() >= most => {
                return StatusCode::TOO_MANY_REQUESTS.into_response();
            }
            Some(stream) => {
                let running = Running { number, task: None };
                stream.operations.insert(id.clone(), running);
                stream.sender.clone()
            }
        }
    };
    let operation = Operation {
        router: Arc::clone(router),
        token,
        id,
        number,
        sender,
    };
    match router.execute(request).await {
        Outcome::Single(response) if response.is_result() => {
            let _ = operation.send(operation.event("next", Some(&response.body)));
            let _ = operation.send(operation.event("complete", None));
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

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// One operation of a stream, which has its name as long as this lives.
struct Operation {
    router: Arc<Router>,
    token: String,
    id: String,
    number: u64,
    sender: queue::Sender<Queued>,
}

impl Drop for Operation {
    fn drop(&mut self) {
        let mut streams = self.router.streams().0.lock();
        if let Some(stream) = streams.get_mut(&self.token)
            && stream
                .operations
                .get(&self.id)
                .is_some_and(|running| running.number == self.number)
        {
            stream.operations.remove(&self.id);
        }
    }
}

/// The stream of an operation is gone.
struct Gone;

impl Operation {
    fn spawn(self, events: futures::stream::BoxStream<'static, Bytes>, position: Option<Position>) {
        let config = &self.router.config().subscriptions;
        let draining = self.router.draining().clone();
        let mut receiver = deliver(events, config, draining, None, position);
        let (router, token) = (Arc::clone(&self.router), self.token.clone());
        let (id, number) = (self.id.clone(), self.number);
        let task = tokio::spawn(async move {
            let _open = sse::Open::new();
            while let Some(delivery) = receiver.recv().await {
                let sent = match delivery {
                    Delivery::Event(event, _) => self.send(self.event("next", Some(&event))),
                    Delivery::End(end) => self.finish(end.error()),
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        let mut streams = router.streams().0.lock();
        let running = streams
            .get_mut(&token)
            .and_then(|stream| stream.operations.get_mut(&id))
            .filter(|running| running.number == number);
        match running {
            Some(running) => running.task = Some(task.abort_handle()),
            // It was ended meanwhile, or its stream was.
            None => task.abort(),
        }
    }

    fn finish(&self, error: Option<GraphqlError>) -> Result<(), Gone> {
        if let Some(error) = error {
            let last = execute::refusal(&[error], "");
            self.send(self.event("next", Some(&last)))?;
        }
        self.send(self.event("complete", None))
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

    /// A client that does not keep up, or lets others pay for what it does not read, loses its
    /// stream, and opens another.
    fn send(&self, event: Bytes) -> Result<(), Gone> {
        let budget = self.router.budget();
        let mut streams = self.router.streams().0.lock();
        let stream = streams.get_mut(&self.token).ok_or(Gone)?;
        let open = stream.receiver.is_none();
        if !open {
            stream.waiting += event.len();
        }
        let fits = !budget.is_spent() && (open || stream.waiting <= UNOPENED_BYTES);
        let queued = Queued::counted(event, budget);
        if fits && self.sender.try_send(queued).is_ok() {
            return Ok(());
        }
        streams.remove(&self.token);
        Err(Gone)
    }
}
