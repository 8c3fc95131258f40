//! What a connection is doing, and how long it may continue.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::Connections;

/// Time limits of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    head: Duration,
    idle: Duration,
    write: Duration,
    bytes_per_s: u64,
}

impl Limits {
    pub(super) fn new(config: &Connections) -> Self {
        Self {
            head: Duration::from_millis(config.head_ms.max(1)),
            idle: Duration::from_millis(config.idle_ms.max(1)),
            write: Duration::from_millis(config.write_ms.max(1)),
            bytes_per_s: config.write_bytes_per_s.max(1),
        }
    }

    /// How often a connection is checked, and so the precision of all limits.
    pub(super) fn step(&self) -> Duration {
        (self.head.min(self.idle).min(self.write) / 4).max(Duration::from_millis(1))
    }

    /// How long a client may keep the sender waiting, if it has read `bytes` since the wait
    /// began.
    pub(super) fn patience(&self, bytes: u64) -> Duration {
        self.write + Duration::from_millis(bytes.saturating_mul(1000) / self.bytes_per_s)
    }
}

/// Shared by the transport of a connection, its requests and its answers.
#[derive(Debug)]
pub(super) struct Activity {
    limits: Limits,
    start: Instant,
    /// Requests whose answers are not all handed over yet.
    active: AtomicUsize,
    /// Milliseconds from the start to the last change of what follows, while nothing is active.
    since: AtomicU64,
    /// Bytes came that are no request yet.
    begun: AtomicBool,
    http2: AtomicBool,
    /// Bytes of answers handed over and not sent.
    held: AtomicUsize,
    /// Bytes sent.
    sent: AtomicU64,
    /// When the client began to keep the sender waiting, and what was sent then.
    waiting: Mutex<Option<(Instant, u64)>>,
}

impl Activity {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            start: Instant::now(),
            active: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            // A new connection has as long for its first byte as for the head.
            begun: AtomicBool::new(true),
            http2: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            waiting: Mutex::new(None),
        }
    }

    fn mark(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(elapsed, Ordering::Relaxed);
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        if self.active.load(Ordering::Relaxed) == 0 && !self.begun.load(Ordering::Relaxed) {
            self.begun.store(true, Ordering::Relaxed);
            self.mark();
        }
    }

    /// Bytes went to the client.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request's head is there.
    pub(super) fn request(&self, http2: bool) {
        if http2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        self.active.fetch_add(1, Ordering::Relaxed);
        self.begun.store(false, Ordering::Relaxed);
    }

    /// An answer is handed over whole, or given up.
    pub(super) fn answered(&self) {
        if self.active.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.mark();
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    pub(super) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// True when the connection has used up its time. Under pressure idle ones and
    /// those that are slow to ask get a quarter of theirs.
    pub(super) fn is_over(&self, pressed: bool) -> bool {
        if self.held.load(Ordering::Relaxed) > 0 {
            return self.takes_nothing();
        }
        *self.waiting.lock() = None;
        if self.active.load(Ordering::Relaxed) > 0 {
            return false;
        }
        // Pings of HTTP/2 do not ask for anything.
        let asking = self.begun.load(Ordering::Relaxed) && !self.is_http2();
        let allowed = if asking {
            self.limits.head
        } else {
            self.limits.idle
        };
        let allowed = if pressed { allowed / 4 } else { allowed };
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(since) >= allowed
    }

    /// HTTP/2 has windows of its own: a client that opens none stalls no write.
    fn takes_nothing(&self) -> bool {
        let sent = self.sent.load(Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        let (at, before) = *waiting.get_or_insert_with(|| (Instant::now(), sent));
        at.elapsed() >= self.limits.patience(sent.saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Activity {
        Activity::new(Limits::new(&Connections {
            head_ms: 100,
            idle_ms: 1000,
            write_ms: 400,
            write_bytes_per_s: 1000,
            ..Connections::default()
        }))
    }

    async fn after(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_has_its_time_for_the_first_byte_for_each_head_and_between_requests() {
        let activity = activity();
        after(99).await;
        activity.received();
        assert!(!activity.is_over(false));
        assert!(activity.is_over(true));
        after(1).await;
        assert!(
            activity.is_over(false),
            "the first byte starts nothing anew"
        );

        activity.request(false);
        after(5000).await;
        assert!(
            !activity.is_over(false),
            "a request under way has limits of its own"
        );
        activity.answered();
        after(999).await;
        assert!(!activity.is_over(false));
        activity.received();
        assert!(!activity.is_over(false));
        after(100).await;
        assert!(activity.is_over(false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_waited_for_as_long_as_some_of_it_is_taken() {
        let activity = activity();
        activity.request(true);
        activity.hold(100_000);
        activity.answered();
        assert!(!activity.is_over(false));
        after(399).await;
        assert!(!activity.is_over(false));
        activity.sent(300);
        after(300).await;
        assert!(!activity.is_over(false));
        after(1).await;
        assert!(activity.is_over(false));
        activity.release(100_000);
        assert!(!activity.is_over(false));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_idle_connection() {
        let activity = activity();
        activity.request(true);
        activity.answered();
        for _ in 0..9 {
            after(100).await;
            activity.received();
            assert!(!activity.is_over(false));
        }
        after(1000).await;
        activity.received();
        assert!(activity.is_over(false));
    }
}
