//! Progress on its way from workers to subscribers and the database: coalesced, the last value never
//! lost.
//!
//! Reports land in memory. A task spawned on demand publishes what has changed, at most ten times a
//! second per task, and stores it about once a second. What is still unsaved when an attempt ends is
//! handed to the transaction that notes the end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    Deps,
    error::Error,
    id::{Id, Task},
};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use super::{Engine, ProgressStream, ProgressUpdate, Version};
use crate::db;

/// Shortest time between two published updates of a task.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How long progress may be unsaved.
const SAVE_WITHIN: Duration = Duration::from_secs(1);
/// Log lines of one task that wait to be saved; the oldest go first.
const LINES: usize = 200;
/// Characters of a log line; the rest is cut.
const LINE: usize = 2000;
/// Characters of a step's name; the rest is cut.
const STEP: usize = 100;
/// Steps that one attempt may enter between two saves.
const STEPS: usize = 50;

/// What a worker tells about a task that it holds.
#[derive(Debug, Clone)]
pub struct Report {
    /// The task.
    pub task: Id<Task>,
    /// The lease it is held by.
    pub lease: Uuid,
    /// The revision that the lease made.
    pub revision: i32,
    /// The attempt it is at.
    pub attempt: i16,
    /// When the attempt began.
    pub started_at: DateTime<Utc>,
    /// How much is done, from 0 to 1.
    pub progress: Option<f64>,
    /// The step it is in.
    pub step: Option<String>,
    /// What the worker thinks is left, in milliseconds.
    pub eta_ms: Option<i64>,
    /// New lines for the log.
    pub lines: Vec<String>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Uuid, Entry>,
    /// Changes of state, each of which is published.
    state_changes: Vec<ProgressUpdate>,
    flushing: bool,
}

struct Entry {
    update: ProgressUpdate,
    published_at: Option<Instant>,
    unpublished: bool,
    unsaved_since: Option<Instant>,
    steps: Vec<(String, DateTime<Utc>)>,
    lines: Vec<(DateTime<Utc>, String)>,
}

/// What of an attempt was not saved yet when it ended.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) progress: Option<f64>,
    pub(super) step: Option<String>,
    pub(super) steps: Vec<(Id<Task>, Uuid, String, DateTime<Utc>)>,
    pub(super) lines: Vec<(Uuid, DateTime<Utc>, String)>,
}

pub(super) struct ProgressBuffer {
    shared: Arc<Shared>,
}

struct Shared {
    deps: Deps,
    stream: ProgressStream,
    state: Mutex<State>,
    changed: Notify,
}

impl ProgressBuffer {
    pub(super) fn new(deps: Deps) -> Self {
        let stream = ProgressStream::new(deps.redis.clone());
        Self {
            shared: Arc::new(Shared {
                deps,
                stream,
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// Publishes changes of state, each of them.
    pub(super) fn publish(&self, updates: Vec<ProgressUpdate>) {
        if !updates.is_empty() {
            self.change(|state| state.state_changes.extend(updates));
        }
    }

    pub(super) fn report(&self, report: Report) {
        let (now, instant) = (self.shared.deps.clock.now(), Instant::now());
        self.change(|state| {
            let entry = state.entries.entry(report.lease).or_insert_with(|| Entry {
                update: ProgressUpdate {
                    task: report.task,
                    version: Version {
                        revision: report.revision,
                        seq: 0,
                    },
                    status: TaskStatus::Running,
                    progress: 0.0,
                    step: None,
                    eta_ms: None,
                    attempt: report.attempt,
                    at: now,
                },
                published_at: None,
                unpublished: false,
                unsaved_since: None,
                steps: Vec::new(),
                lines: Vec::new(),
            });
            entry.take(report, now, instant);
        });
    }

    /// Takes what is unsaved of an attempt that ends. Nothing is published for it any more.
    pub(super) fn take_unsaved(&self, lease: Uuid) -> Unsaved {
        let Some(entry) = self.shared.state.lock().entries.remove(&lease) else {
            return Unsaved::default();
        };
        let task = entry.update.task;
        Unsaved {
            progress: Some(entry.update.progress),
            step: entry.update.step,
            steps: entry
                .steps
                .into_iter()
                .map(|(name, at)| (task, lease, name, at))
                .collect(),
            lines: entry
                .lines
                .into_iter()
                .map(|(at, line)| (lease, at, line))
                .collect(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let idle = {
            let mut state = self.shared.state.lock();
            change(&mut state);
            !std::mem::replace(&mut state.flushing, true)
        };
        if idle {
            tokio::spawn(Arc::clone(&self.shared).flush());
        } else {
            self.shared.changed.notify_one();
        }
    }
}

impl Entry {
    fn take(&mut self, report: Report, now: DateTime<Utc>, instant: Instant) {
        let elapsed =
            i32::try_from((now - report.started_at).num_milliseconds()).unwrap_or(i32::MAX);
        // Milliseconds count up for reports that reach different processes, too.
        self.update.version.seq = elapsed.max(self.update.version.seq.saturating_add(1));
        self.update.at = now;
        self.unsaved_since.get_or_insert(instant);
        for mut line in report.lines {
            cut(&mut line, LINE);
            if self.lines.len() == LINES {
                self.lines.remove(0);
            }
            self.lines.push((now, line));
        }
        if report.progress.is_none() && report.step.is_none() && report.eta_ms.is_none() {
            return;
        }
        self.unpublished = true;
        if let Some(progress) = report.progress.filter(|progress| progress.is_finite()) {
            self.update.progress = progress.clamp(0.0, 1.0);
        }
        if let Some(mut step) = report.step {
            cut(&mut step, STEP);
            if self.update.step.as_ref() != Some(&step) {
                if self.steps.len() < STEPS {
                    self.steps.push((step.clone(), now));
                }
                self.update.step = Some(step);
            }
        }
        self.update.eta_ms = report.eta_ms.map(|eta| eta.max(0)).or(self.update.eta_ms);
    }
}

/// Cuts a text to what is kept of it; PostgreSQL's texts cannot hold NUL.
fn cut(text: &mut String, most: usize) {
    text.retain(|c| c != '\0');
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
    }
}

/// What one round of flushing has to do.
#[derive(Default)]
struct Round {
    publish: Vec<ProgressUpdate>,
    save: Saves,
    /// When there will be more to do, if nothing happens before.
    next: Option<Instant>,
}

#[derive(Default)]
struct Saves {
    rows: db::progress::ProgressRows,
    steps: Vec<(Id<Task>, Uuid, String, DateTime<Utc>)>,
    lines: Vec<(Uuid, DateTime<Utc>, String)>,
}

impl State {
    fn round(&mut self) -> Round {
        let now = Instant::now();
        let mut round = Round {
            publish: std::mem::take(&mut self.state_changes),
            ..Round::default()
        };
        let mut next = |at: Instant| {
            round.next = Some(round.next.map_or(at, |earlier: Instant| earlier.min(at)))
        };
        let save = self
            .entries
            .values()
            .filter_map(|entry| entry.unsaved_since)
            .any(|since| now - since >= SAVE_WITHIN);
        for (lease, entry) in &mut self.entries {
            if entry.unpublished {
                let due = entry.published_at.map_or(now, |at| at + PUBLISH_EVERY);
                if due <= now {
                    entry.unpublished = false;
                    entry.published_at = Some(now);
                    round.publish.push(entry.update.clone());
                } else {
                    next(due);
                }
            }
            // When one is due, all go: it is one statement.
            match entry.unsaved_since {
                Some(_) if save => {
                    entry.unsaved_since = None;
                    round.save.take(*lease, entry);
                }
                Some(since) => next(since + SAVE_WITHIN),
                None => {}
            }
        }
        // An entry with nothing pending is remembered for its rate; the lease's end removes it, and
        // leases that other processes end are let go after a minute.
        self.entries.retain(|_, entry| {
            entry.unpublished
                || entry.unsaved_since.is_some()
                || entry
                    .published_at
                    .is_some_and(|at| now - at < Duration::from_secs(60))
        });
        round
    }
}

impl Saves {
    fn take(&mut self, lease: Uuid, entry: &mut Entry) {
        self.rows.lease.push(lease);
        self.rows.progress.push(entry.update.progress);
        self.rows.step.push(entry.update.step.clone());
        self.rows.seq.push(entry.update.version.seq);
        self.rows.eta_ms.push(entry.update.eta_ms);
        let task = entry.update.task;
        self.steps.extend(
            std::mem::take(&mut entry.steps)
                .into_iter()
                .map(|(name, at)| (task, lease, name, at)),
        );
        self.lines.extend(
            std::mem::take(&mut entry.lines)
                .into_iter()
                .map(|(at, line)| (lease, at, line)),
        );
    }
}

impl Shared {
    async fn flush(self: Arc<Self>) {
        loop {
            let round = {
                let mut state = self.state.lock();
                let round = state.round();
                if round.publish.is_empty()
                    && round.save.rows.lease.is_empty()
                    && round.next.is_none()
                {
                    state.flushing = false;
                    return;
                }
                round
            };
            if !round.publish.is_empty() {
                self.stream.publish(&round.publish).await;
            }
            if !round.save.rows.lease.is_empty()
                && let Err(error) = self.save(round.save).await
            {
                tracing::warn!(target: "tasks", cause = error.cause_chain(), "task progress was not stored; newer progress will be");
            }
            if let Some(at) = round.next {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = self.changed.notified() => {}
                }
            }
        }
    }

    /// Each statement stands for itself: there is nothing to undo if a later one fails.
    async fn save(&self, saves: Saves) -> Result<(), Error> {
        let now = self.deps.clock.now();
        let Saves { rows, steps, lines } = saves;
        self.deps
            .statement(async |tx| Ok::<_, Error>(db::progress::save(tx, rows, now).await?))
            .await?;
        if !steps.is_empty() {
            self.deps
                .statement(async |tx| Ok::<_, Error>(db::progress::enter_steps(tx, &steps).await?))
                .await?;
        }
        if !lines.is_empty() {
            self.deps
                .statement(async |tx| Ok::<_, Error>(db::log::append(tx, &lines).await?))
                .await?;
        }
        Ok(())
    }
}

impl Engine {
    /// Takes up what a worker tells about a task. The lease is checked when it is stored; who looks
    /// on passes over what comes from an old one.
    pub fn report(&self, report: Report) {
        self.inner.progress.report(report);
    }
}
