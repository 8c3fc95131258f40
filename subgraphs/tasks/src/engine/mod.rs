//! The task engine: what may happen to a task, on PostgreSQL alone.
//!
//! Every operation is one transaction that ends in the outbox; what is told through Redis
//! (wake-ups, progress) comes after the commit and may be lost: workers poll, subscribers look.

mod board;
mod cancel;
mod enqueue;
mod fair;
mod family;
mod finish;
mod json;
mod lease;
pub(crate) mod live;
mod queue;
mod replay;
mod rescue;
mod schedule;
mod shape;
mod state;
mod tell;
mod wake;
mod workers;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use atelier_kit::{
    Deps,
    config::{Check, Problem, Span},
    error::Error,
    section,
};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

pub use board::Report;
pub use enqueue::{EXPECTED_CHILDREN, Enqueued, GROUP_QUEUE};
pub use finish::{Ended, Outcome};
pub use json::{JsonFault, MAX_DEPTH, MAX_PAYLOAD, fault as json_fault};
pub use lease::{Leased, Wanted};
pub use live::{Live, Moment, Version};
pub use schedule::{MissedRuns, Schedule, ScheduleProblem};
pub use shape::{MAX_SHAPE, Misfit, Shape};
pub use state::Status;
pub use tell::TaskFact;
pub use wake::{Wakes, Woken};
pub use workers::{Registration, Worker};

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
    board: board::Board,
    wake: wake::Waker,
}

impl Engine {
    /// An engine on the database of `deps`, whose domain must be [`crate::NAME`].
    pub fn new(deps: Deps, config: EngineConfig) -> Self {
        let inner = Inner {
            board: board::Board::new(deps.clone()),
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

/// Leaves a transaction with an error of either kind.
struct Undo(Error);

impl From<diesel::result::Error> for Undo {
    fn from(cause: diesel::result::Error) -> Self {
        Self(cause.into())
    }
}

impl From<Error> for Undo {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Undo> for Error {
    fn from(Undo(error): Undo) -> Self {
        error
    }
}

/// Statements that gave way to others (a deadlock, a serialisation failure) are run again so often.
const TRIES: u32 = 5;

/// Whether an operation failed only because others were at the same rows.
fn gave_way(error: &Error) -> bool {
    error.cause_chain().is_some_and(|chain| {
        chain.contains("deadlock detected") || chain.contains("could not serialize")
    })
}
