//! Delivers the events of a subscription through a bounded queue. A client whose queue stays
//! full is told so and disconnected.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::config::Subscriptions;
use crate::error::{GraphqlError, code};
use crate::queue;
use crate::request::Position;

/// How a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// There are no more events.
    Complete,
    /// The client did not read fast enough; how to resume, if that is possible.
    TooSlow(Option<Value>),
    /// The router is shutting down; how to resume, if that is possible.
    Draining(Option<Value>),
}

impl End {
    /// The error for the client; none after an orderly end.
    pub(super) fn error(&self) -> Option<GraphqlError> {
        match self {
            Self::Complete => None,
            Self::TooSlow(resume) => Some(too_slow(resume.clone())),
            Self::Draining(resume) => Some(resumable_error(
                "The server is shutting down; subscribe again.",
                code::SERVER_DRAINING,
                resume.clone(),
            )),
        }
    }
}

/// The error for a client that reads too slowly.
pub(super) fn too_slow(resume: Option<Value>) -> GraphqlError {
    resumable_error(
        "You read slower than events come; subscribe again.",
        code::SLOW_CLIENT,
        resume,
    )
}

fn resumable_error(message: &str, code: &str, resume: Option<Value>) -> GraphqlError {
    let error = GraphqlError::new(message).with_code(code);
    match resume {
        Some(resume) => error.with("resume", resume),
        None => error,
    }
}

/// A message from the queue.
#[derive(Debug)]
pub(super) enum Delivery {
    /// An answer, and the cursor to continue after.
    Event(Bytes, Option<Arc<Value>>),
    End(End),
}

/// Moves events into a queue of `queue` messages, in a task of its own. Dropping the
/// receiver ends the subscription. `slow` is cancelled as soon as the client has fallen
/// behind, because the client may not read anything from the queue any more.
pub(super) fn deliver(
    mut events: BoxStream<'static, Bytes>,
    config: &Subscriptions,
    draining: CancellationToken,
    slow: Option<CancellationToken>,
    position: Option<Position>,
) -> queue::Receiver<Delivery> {
    // One slot is reserved for the end.
    let (sender, receiver) = queue::bounded(config.queue + 1);
    let slow_after = Duration::from_millis(config.slow_after_ms);
    tokio::spawn(async move {
        let mut last = position.as_ref().and_then(Position::cursor);
        let resume = |last: &Option<Arc<Value>>| {
            position
                .as_ref()
                .and_then(|position| position.resume(last.as_deref()))
        };
        let too_slow = || {
            if let Some(slow) = &slow {
                slow.cancel();
            }
        };
        let end = loop {
            let event = tokio::select! {
                biased;
                () = sender.closed() => return,
                () = draining.cancelled() => break End::Draining(resume(&last)),
                event = events.next() => event,
            };
            let Some(event) = event else {
                if position.as_ref().is_some_and(Position::is_too_slow) {
                    too_slow();
                    break End::TooSlow(resume(&last));
                }
                break End::Complete;
            };
            let room = tokio::select! {
                biased;
                () = draining.cancelled() => break End::Draining(resume(&last)),
                room = tokio::time::timeout(slow_after, sender.has_room(2)) => room,
            };
            if room.is_err() {
                metrics::counter!("graphql_slow_subscribers_total").increment(1);
                too_slow();
                break End::TooSlow(resume(&last));
            }
            last = position.as_ref().and_then(Position::cursor);
            let event = Delivery::Event(event, last.clone());
            if sender.try_send(event).is_err() {
                return;
            }
        };
        // The reserved slot is free, unless the client is gone.
        let _ = sender.try_send(Delivery::End(end));
    });
    receiver
}
