//! One operation of a WebSocket: runs it and hands its answers to the socket.

use std::sync::Arc;

use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivery, End, deliver};
use super::sse::Open;
use super::websocket::Outgoing;
use super::ws_protocol::{self, Protocol};
use crate::execute;
use crate::queue;
use crate::request::{ClientRequest, Outcome, Position};
use crate::router::Router;

/// Of a subscription: where it is, and the cursor of the last answer that was
/// handed to the socket.
pub(super) type Sent = Arc<Mutex<Option<(Position, Option<Arc<Value>>)>>>;

/// See the module.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) sent: Sent,
    pub(super) protocol: Protocol,
    pub(super) router: Arc<Router>,
    pub(super) outgoing: queue::Sender<Outgoing>,
    pub(super) slow: CancellationToken,
    pub(super) request: ClientRequest,
}

impl Operation {
    pub(super) async fn run(self) {
        let started = std::time::Instant::now();
        let request_id = Arc::clone(&self.request.request_id);
        let (id, protocol) = (self.id, self.protocol);
        let budget = self.router.budget().clone();
        let counted = |text| Outgoing::counted(text, &budget);
        // In memory of its own, given back before a subscription waits for its events.
        let outcome = Box::pin(self.router.execute(self.request)).await;
        let summary = match &outcome {
            Outcome::Single(response) => response.summary.clone(),
            Outcome::Stream(_, summary) | Outcome::Incremental(_, summary) => summary.clone(),
        };
        tracing::info!(
            target: "atelier_router::request",
            duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            request.id = %request_id,
            http.method = "WS",
            graphql.operation = summary.operation.as_deref(),
            graphql.kind = summary.kind.map(|kind| kind.as_str()),
            graphql.fetches = summary.fetches,
            graphql.errors = summary.errors,
            "request answered"
        );
        match outcome {
            Outcome::Single(response) if response.is_result() => {
                let _ = self
                    .outgoing
                    .send(counted(ws_protocol::next(protocol, &id, &response.body)))
                    .await;
                let _ = self.outgoing.send(ws_protocol::complete(&id).into()).await;
            }
            Outcome::Single(response) => {
                let errors = errors_of(&response.body);
                let _ = self
                    .outgoing
                    .send(ws_protocol::error(protocol, &id, &errors).into())
                    .await;
            }
            // The client sets the pace: nothing runs on while it does not read.
            Outcome::Incremental(mut messages, _) => {
                while let Some(message) = messages.next().await {
                    let message = ws_protocol::next(protocol, &id, &message);
                    if self.outgoing.send(counted(message)).await.is_err() {
                        return;
                    }
                }
                let _ = self.outgoing.send(ws_protocol::complete(&id).into()).await;
            }
            Outcome::Stream(events, summary) => {
                let _open = Open::new();
                let config = &self.router.config().subscriptions;
                let draining = self.router.draining().clone();
                let position = summary.position;
                *self.sent.lock() = position.clone().map(|position| {
                    let cursor = position.cursor();
                    (position, cursor)
                });
                let mut receiver = deliver(events, config, draining, Some(self.slow), position);
                while let Some(delivery) = receiver.recv().await {
                    match delivery {
                        Delivery::Event(event, cursor) => {
                            let message = ws_protocol::next(protocol, &id, &event);
                            if self.outgoing.send(counted(message)).await.is_err() {
                                return;
                            }
                            if let Some((_, sent)) = &mut *self.sent.lock() {
                                *sent = cursor;
                            }
                        }
                        // The session closes the whole socket then.
                        Delivery::End(End::TooSlow(_) | End::Draining(None)) => return,
                        Delivery::End(end) => {
                            if let Some(error) = end.error() {
                                let last = execute::refusal(&[error], "");
                                let next = ws_protocol::next(protocol, &id, &last);
                                let _ = self.outgoing.send(next.into()).await;
                            }
                            let _ = self.outgoing.send(ws_protocol::complete(&id).into()).await;
                            return;
                        }
                    }
                }
            }
        }
    }
}

fn errors_of(body: &[u8]) -> Vec<Value> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(mut fields)) => match fields.remove("errors") {
            Some(Value::Array(errors)) => errors,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
