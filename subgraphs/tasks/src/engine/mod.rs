//! The task engine: what may happen to a task, on PostgreSQL alone.
//!
//! ```text
//! SCHEDULED ──due──▶ QUEUED ──lease──▶ RUNNING ──▶ SUCCEEDED | PARTIALLY_SUCCEEDED
//!                      ▲                 │  │
//!                      ├──lease expired──┘  ├──▶ RETRYING ──due──▶ QUEUED
//!                      └──replay── FAILED ◀─┘
//! ```
//!
//! Everything that is not final can become CANCELLED. A task that waits for its children after its
//! own work is RUNNING without a lease.
//!
//! Every operation is one transaction that ends in the outbox. What goes through Redis (wake-ups,
//! progress) follows the commit and may be lost: workers poll, and subscribers read the task itself now
//! and then.

mod cancel;
mod deleted_user;
mod enqueue;
mod fair;
mod finish;
mod group_commit;
mod json;
mod lease;
mod notify;
mod operation;
mod progress;
pub(crate) mod progress_stream;
mod queue;
mod replay;
mod rescue;
mod schedule;
mod shape;
mod wake;
mod worker;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use atelier_kit::{
    Deps,
    config::{Check, Problem, Span},
    section,
};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

pub use crate::kinds::MissedRuns;
pub use enqueue::{EXPECTED_CHILDREN, Enqueued, GROUP_QUEUE, Traced};
pub use finish::{Ended, Outcome};
pub use json::{JsonFault, MAX_DEPTH, MAX_PAYLOAD, fault as json_fault};
pub use lease::{Leased, Wanted};
pub use progress::Report;
pub use progress_stream::{ProgressStream, ProgressUpdate, Version};
pub use schedule::{Schedule, ScheduleProblem};
pub use shape::{MAX_SHAPE, Mismatch, Shape};
pub use wake::{WakeUp, WakeUps};
pub use worker::Registration;

section! {
    /// How the engine treats tasks.
    #[derive(Debug, Clone)]
    pub struct EngineConfig in "tasks" {
        /// How long a lease holds without a heartbeat, unless the worker says otherwise.
        pub lease: Duration as Span = "30s",
        /// Wait after the first failed attempt; doubles with each further one.
        pub backoff: Duration as Span = "2s",
        /// Longest wait between two attempts.
        pub backoff_max: Duration as Span = "10m",
        /// How long finished tasks are kept.
        pub retention: Duration as Span = "30d",
        /// How long dead letters are kept.
        pub dead_retention: Duration as Span = "90d",
        /// How long a subscriber waits for a task that was asked for but has not arrived.
        pub arrival: Duration as Span = "5s",
    }
    given {
        /// Queues that only workers of the system itself work on.
        pub own_queues: BTreeSet<String>,
    }
}

impl Default for EngineConfig {
    /// Every key at its default, and no queue kept from external workers.
    fn default() -> Self {
        Self::defaults(BTreeSet::new())
    }
}

impl Check for EngineConfig {
    fn check(&self) -> Result<(), Problem> {
        Problem::unless(
            (Duration::from_secs(2)..=Duration::from_secs(3600)).contains(&self.lease),
            "lease",
            "between 2s and 1h",
        )?;
        Problem::unless(!self.backoff.is_zero(), "backoff", "longer than nothing")?;
        Problem::unless(
            self.backoff_max >= self.backoff,
            "backoff_max",
            "at least as long as backoff",
        )
    }
}

/// The task engine; cheap to clone. All processes with the same database are one engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    deps: Deps,
    config: EngineConfig,
    fair: Mutex<fair::Fairness>,
    known_queues: Mutex<HashSet<String>>,
    single: group_commit::GroupCommit,
    progress: progress::ProgressBuffer,
    wake: wake::Waker,
}

impl Engine {
    /// An engine on the database of `deps`, whose domain must be [`crate::NAME`].
    pub fn new(deps: Deps, config: EngineConfig) -> Self {
        let inner = Inner {
            single: group_commit::GroupCommit::default(),
            progress: progress::ProgressBuffer::new(deps.clone()),
            wake: wake::Waker::new(deps.redis.clone()),
            deps,
            config,
            fair: Mutex::default(),
            known_queues: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What the engine works with.
    pub fn deps(&self) -> &Deps {
        &self.inner.deps
    }

    /// How the engine treats tasks.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.deps.clock.now()
    }

    fn after(&self, wait: Duration) -> DateTime<Utc> {
        self.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(365))
    }

    fn before(&self, age: Duration) -> DateTime<Utc> {
        self.now() - TimeDelta::from_std(age).unwrap_or(TimeDelta::days(365))
    }

    /// A number from 0 to 1 that nobody can foresee.
    fn random_fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.inner.deps.random_bytes())) / f64::from(u32::MAX)
    }
}
