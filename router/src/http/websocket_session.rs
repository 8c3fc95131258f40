//! One WebSocket: identification, then any number of operations side by side.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use futures::stream::SplitStream;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::{forwarded, identify};
use super::delivery::too_slow;
use super::graphql::EdgeError;
use super::params::params_of_value;
use super::websocket::Outgoing;
use super::websocket_operation::{Operation, Sent};
use super::ws_protocol::{self, ClientMessage, Protocol};
use crate::error::{GraphqlError, code};
use crate::execute;
use crate::identity::{Caller, IdentifyError, VerifiedCaller};
use crate::queue;
use crate::quota::Permit;
use crate::request::{Accepts, ClientRequest, GraphqlParams, IncrementalFormat};
use crate::router::Router;

/// How a socket is closed. Codes from 4400 on are those of graphql-transport-ws.
#[derive(Debug, Clone)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
    /// Messages to send before.
    pub(super) farewell: Vec<String>,
}

impl Close {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        // A close frame holds at most 123 bytes of reason.
        Self {
            code,
            reason: reason.into().chars().take(100).collect(),
            farewell: Vec::new(),
        }
    }
}

/// A running operation. The number tells it from earlier ones with the same id.
struct Running {
    number: u64,
    task: JoinHandle<()>,
    sent: Sent,
}

/// When the router shuts down, operations have this long to say how they continue.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Session {
    router: Arc<Router>,
    protocol: Protocol,
    /// All of the upgrade request until the client has said who it is, from then on those
    /// that are passed on.
    headers: HeaderMap,
    address: Option<IpAddr>,
    id: Arc<str>,
    outgoing: queue::Sender<Outgoing>,
    /// Who is at the other end, once that was said.
    caller: Option<VerifiedCaller>,
    /// One of those that the caller may have.
    permit: Option<Permit>,
    running: HashMap<String, Running>,
    started: u64,
    /// Cancelled by an operation whose client reads too slowly.
    slow: CancellationToken,
}

impl Drop for Session {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.task.abort();
        }
    }
}

impl Session {
    pub(super) fn new(
        router: Arc<Router>,
        protocol: Protocol,
        headers: HeaderMap,
        address: Option<IpAddr>,
        id: Arc<str>,
        outgoing: queue::Sender<Outgoing>,
    ) -> Self {
        Self {
            router,
            protocol,
            headers,
            address,
            id,
            outgoing,
            caller: None,
            permit: None,
            running: HashMap::new(),
            started: 0,
            slow: CancellationToken::new(),
        }
    }

    /// Serves the socket; gives how to close it, or nothing when it is closed already.
    pub(super) async fn run(&mut self, stream: &mut SplitStream<WebSocket>) -> Option<Close> {
        let config = self.router.config().subscriptions.clone();
        let init_deadline = Instant::now() + Duration::from_millis(config.init_timeout_ms);
        let mut keep_alive =
            tokio::time::interval(Duration::from_millis(config.keep_alive_ms.max(1)));
        keep_alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        keep_alive.reset();
        let (done, mut finished) = queue::unbounded::<(String, u64)>();
        let (draining, slow) = (self.router.draining().clone(), self.slow.clone());
        let mut farewell = None;
        loop {
            if farewell.is_some() && self.running.is_empty() {
                return Some(Close::new(1001, "Going away"));
            }
            tokio::select! {
                biased;
                () = slow.cancelled() => return Some(Box::pin(self.too_slow()).await),
                () = draining.cancelled(), if farewell.is_none() => {
                    farewell = Some(Instant::now() + FAREWELL);
                }
                Some((id, number)) = finished.recv() => self.forget(&id, number),
                () = until(farewell) => return Some(Close::new(1001, "Going away")),
                () = tokio::time::sleep_until(init_deadline), if self.caller.is_none() => {
                    return Some(Close::new(4408, "Connection initialisation timeout"));
                }
                () = due(&mut self.caller) => {
                    if let Err(close) = Box::pin(self.verify()).await {
                        return Some(close);
                    }
                }
                _ = keep_alive.tick(), if self.caller.is_some() => {
                    // A full queue shows that the connection is alive, or will end as slow.
                    let _ = self.outgoing.try_send(ws_protocol::keep_alive(self.protocol).into());
                }
                message = stream.next() => {
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Binary(_))) => {
                            return Some(Close::new(4400, "Messages must be text"));
                        }
                        Some(Ok(Message::Close(_))) | None => return None,
                        Some(Err(_)) => return Some(Close::new(1009, "Message not readable")),
                    };
                    // In memory of its own, given back at once: a socket mostly waits.
                    if let Err(close) = Box::pin(self.message(text.as_str(), &done)).await {
                        return close;
                    }
                }
            }
        }
    }

    /// Ends all operations; those that can be continued say how.
    async fn too_slow(&mut self) -> Close {
        let mut close = Close::new(1013, "You read slower than events come");
        for (id, running) in self.running.drain() {
            running.task.abort();
            // Only then is it certain what it has sent.
            let _ = running.task.await;
            let sent = running.sent.lock().take();
            let resume = sent.and_then(|(position, cursor)| position.resume(cursor.as_deref()));
            if resume.is_some() {
                let last = execute::refusal(&[too_slow(resume)], "");
                let next = ws_protocol::next(self.protocol, &id, &last);
                close.farewell.extend([next, ws_protocol::complete(&id)]);
            }
        }
        close
    }

    fn forget(&mut self, id: &str, number: u64) {
        if self
            .running
            .get(id)
            .is_some_and(|running| running.number == number)
        {
            self.running.remove(id);
        }
    }

    async fn message(
        &mut self,
        text: &str,
        done: &queue::Sender<(String, u64)>,
    ) -> Result<(), Option<Close>> {
        let message = ClientMessage::parse(self.protocol, text)
            .map_err(|problem| Some(Close::new(4400, problem)))?;
        match message {
            ClientMessage::Init(payload) => self.init(&payload).await.map_err(Some),
            ClientMessage::Ping(payload) => {
                self.send(ws_protocol::pong(payload.as_ref())).await;
                Ok(())
            }
            ClientMessage::Pong => Ok(()),
            ClientMessage::Terminate => Err(Some(Close::new(1000, ""))),
            ClientMessage::Complete { id } => {
                if let Some(running) = self.running.remove(&id) {
                    running.task.abort();
                    if self.protocol == Protocol::Legacy {
                        self.send(ws_protocol::complete(&id)).await;
                    }
                }
                Ok(())
            }
            ClientMessage::Subscribe { id, payload } => {
                self.subscribe(id, payload, done).await.map_err(Some)
            }
        }
    }

    async fn init(&mut self, payload: &Map<String, Value>) -> Result<(), Close> {
        if self.caller.is_some() {
            return Err(Close::new(4429, "Too many initialisation requests"));
        }
        match identify(&self.router, &self.headers, Some(payload), &self.id).await {
            Ok(caller) => {
                let permit = self.router.quotas().socket_of(&caller);
                self.permit = Some(permit.map_err(|_| Close::new(1013, "Too many connections"))?);
                self.caller = Some(VerifiedCaller::new(Arc::new(caller)));
                self.headers = forwarded(&self.router, &self.headers);
                self.send(ws_protocol::ack()).await;
                Ok(())
            }
            Err(error) => {
                if self.protocol == Protocol::Legacy {
                    self.send(ws_protocol::connection_error(&error.message))
                        .await;
                }
                Err(forbidden(&error))
            }
        }
    }

    /// Verifies again who is at the other end, although nothing is asked.
    async fn verify(&mut self) -> Result<(), Close> {
        let Some(caller) = &mut self.caller else {
            return Ok(());
        };
        match caller.verify(Arc::clone(&self.id)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(forbidden(&error)),
        }
    }

    /// The caller of an operation that starts now: what was true of whoever opened the
    /// socket need not be true any more.
    ///
    /// # Errors
    /// How the socket is closed, or why this operation cannot run just now.
    async fn caller(&mut self, request_id: &Arc<str>) -> Result<Arc<Caller>, Refusal> {
        let Some(caller) = &mut self.caller else {
            return Err(Refusal::Close(Close::new(4401, "Unauthorized")));
        };
        match caller.verify_strictly(Arc::clone(request_id)).await {
            Ok(caller) => Ok(caller),
            Err(error) if error.passes() => Err(Refusal::Operation(error)),
            Err(error) => Err(Refusal::Close(forbidden(&error))),
        }
    }

    async fn subscribe(
        &mut self,
        id: String,
        payload: Map<String, Value>,
        done: &queue::Sender<(String, u64)>,
    ) -> Result<(), Close> {
        if self.caller.is_none() {
            return Err(Close::new(4401, "Unauthorized"));
        }
        if self.protocol == Protocol::Legacy {
            // There the newer one takes the place of the older.
            if let Some(running) = self.running.remove(&id) {
                running.task.abort();
            }
        }
        if self.running.contains_key(&id) {
            return Err(Close::new(
                4409,
                format!("Subscriber for {id} already exists"),
            ));
        }
        let (protocol, socket) = (self.protocol, Arc::clone(&self.id));
        let refuse = |error: GraphqlError| {
            let error = execute::error_value(&error, &socket);
            ws_protocol::error(protocol, &id, &[error])
        };
        if self.running.len() >= self.router.config().subscriptions.max_per_connection {
            let error = GraphqlError::new("Too many operations on this connection.")
                .with_code(code::RATE_LIMITED);
            self.send(refuse(error)).await;
            return Ok(());
        }
        let params = match params_of_value(payload) {
            Ok(params) => params,
            Err(problem) => {
                let message = refuse(problem.error);
                self.send(message).await;
                return Ok(());
            }
        };
        self.started += 1;
        let request_id: Arc<str> = format!("{}-{}", self.id, self.started).into();
        let caller = match self.caller(&request_id).await {
            Ok(caller) => caller,
            Err(Refusal::Close(close)) => return Err(close),
            Err(Refusal::Operation(error)) => {
                let message = refuse(EdgeError::identify(error).error);
                self.send(message).await;
                return Ok(());
            }
        };
        let sent = Sent::default();
        let operation = self.operation(id.clone(), caller, request_id, params, Arc::clone(&sent));
        let (number, done) = (self.started, done.clone());
        let finished = id.clone();
        let task = tokio::spawn(async move {
            operation.run().await;
            let _ = done.try_send((finished, number));
        });
        self.running.insert(id, Running { number, task, sent });
        Ok(())
    }

    fn operation(
        &self,
        id: String,
        caller: Arc<Caller>,
        request_id: Arc<str>,
        params: GraphqlParams,
        sent: Sent,
    ) -> Operation {
        Operation {
            id,
            sent,
            protocol: self.protocol,
            router: Arc::clone(&self.router),
            outgoing: self.outgoing.clone(),
            slow: self.slow.clone(),
            request: ClientRequest {
                incremental: IncrementalFormat::of(&params),
                params,
                caller,
                address: self.address,
                headers: self.headers.clone(),
                request_id,
                accepts: Accepts::Everything,
                last_event_id: None,
            },
        }
    }

    async fn send(&self, message: String) {
        tokio::select! {
            biased;
            // A client that takes nothing would hold up this session for ever.
            () = self.slow.cancelled() => {}
            // Fails only when the socket is gone, which the reading half notices too.
            _ = self.outgoing.send(message.into()) => {}
        }
    }
}

/// Waits until then, for ever without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits until the caller must be verified again, for ever before there is one.
async fn due(caller: &mut Option<VerifiedCaller>) {
    match caller {
        Some(caller) => caller.due().await,
        None => std::future::pending().await,
    }
}

/// Why an operation does not run.
enum Refusal {
    /// Nothing runs on this socket any more.
    Close(Close),
    /// Nobody can tell just now who is asking.
    Operation(IdentifyError),
}

fn forbidden(error: &IdentifyError) -> Close {
    Close::new(4403, format!("{}: {}", error.code, error.message))
}
