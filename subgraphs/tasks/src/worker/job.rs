//! One task at work.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use atelier_kit::{
    id::{Id, Task, User},
    jobs::{Handler, Running},
    telemetry::propagate,
};
use futures::FutureExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::engine::{Engine, Leased, Outcome, Report};

/// A leased task, as its handler sees it.
pub(super) struct Job {
    engine: Engine,
    task: Leased,
    /// The handler should stop.
    stopped: CancellationToken,
    /// Somebody else may be at the task: the handler is dropped.
    lost: CancellationToken,
    cancelled: AtomicBool,
    ended: AtomicBool,
}

impl Job {
    pub(super) fn new(engine: Engine, task: Leased) -> Self {
        let stopped = CancellationToken::new();
        Self {
            engine,
            task,
            stopped,
            lost: CancellationToken::new(),
            cancelled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn task_id(&self) -> Id<Task> {
        self.task.id
    }

    /// The worker is going away.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
    }

    /// The task is to be cancelled.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.stopped.cancel();
    }

    /// The lease is gone.
    pub(super) fn lose(&self) {
        self.stopped.cancel();
        self.lost.cancel();
    }

    /// Whether an end was handed on to be noted.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn report(&self) -> Report {
        Report {
            task: self.task.id,
            lease: self.task.lease_id,
            revision: self.task.revision,
            attempt: self.task.attempt,
            started_at: self.task.started_at,
            progress: None,
            step: None,
            eta_ms: None,
            lines: Vec::new(),
        }
    }
}

#[async_trait]
impl Running for Job {
    fn id(&self) -> Id<Task> {
        self.task.id
    }

    fn payload(&self) -> &Value {
        &self.task.payload
    }

    fn owner(&self) -> Option<Id<User>> {
        self.task.owner
    }

    fn attempt(&self) -> i16 {
        self.task.attempt
    }

    fn progress(&self, progress: f64, step: Option<&str>) {
        // What a lost lease still says must not be taken for news.
        if !self.lost.is_cancelled() && !self.has_ended() {
            self.engine.report(Report {
                progress: Some(progress),
                step: step.map(str::to_owned),
                ..self.report()
            });
        }
    }

    fn log(&self, line: String) {
        if !self.lost.is_cancelled() && !self.has_ended() {
            self.engine.report(Report {
                lines: vec![line],
                ..self.report()
            });
        }
    }

    async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }
}

/// Runs the handler. `None` if there is nothing to note: the lease is lost, or the task goes back to
/// the queue because the worker is going away.
pub(super) async fn run(
    job: Arc<Job>,
    handler: Arc<dyn Handler>,
    limit: Duration,
) -> Option<Outcome> {
    let span = tracing::info_span!("task", task.id = %job.task.id, task.kind = handler.task_type(), task.attempt = job.task.attempt);
    if let Some(trace) = &job.task.trace {
        propagate::set_parent_text(&span, trace);
    }
    let running =
        AssertUnwindSafe(handler.run(Arc::clone(&job) as Arc<dyn Running>)).catch_unwind();
    let failed = |code: &str, message: &str| Outcome::Failed {
        retry: true,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let outcome = tokio::select! {
        result = running.instrument(span.clone()) => match result {
            Ok(result) => {
                if let Err(atelier_kit::jobs::TaskFailure::Retry(error) | atelier_kit::jobs::TaskFailure::GiveUp(error)) = &result {
                    tracing::warn!(target: "tasks", parent: &span, code = error.code().spec().name, cause = error.cause_chain(), "a task failed");
                }
                Outcome::of(result)
            }
            Err(_) => failed("PANICKED", "The task came upon a fault of ours."),
        },
        () = tokio::time::sleep(limit) => failed("TIME_LIMIT", "The task took longer than it may."),
        () = job.lost.cancelled() => return None,
    };
    if matches!(outcome, Outcome::Stopped)
        && !job.cancelled.load(Ordering::Acquire)
        && job.is_stopped()
    {
        return None;
    }
    job.ended.store(true, Ordering::Release);
    Some(outcome)
}
