//! Ends the planner where it would not end by itself. It looks at its deadline while
//! it searches for ways, but not while it puts requests together, and there it goes
//! round for ever when the requests of its draft wait for each other. What it traces
//! on the way is the one place where it can be stopped from outside: its events come
//! here on the thread that plans, and a panic that nobody is told of unwinds it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;
use std::time::Instant;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::plan::PlanError;

/// Events of one plan: some tens for most, and one for each two requests that may be
/// made one, so enough for hundreds beside each other.
const MAX_EVENTS: u64 = 100_000;
/// Events between two looks at the clock.
const LOOK: u64 = 256;

thread_local! {
    static RUN: Cell<Option<Run>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Run {
    deadline: Instant,
    events: u64,
}

/// Why a plan was ended.
enum Ended {
    Late,
    Runaway,
}

/// Runs the planner; its panics become errors.
pub(super) fn with_watchdog<T>(
    deadline: Instant,
    plan: impl FnOnce() -> Result<T, PlanError>,
) -> Result<T, PlanError> {
    // One for all: each new one makes tracing ask about all places that trace again.
    static WATCHDOG: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Watchdog));
    RUN.set(Some(Run {
        deadline,
        events: 0,
    }));
    let planned = catch_unwind(AssertUnwindSafe(|| {
        tracing::dispatcher::with_default(&WATCHDOG, plan)
    }));
    RUN.set(None);
    planned.unwrap_or_else(|panic: Box<dyn Any + Send>| match panic.downcast_ref() {
        Some(Ended::Late) => Err(PlanError::Timeout),
        Some(Ended::Runaway) => Err(PlanError::Refused("the planner does not end".into())),
        None => Err(PlanError::Panicked),
    })
}

struct Watchdog;

impl Watchdog {
    fn concerns_planner(metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        metadata.is_event()
            && target.starts_with("hive_router_query_planner")
            && target.contains("::optimize")
    }
}

impl Subscriber for Watchdog {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match Self::concerns_planner(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::concerns_planner(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let Some(mut run) = RUN.get() else { return };
        run.events += 1;
        RUN.set(Some(run));
        if run.events > MAX_EVENTS {
            resume_unwind(Box::new(Ended::Runaway));
        }
        if run.events.is_multiple_of(LOOK) && Instant::now() > run.deadline {
            resume_unwind(Box::new(Ended::Late));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
