//! Operations on tasks, and what follows from them for their parents: counts, progress, partial
//! success.

use std::collections::BTreeMap;

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::Error,
    id::{Id, Task},
    transaction::Tx,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Engine, Outcome, progress::Unsaved};
use crate::db::{
    self, Changed,
    family::{DEPTH, Delta},
};

/// What may be done to tasks in one transaction.
pub(super) enum Operation<'a> {
    Finish {
        ends: &'a [(Uuid, Outcome)],
        unsaved: &'a [Unsaved],
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
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    /// New states.
    pub(super) states: Vec<Changed>,
    /// Parents whose counts moved.
    pub(super) parents: Vec<Changed>,
}

impl Engine {
    /// Runs an operation with all that follows from it (parents that end with their last child,
    /// facts) in one transaction. Returns the first-hand changes.
    pub(super) async fn perform(&self, operation: Operation<'_>) -> Result<Vec<Changed>, Error> {
        let operation = &operation;
        self.deps()
            .transaction(async |tx| {
                let changed = self.apply(tx, operation).await?;
                self.follow_up(tx, changed.clone()).await?;
                Ok::<_, Error>(changed)
            })
            .await
    }

    async fn apply(&self, tx: &mut Tx, operation: &Operation<'_>) -> Result<Vec<Changed>, Error> {
        let now = self.now();
        match *operation {
            Operation::Finish { ends, unsaved } => self.finish_in(tx, ends, unsaved).await,
            Operation::Release { leases } => Ok(db::lease::release(tx, leases).await?),
            Operation::Cancel { tasks } => self.cancel_in(tx, tasks).await,
            Operation::Replay { tasks, payload } => self.replay_in(tx, tasks, payload).await,
            Operation::Promote => Ok(db::rescue::promote(tx, now).await?),
            Operation::Expire => Ok(db::rescue::expire(tx, now).await?),
        }
    }

    /// Counts ends for the parents, ends parents that have no more to wait for, and tells of it all.
    pub(super) async fn follow_up(&self, tx: &mut Tx, changed: Vec<Changed>) -> Result<(), Error> {
        let now = self.now();
        let mut changes = Changes::default();
        let mut fresh = changed;
        for _ in 0..=DEPTH {
            let parents = deltas(&fresh);
            // A task whose own work has just ended may have nothing to wait for, either.
            let mut candidates: Vec<Id<Task>> = fresh
                .iter()
                .filter(|task| task.status == TaskStatus::Running)
                .map(|task| task.id)
                .collect();
            changes.states.append(&mut fresh);
            if !parents.is_empty() {
                changes
                    .parents
                    .extend(db::family::count(tx, &parents).await?);
                candidates.extend(parents.iter().map(|(id, _)| *id));
            }
            if candidates.is_empty() {
                break;
            }
            fresh = db::family::settle(tx, &candidates, now).await?;
        }
        self.announce(tx, &changes);
        Ok(())
    }
}

fn deltas(changed: &[Changed]) -> Vec<(Id<Task>, Delta)> {
    let mut deltas: BTreeMap<Id<Task>, Delta> = BTreeMap::new();
    for task in changed.iter().filter(|task| task.status.is_final()) {
        if let Some(parent) = task.parent {
            let delta = deltas.entry(parent).or_default();
            delta.finished += 1;
            delta.failed += i32::from(task.status != TaskStatus::Succeeded);
        }
    }
    deltas.into_iter().collect()
}
