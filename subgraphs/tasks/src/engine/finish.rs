//! Ends of attempts: success, failure, stop.

use std::collections::HashSet;

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::Error,
    id::{Id, Task},
    jobs::TaskFailure,
    transaction::Tx,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    EXPECTED_CHILDREN, Engine, JsonFault, MAX_PAYLOAD, enqueue::expected_children, json_fault,
    operation::Operation, progress::Unsaved,
};
use crate::db::{
    self, Changed,
    finish::{Backoff, Failures, Successes},
};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It did what it should; the value is the result.
    Succeeded(Value),
    /// It did not.
    Failed {
        /// Whether it may work later.
        retry: bool,
        /// Stable code, for clients.
        code: String,
        /// In words, for people.
        message: String,
    },
    /// It stopped because the task was cancelled.
    Stopped,
}

/// Characters of an error message; the rest is cut.
const MESSAGE: usize = 2000;

impl Outcome {
    /// The outcome of a handler.
    pub fn of(result: Result<Value, TaskFailure>) -> Self {
        let failed = |retry, error: &Error| Self::Failed {
            retry,
            code: error.code().spec().name.to_owned(),
            message: error.message(atelier_kit::Locale::En),
        };
        match result {
            Ok(result) => match json_fault(&result, MAX_PAYLOAD) {
                None => Self::Succeeded(result),
                Some(fault) => Self::unkept(fault),
            },
            Err(TaskFailure::Retry(error)) => failed(true, &error),
            Err(TaskFailure::GiveUp(error)) => failed(false, &error),
            Err(TaskFailure::Cancelled) => Self::Stopped,
        }
    }
}

impl Outcome {
    /// The outcome of a handler whose result cannot be kept.
    fn unkept(fault: JsonFault) -> Self {
        let (code, message) = match fault {
            JsonFault::TooLarge(_) => (
                "RESULT_TOO_LARGE",
                "The result is larger than 64 KiB; larger things go to storage.",
            ),
            JsonFault::TooDeep => (
                "RESULT_INVALID",
                "The result is nested more than 64 levels deep.",
            ),
            JsonFault::Nul => ("RESULT_INVALID", "The result cannot be stored."),
        };
        Self::Failed {
            retry: false,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// What became of a task whose attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The task.
    pub task: Id<Task>,
    /// Its state from now on.
    pub status: TaskStatus,
}

/// The ends of a batch by kind, with what was not saved yet of each.
#[derive(Default)]
struct Batch {
    succeeded: Successes,
    failed: Failures,
    stopped: Vec<Uuid>,
    unsaved: Unsaved,
}

impl Engine {
    /// Notes the ends of attempts. The answer has only those whose lease held: an old lease changes
    /// nothing. A lease is old once the task was taken from its worker ([`Engine::rescue`]), not when
    /// its time is over: until then nobody else has the task, and what was done is not done again.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer; nothing was noted.
    pub async fn finish(&self, ends: Vec<(Uuid, Outcome)>) -> Result<Vec<Ended>, Error> {
        let mut seen = HashSet::new();
        let ends: Vec<_> = ends
            .into_iter()
            .filter(|(lease, _)| seen.insert(*lease))
            .collect();
        let unsaved: Vec<Unsaved> = ends
            .iter()
            .map(|(lease, _)| self.inner.progress.take_unsaved(*lease))
            .collect();
        let changed = self
            .perform(Operation::Finish {
                ends: &ends,
                unsaved: &unsaved,
            })
            .await?;
        Ok(changed
            .iter()
            .map(|task| Ended {
                task: task.id,
                status: task.status,
            })
            .collect())
    }

    pub(super) async fn finish_in(
        &self,
        tx: &mut Tx,
        ends: &[(Uuid, Outcome)],
        unsaved: &[Unsaved],
    ) -> Result<Vec<Changed>, Error> {
        let now = self.now();
        let Batch {
            succeeded,
            failed,
            stopped,
            unsaved,
        } = self.sort(ends, unsaved);
        if !unsaved.steps.is_empty() {
            db::progress::enter_steps(tx, &unsaved.steps).await?;
        }
        if !unsaved.lines.is_empty() {
            db::log::append(tx, &unsaved.lines).await?;
        }
        let mut changed = Vec::new();
        if !succeeded.lease.is_empty() {
            changed.extend(db::finish::succeed(tx, succeeded, now).await?);
        }
        if !failed.lease.is_empty() {
            let config = self.config();
            let backoff = Backoff {
                base: config.backoff.as_secs_f64(),
                max: config.backoff_max.as_secs_f64(),
            };
            changed.extend(db::finish::fail(tx, failed, backoff, now).await?);
        }
        if !stopped.is_empty() {
            changed.extend(db::finish::stop(tx, &stopped, now).await?);
        }
        Ok(changed)
    }

    fn sort(&self, ends: &[(Uuid, Outcome)], unsaved: &[Unsaved]) -> Batch {
        let mut batch = Batch::default();
        for ((lease, outcome), rest) in ends.iter().zip(unsaved) {
            batch.unsaved.steps.extend(rest.steps.iter().cloned());
            batch.unsaved.lines.extend(rest.lines.iter().cloned());
            match outcome {
                Outcome::Succeeded(result) => {
                    batch.succeeded.lease.push(*lease);
                    batch
                        .succeeded
                        .children_expected
                        .push(expected_children(result.get(EXPECTED_CHILDREN)));
                    batch.succeeded.result.push(result.clone());
                }
                Outcome::Failed {
                    retry,
                    code,
                    message,
                } => {
                    let failed = &mut batch.failed;
                    failed.lease.push(*lease);
                    failed.retry.push(*retry);
                    failed.code.push(clean(code, 100));
                    failed.message.push(clean(message, MESSAGE));
                    failed.jitter.push(0.5 + self.random_fraction() / 2.0);
                    failed.progress.push(rest.progress);
                    failed.step.push(rest.step.clone());
                }
                Outcome::Stopped => batch.stopped.push(*lease),
            }
        }
        batch
    }
}

/// A text as PostgreSQL takes it (without NUL), cut.
fn clean(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}
