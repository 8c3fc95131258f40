//! Trying again what failed or was cancelled.

use std::collections::BTreeMap;

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::Error,
    id::{Id, Task},
    transaction::Tx,
};
use serde_json::Value;

use super::{Engine, operation::Operation};
use crate::db::{
    self, Changed,
    family::{DEPTH, Delta},
};

impl Engine {
    /// Queues failed and cancelled tasks again with all their attempts, with a new payload where one
    /// is given. A finished parent runs again until they end. The answer has those that are queued.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn replay(
        &self,
        tasks: &[Id<Task>],
        payload: Option<&Value>,
    ) -> Result<Vec<Changed>, Error> {
        let changed = self.perform(Operation::Replay { tasks, payload }).await?;
        Ok(changed
            .into_iter()
            .filter(|task| task.status == TaskStatus::Queued)
            .collect())
    }

    pub(super) async fn replay_in(
        &self,
        tx: &mut Tx,
        tasks: &[Id<Task>],
        payload: Option<&Value>,
    ) -> Result<Vec<Changed>, Error> {
        let ready = db::replay::lock(tx, tasks).await?;
        let queued = db::replay::requeue(tx, &ready, payload, self.now()).await?;
        let mut changed = queued.clone();
        let mut fresh = queued;
        for _ in 0..DEPTH {
            let mut deltas: BTreeMap<Id<Task>, Delta> = BTreeMap::new();
            for parent in fresh.iter().filter_map(|task| task.parent) {
                let delta = deltas.entry(parent).or_default();
                delta.finished -= 1;
                delta.failed -= 1;
            }
            if deltas.is_empty() {
                break;
            }
            let deltas: Vec<_> = deltas.into_iter().collect();
            db::family::count(tx, &deltas).await?;
            let parents: Vec<_> = deltas.iter().map(|(id, _)| *id).collect();
            fresh = db::family::reopen(tx, &parents).await?;
            changed.extend(fresh.iter().cloned());
        }
        Ok(changed)
    }

    /// The oldest dead letters of a queue and type, at most `limit`.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn dead_letters(
        &self,
        queue: Option<&str>,
        task_type: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Id<Task>>, Error> {
        let mut connection = self.deps().read().await?;
        Ok(db::replay::dead_letters(&mut connection, queue, task_type, limit).await?)
    }

    /// The children of a task that failed or were cancelled.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn failed_children(&self, parent: Id<Task>) -> Result<Vec<Id<Task>>, Error> {
        let mut connection = self.deps().read().await?;
        Ok(db::replay::failed_children(&mut connection, parent).await?)
    }
}
