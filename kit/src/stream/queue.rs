//! What lies between the reader and one subscriber.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::StreamEntry;

/// Entries that wait for their subscriber. Holds no memory for entries while none wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<StreamEntry>,
    end: Option<End>,
    subscriber: Option<Waker>,
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The subscriber fell behind, or entries were lost.
    Lagged,
    /// The hub is shut down.
    Closed,
}

impl Queue {
    /// Adds an entry; `false` if `limit` are waiting already, which ends the queue behind them.
    pub(super) fn push(&self, entry: &StreamEntry, limit: usize) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.end.is_some() {
            return false;
        }
        let fits = waiting.entries.len() < limit;
        if fits {
            waiting.entries.push_back(entry.clone());
        } else {
            waiting.end = Some(End::Lagged);
        }
        let subscriber = waiting.subscriber.take();
        drop(waiting);
        wake(subscriber);
        fits
    }

    /// Nothing more comes behind what waits.
    pub(super) fn end(&self, end: End) {
        let mut waiting = self.waiting.lock();
        waiting.end.get_or_insert(end);
        let subscriber = waiting.subscriber.take();
        drop(waiting);
        wake(subscriber);
    }

    /// The next entry, or why there is none.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<StreamEntry, End>> {
        let mut waiting = self.waiting.lock();
        if let Some(entry) = waiting.entries.pop_front() {
            if waiting.entries.is_empty() {
                waiting.entries = VecDeque::new();
            }
            return Poll::Ready(Ok(entry));
        }
        if let Some(end) = waiting.end {
            return Poll::Ready(Err(end));
        }
        match &mut waiting.subscriber {
            Some(known) => known.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(super) fn has_lagged(&self) -> bool {
        self.waiting.lock().end == Some(End::Lagged)
    }
}

fn wake(subscriber: Option<Waker>) {
    if let Some(waker) = subscriber {
        waker.wake();
    }
}
