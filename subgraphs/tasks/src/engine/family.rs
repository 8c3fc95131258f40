//! Operations on tasks, and what follows from them for their parents: counts, progress, partial
//! success.

use std::collections::BTreeMap;

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, Task},
    jobs::NewTask,
};
use diesel_async::AsyncConnection;
use parking_lot::Mutex;
use serde_json::Value;
use uuid::Uuid;

use super::{Engine, Enqueued, Outcome, Status, TRIES, Undo, board::Rest, gave_way};
use crate::db::{
    self, Changed,
    family::{DEPTH, Delta},
};

/// What may be done to tasks in one transaction.
pub(super) enum Operation<'a> {
    Enqueue {
        tasks: &'a [NewTask],
        trace: Option<&'a str>,
        outcomes: &'a Mutex<Vec<Enqueued>>,
    },
    Finish {
        ends: &'a [(Uuid, Outcome)],
        rests: &'a [Rest],
    },
    Release {
        leases: &'a [Uuid],
    },
    Cancel {
        tasks: &'a [Id<Task>],
    },
    Replay {
        tasks: &'a [Id<Task>],
        payload: Option<&'a Value>,
    },
    Promote,
    Expire,
}

/// Everything that one transaction changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// New states.
    pub(super) states: Vec<Changed>,
    /// Parents whose counts moved.
    pub(super) parents: Vec<Changed>,
}

impl Engine {
    /// Runs an operation with all that follows from it (parents that end with their last child,
    /// events), in one transaction, and tells about it. Returns the first-hand changes.
    pub(super) async fn perform(&self, operation: Operation<'_>) -> Result<Vec<Changed>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_to_perform(&operation).await {
                Err(error) if tries < TRIES && gave_way(&error) => {}
                done => return done,
            }
        }
    }

    async fn try_to_perform(&self, operation: &Operation<'_>) -> Result<Vec<Changed>, Error> {
        let mut connection = self.inner.deps.db.write().await?;
        let (direct, all) = connection
            .transaction(async |connection| {
                let direct = self.apply(connection, operation).await?;
                let all = self.follow_up(connection, direct.clone()).await?;
                Ok::<_, Undo>((direct, all))
            })
            .await?;
        drop(connection);
        self.tell(&all.states);
        self.tell_progress(&all.parents);
        Ok(direct)
    }

    async fn apply(
        &self,
        connection: &mut Connection,
        operation: &Operation<'_>,
    ) -> Result<Vec<Changed>, Undo> {
        let now = self.now();
        match *operation {
            Operation::Enqueue {
                tasks,
                trace,
                outcomes,
            } => {
                let traces = vec![trace.map(str::to_owned); tasks.len()];
                let (changed, found) = self.insert(connection, tasks, traces).await?;
                *outcomes.lock() = found;
                Ok(changed)
            }
            Operation::Finish { ends, rests } => self.finish_in(connection, ends, rests).await,
            Operation::Release { leases } => Ok(db::lease::release(connection, leases).await?),
            Operation::Cancel { tasks } => self.cancel_in(connection, tasks).await,
            Operation::Replay { tasks, payload } => {
                self.replay_in(connection, tasks, payload).await
            }
            Operation::Promote => Ok(db::rescue::promote(connection, now).await?),
            Operation::Expire => Ok(db::rescue::expire(connection, now).await?),
        }
    }

    /// Counts ends for the parents, ends parents that have no more to wait for, and writes it all to
    /// the outbox.
    pub(super) async fn follow_up(
        &self,
        connection: &mut Connection,
        changed: Vec<Changed>,
    ) -> Result<Changes, Undo> {
        let now = self.now();
        let mut changes = Changes::default();
        let mut fresh = changed;
        for _ in 0..=DEPTH {
            let parents = deltas(&fresh);
            // A task whose own work has just ended may have nothing to wait for, either.
            let mut candidates: Vec<Id<Task>> = fresh
                .iter()
                .filter(|task| task.status == Status::Running)
                .map(|task| task.id)
                .collect();
            changes.states.append(&mut fresh);
            if !parents.is_empty() {
                changes
                    .parents
                    .extend(db::family::count(connection, &parents).await?);
                candidates.extend(parents.iter().map(|(id, _)| *id));
            }
            if candidates.is_empty() {
                break;
            }
            fresh = db::family::settle(connection, &candidates, now).await?;
        }
        self.emit(connection, &changes.states).await?;
        Ok(changes)
    }
}

fn deltas(changed: &[Changed]) -> Vec<(Id<Task>, Delta)> {
    let mut deltas: BTreeMap<Id<Task>, Delta> = BTreeMap::new();
    for task in changed.iter().filter(|task| task.status.is_final()) {
        if let Some(parent) = task.parent {
            let delta = deltas.entry(parent).or_default();
            delta.finished += 1;
            delta.failed += i32::from(task.status != Status::Succeeded);
        }
    }
    deltas.into_iter().collect()
}
