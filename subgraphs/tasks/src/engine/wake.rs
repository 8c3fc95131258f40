//! Waking workers: a word on a Redis channel after the commit.
//!
//! `NOTIFY` would do it in the transaction, but serialises the commits of all who enqueue. A word
//! that is lost costs one polling interval.

use std::{collections::BTreeSet, sync::Arc};

use atelier_kit::{
    id::{Id, Task},
    redis::{Redis, Signal, Subscription},
};
use parking_lot::Mutex;

use super::Engine;

/// Channel of the names of queues that have something to do.
const WAKE: &str = "tasks.wake";
/// Channel of the ids of tasks whose workers should look whether they are to stop.
const CANCEL: &str = "tasks.cancel";

pub(super) struct Waker {
    redis: Redis,
    /// Queues to be named by the announcement that is under way.
    pending: Arc<Mutex<BTreeSet<String>>>,
}

impl Waker {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            redis,
            pending: Arc::default(),
        }
    }

    /// Announces that queues have something to do. Names that come while an announcement is on its
    /// way go together with the next one.
    pub(super) fn wake<'a>(&self, queues: impl IntoIterator<Item = &'a str>) {
        {
            let mut pending = self.pending.lock();
            let idle = pending.is_empty();
            pending.extend(queues.into_iter().map(str::to_owned));
            if !idle || pending.is_empty() {
                return;
            }
        }
        let (redis, pending) = (self.redis.clone(), Arc::clone(&self.pending));
        tokio::spawn(async move {
            let queues = std::mem::take(&mut *pending.lock());
            let names = queues.into_iter().collect::<Vec<_>>().join(",");
            if let Err(error) = redis.publish(WAKE, names.as_bytes()).await {
                tracing::debug!(error = %error, "workers were not woken and will poll");
            }
        });
    }

    pub(super) fn cancel(&self, tasks: Vec<Id<Task>>) {
        if tasks.is_empty() {
            return;
        }
        let redis = self.redis.clone();
        tokio::spawn(async move {
            let ids = tasks
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",");
            if let Err(error) = redis.publish(CANCEL, ids.as_bytes()).await {
                tracing::debug!(error = %error, "workers will hear of a cancellation with their next heartbeat");
            }
        });
    }
}

/// What wakes a worker of some queues.
pub struct WakeUps {
    work: Subscription,
    cancels: Subscription,
    queues: Vec<String>,
}

/// Why a worker was woken.
#[derive(Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// There may be something to do.
    Work,
    /// Some of these tasks may be to be cancelled; empty if any may.
    Cancel(Vec<Id<Task>>),
}

impl WakeUps {
    /// Waits for the next word.
    pub async fn next(&mut self) -> WakeUp {
        loop {
            tokio::select! {
                Some(signal) = self.work.recv() => match signal {
                    Signal::Message(names) => {
                        let names = String::from_utf8_lossy(&names);
                        if names.split(',').any(|name| self.queues.iter().any(|queue| queue == name)) {
                            return WakeUp::Work;
                        }
                    }
                    // Words may have been missed.
                    Signal::Subscribed | Signal::Missed => return WakeUp::Work,
                    // Whoever waits here looks by itself from time to time.
                    Signal::Lost => {}
                },
                Some(signal) = self.cancels.recv() => match signal {
                    Signal::Message(ids) => {
                        let ids = String::from_utf8_lossy(&ids);
                        return WakeUp::Cancel(ids.split(',').filter_map(|id| id.parse().ok()).collect());
                    }
                    Signal::Subscribed | Signal::Lost => {}
                    Signal::Missed => return WakeUp::Cancel(Vec::new()),
                },
                else => std::future::pending().await,
            }
        }
    }
}

impl Engine {
    /// What wakes a worker of these queues.
    pub fn wake_ups(&self, queues: &[String]) -> WakeUps {
        let redis = &self.inner.deps.redis;
        WakeUps {
            work: redis.subscribe(WAKE),
            cancels: redis.subscribe(CANCEL),
            queues: queues.to_vec(),
        }
    }
}
