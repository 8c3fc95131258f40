//! Group commit: tasks that are enqueued one by one at the same time share a transaction.
//!
//! Whoever comes while nothing is under way starts a transaction at once, so that nobody waits when
//! they are alone. Whoever comes while it runs joins the next one. A commit costs a write to disk
//! however many tasks are in it, so throughput grows with the number of callers.
//!
//! Tasks with a parent stay out: they lock it, and others must not wait for it with them.

use std::{collections::VecDeque, sync::Arc};

use atelier_kit::{
    error::{Error, ErrorCode},
    id::{Id, Task},
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::{Instrument, Span};

use super::{Engine, Enqueued, enqueue::Traced};

/// Tasks of one transaction at most.
const BATCH: usize = 500;
/// Tasks that wait for a transaction at most; whoever comes then waits for room.
const WAITING: usize = 4 * BATCH;

/// The tasks that wait for the next transaction.
pub(super) struct GroupCommit {
    queue: Mutex<Queue>,
    room: Arc<Semaphore>,
}

impl Default for GroupCommit {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            room: Arc::new(Semaphore::new(WAITING)),
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Member>,
    /// Whether somebody is at work who will come back for what waits.
    led: bool,
}

/// A task on its way into a transaction.
struct Member {
    task: Traced,
    outcome: oneshot::Sender<Result<Enqueued, Error>>,
    /// What the caller is doing.
    span: Span,
    _room: OwnedSemaphorePermit,
}

/// Takes what waits, batch by batch, until nothing is left.
struct Leader {
    engine: Engine,
    finished: bool,
}

impl Drop for Leader {
    /// If it dies before its work is done, those who wait are told, and the next one leads.
    fn drop(&mut self) {
        if !self.finished {
            let mut queue = self.engine.inner.single.queue.lock();
            queue.led = false;
            queue.waiting.clear();
        }
    }
}

impl Engine {
    /// Enqueues a valid task in a transaction that it may share with others; each has an outcome of
    /// its own.
    pub(super) async fn enqueue_with_others(&self, task: Traced) -> Result<Enqueued, Error> {
        let group = &self.inner.single;
        let room = Arc::clone(&group.room).acquire_owned().await?;
        let (outcome, received) = oneshot::channel();
        let member = Member {
            task,
            outcome,
            span: Span::current(),
            _room: room,
        };
        let leads = {
            let mut queue = group.queue.lock();
            queue.waiting.push_back(member);
            !std::mem::replace(&mut queue.led, true)
        };
        if leads {
            // Not in the caller's own future: should they go away, the others must not suffer.
            tokio::spawn(Leader::new(self).lead());
        }
        received.await?
    }
}

impl Leader {
    fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            finished: false,
        }
    }

    async fn lead(mut self) {
        while let Some(batch) = self.next() {
            self.commit(batch).await;
        }
    }

    fn next(&mut self) -> Option<Vec<Member>> {
        let mut queue = self.engine.inner.single.queue.lock();
        let count = queue.waiting.len().min(BATCH);
        if count == 0 {
            // Under the same lock: whoever comes next leads.
            queue.led = false;
            self.finished = true;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
    }

    async fn commit(&self, mut batch: Vec<Member>) {
        // In one order, so that two processes do not wait for each other's tasks.
        batch.sort_by(|a, b| key(&a.task).cmp(&key(&b.task)));
        let span = match &batch[..] {
            [only] => only.span.clone(),
            _ => Span::none(),
        };
        let tasks: Vec<Traced> = batch.iter().map(|member| member.task.clone()).collect();
        metrics::histogram!("tasks_enqueue_group_size").record(tasks.len() as f64);
        let done = self.engine.enqueue_together(&tasks).instrument(span).await;
        match done {
            Ok(outcomes) => {
                for (member, outcome) in batch.into_iter().zip(outcomes) {
                    let _ = member.outcome.send(Ok(outcome));
                }
            }
            // The database refuses something: whoever it is not must not suffer.
            Err(error) if batch.len() > 1 && error.code() != ErrorCode::Unavailable => {
                for member in batch {
                    let alone = std::slice::from_ref(&member.task);
                    let done = self
                        .engine
                        .enqueue_together(alone)
                        .instrument(member.span)
                        .await;
                    let outcome = done.map(|outcomes| outcomes[0]);
                    let _ = member.outcome.send(outcome);
                }
            }
            Err(error) => {
                for member in batch {
                    let _ = member.outcome.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Tasks with the same unique key stay in the order in which they came.
fn key((task, _): &Traced) -> (Option<&str>, Option<Id<Task>>) {
    let key = task.unique_key.as_deref();
    (key, key.is_none().then_some(task.id))
}
