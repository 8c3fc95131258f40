//! Stops the planner when it would not stop by itself. It checks its deadline while it
//! searches for paths, but not while it combines requests, and there it loops for ever when
//! the requests of its draft wait for each other. Its trace events are the only place where
//! it can be stopped from outside: they arrive here on the planning thread, and a silent panic
//! unwinds it.

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

/// Trace events of one plan. Most plans have some tens; there is one for each pair of
/// requests that could be combined, so this is enough for hundreds of parallel requests.
const MAX_EVENTS: u64 = 100_000;
/// Events between two checks of the clock.
const LOOK: u64 = 256;

thread_local! {
    static RUN: Cell<Option<Run>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Run {
    deadline: Instant,
    events: u64,
}

/// Why planning was stopped.
enum Ended {
    Late,
    Runaway,
}

/// Runs the planner with a deadline. Its panics become errors.
pub(super) fn with_watchdog<T>(
    deadline: Instant,
    plan: impl FnOnce() -> Result<T, PlanError>,
) -> Result<T, PlanError> {
    // Shared, because each new dispatcher makes tracing rebuild its interest cache.
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
