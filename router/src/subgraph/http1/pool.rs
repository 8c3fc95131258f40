//! Idle connections. Each thread keeps its own: a connection is driven by the
//! runtime it was opened in, and threads that share nothing wait for nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::Connection;

/// Threads beyond this many share a shard with another one, which is correct but slower.
const SHARDS: usize = 32;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

#[derive(Debug)]
pub(super) struct Pool {
    shards: Vec<Mutex<Vec<Idle>>>,
    max_idle: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(max_idle: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            max_idle,
        }
    }

    fn shard(&self) -> &Mutex<Vec<Idle>> {
        &self.shards[SHARD.with(|shard| *shard)]
    }

    /// The connection used last, if it is still good; those that are not are closed.
    pub(super) fn take(&self, max_age: Duration) -> Option<Connection> {
        loop {
            let idle = self.shard().lock().pop()?;
            if idle.since.elapsed() < max_age && idle.connection.is_open() {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps `connection` for the next request.
    pub(super) fn put(&self, connection: Connection) {
        let mut shard = self.shard().lock();
        if shard.len() < self.max_idle {
            shard.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }
}
