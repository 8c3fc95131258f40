//! When the gathered keys go out: as soon as nothing else of the request can run.
//!
//! The request's future is polled with a waker of the driver's own. While that is woken during the
//! poll, something can run, and the future is polled again. Once nothing is woken, everything that
//! can run has run up to a key, or waits for something outside.
//!
//! One thing remains: `tokio::task::yield_now`, and what uses up Tokio's budget, can run as well, but
//! leave their wakers with the runtime, which wakes them when it has run other tasks. The driver
//! therefore leaves a [`Mark`] there *before* it polls: the runtime takes the last waker first, so
//! once the mark is gone, all that were left behind it have been woken.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::{
    Stream, StreamExt,
    future::{BoxFuture, poll_fn},
    stream::{self, FuturesUnordered},
    task::AtomicWaker,
};

use super::Loaders;

/// Polls within one turn after which others get theirs.
const MAX_ROUNDS: usize = 64;

/// The request's future was woken.
const RESOLVERS: u8 = 1;
/// A batch was woken.
const BATCHES: u8 = 2;
/// Whoever is woken now is seen before the driver rests: the task need not be woken.
const POLLING: u8 = 4;
/// Keys wait for the marks to go.
const SETTLING: u8 = 8;

/// Runs a request's future; the keys that it gathers in `loaders` are loaded whenever nothing else
/// of it can run.
pub async fn drive<F: Future>(loaders: Arc<Loaders>, future: F) -> F::Output {
    let mut driver = Driver::new(loaders);
    let mut future = pin!(future);
    poll_fn(|cx| driver.poll(cx, |cx| future.as_mut().poll(cx))).await
}

/// As [`drive`], for the events of a subscription.
pub fn drive_stream<S: Stream + Unpin>(
    loaders: Arc<Loaders>,
    mut events: S,
) -> impl Stream<Item = S::Item> {
    let mut driver = Driver::new(loaders);
    stream::poll_fn(move |cx| driver.poll(cx, |cx| events.poll_next_unpin(cx)))
}

struct Driver {
    loaders: Arc<Loaders>,
    state: Arc<State>,
    /// Those under way. Most requests, and subscriptions most of the time, have none.
    batches: Option<FuturesUnordered<BoxFuture<'static, ()>>>,
}

impl Driver {
    fn new(loaders: Arc<Loaders>) -> Self {
        loaders.driven.store(true, SeqCst);
        Self {
            loaders,
            state: Arc::default(),
            batches: None,
        }
    }

    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut resolvers: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let state = Arc::clone(&self.state);
        let waker = Waker::from(Arc::clone(&state));
        state.begin(cx.waker());
        let mut marked = false;
        for _ in 0..MAX_ROUNDS {
            // Only what is polled can yield: a turn in which nothing is leaves no mark.
            if state.is_woken() && !std::mem::replace(&mut marked, true) {
                Mark::leave(&state);
            }
            if marked && state.take(BATCHES) {
                self.poll_batches();
            }
            if marked
                && state.take(RESOLVERS)
                && let Poll::Ready(ready) = resolvers(&mut Context::from_waker(&waker))
            {
                state.end_ready();
                return Poll::Ready(ready);
            }
            if state.is_woken() {
                continue;
            }
            if self.loaders.has_waiting() && state.settled() {
                let batches = self.batches.get_or_insert_default();
                batches.extend(self.loaders.take_batches());
                state.want(BATCHES);
            } else if state.rest() {
                return Poll::Pending;
            }
        }
        state.end_busy();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_batches(&mut self) {
        let Some(batches) = &mut self.batches else {
            return;
        };
        let waker = Waker::from(Arc::new(BatchesWaker(Arc::clone(&self.state))));
        let mut cx = Context::from_waker(&waker);
        while let Poll::Ready(done) = batches.poll_next_unpin(&mut cx) {
            if done.is_none() {
                self.batches = None;
                return;
            }
        }
    }
}

/// What was woken. As a waker it is that of the request's future.
struct State {
    bits: AtomicU8,
    /// Marks that the runtime still holds.
    marks: AtomicUsize,
    /// The task that polls the driver.
    task: AtomicWaker,
}

impl Default for State {
    fn default() -> Self {
        Self {
            bits: AtomicU8::new(RESOLVERS),
            marks: AtomicUsize::new(0),
            task: AtomicWaker::new(),
        }
    }
}

impl State {
    fn begin(&self, task: &Waker) {
        self.task.register(task);
        self.bits.fetch_or(POLLING, SeqCst);
        self.bits.fetch_and(!SETTLING, SeqCst);
    }

    /// Whether `bit` was woken; it is not any more.
    fn take(&self, bit: u8) -> bool {
        self.bits.fetch_and(!bit, SeqCst) & bit != 0
    }

    fn is_woken(&self) -> bool {
        self.bits.load(SeqCst) & (RESOLVERS | BATCHES) != 0
    }

    /// Has `bit` polled in this turn.
    fn want(&self, bit: u8) {
        self.bits.fetch_or(bit, SeqCst);
    }

    /// `bit` was woken.
    fn woken(&self, bit: u8) {
        let before = self.bits.fetch_or(bit, SeqCst);
        if before & (POLLING | bit) == 0 {
            self.task.wake();
        }
    }

    /// Whether nothing can run, here or after the runtime's next round. If it is not known yet, the
    /// task is woken once it is.
    fn settled(&self) -> bool {
        self.bits.fetch_or(SETTLING, SeqCst);
        // In this order: whatever was left behind a mark is woken before that goes.
        self.marks.load(SeqCst) == 0 && !self.is_woken()
    }

    /// Ends a turn in which everything has run; `false` if something was woken meanwhile.
    fn rest(&self) -> bool {
        let rest = |bits| (bits & (RESOLVERS | BATCHES) == 0).then_some(bits & !POLLING);
        self.bits.fetch_update(SeqCst, SeqCst, rest).is_ok()
    }

    /// Ends a turn with something that could still run.
    fn end_busy(&self) {
        self.bits.fetch_and(!POLLING, SeqCst);
    }

    /// Ends a turn with a result; a stream is to be polled again for the next.
    fn end_ready(&self) {
        self.bits.fetch_or(RESOLVERS, SeqCst);
        self.bits.fetch_and(!POLLING, SeqCst);
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.woken(RESOLVERS);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken(RESOLVERS);
    }
}

struct BatchesWaker(Arc<State>);

impl Wake for BatchesWaker {
    fn wake(self: Arc<Self>) {
        self.0.woken(BATCHES);
    }
}

/// Lies in the runtime's list of those that have yielded, below all that yield in this turn.
struct Mark(Arc<State>);

impl Mark {
    fn leave(state: &Arc<State>) {
        state.marks.fetch_add(1, SeqCst);
        let mark = Waker::from(Arc::new(Self(Arc::clone(state))));
        // The first poll leaves the waker with the runtime; outside of one it is woken at once.
        let _ = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&mark));
    }
}

impl Wake for Mark {
    /// Being dropped says it all.
    fn wake(self: Arc<Self>) {}
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.marks.fetch_sub(1, SeqCst);
        if self.0.bits.load(SeqCst) & SETTLING != 0 {
            self.0.task.wake();
        }
    }
}
