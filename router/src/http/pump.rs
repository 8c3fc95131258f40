//! Between a subscription and a slow client: a bounded queue. A client that
//! falls behind by more than the queue is told so and closed.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How a pumped stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The subscription is over.
    Complete,
    /// The client did not read fast enough.
    TooSlow,
    /// The router is shutting down.
    Draining,
}

/// What comes out of the queue.
#[derive(Debug)]
pub(super) enum Pumped {
    Event(Bytes),
    End(End),
}

/// Moves events into a queue of `queue` items on a task of its own. Dropping
/// the receiver ends the subscription. `slow` is told at once when the client
/// falls behind: it may not take anything from the queue any more.
pub(super) fn pump(
    mut events: BoxStream<'static, Bytes>,
    queue: usize,
    draining: CancellationToken,
    slow: Option<CancellationToken>,
) -> mpsc::Receiver<Pumped> {
    // One place is kept for saying how it ended.
    let (sender, receiver) = mpsc::channel(queue + 1);
    tokio::spawn(async move {
        let end = loop {
            let event = tokio::select! {
                biased;
                () = sender.closed() => return,
                () = draining.cancelled() => break End::Draining,
                event = events.next() => event,
            };
            let Some(event) = event else {
                break End::Complete;
            };
            if sender.capacity() <= 1 {
                metrics::counter!("graphql_slow_subscribers_total").increment(1);
                if let Some(slow) = &slow {
                    slow.cancel();
                }
                break End::TooSlow;
            }
            if sender.try_send(Pumped::Event(event)).is_err() {
                return;
            }
        };
        // The place kept is free, unless the client is gone.
        let _ = sender.try_send(Pumped::End(end));
    });
    receiver
}
