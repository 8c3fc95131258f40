//! Cancelling: at once where nobody works on the task; where somebody does, they are asked to stop,
//! and the task is taken from them when their lease ends.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::Error,
    id::{Id, Task},
    transaction::Tx,
};

use super::{Engine, operation::Operation};
use crate::db::{self, Changed, family::DEPTH};

impl Engine {
    /// Cancels tasks with all that descends from them. Finished ones stay as they are; the answer
    /// has those that changed.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn cancel(&self, tasks: &[Id<Task>]) -> Result<Vec<Changed>, Error> {
        self.perform(Operation::Cancel { tasks }).await
    }

    /// Cancels in the caller's transaction.
    ///
    /// # Errors
    /// Whatever the statements fail with; the transaction is lost then.
    pub async fn cancel_with(&self, tx: &mut Tx, tasks: &[Id<Task>]) -> Result<(), Error> {
        let changed = self.cancel_in(tx, tasks).await?;
        self.follow_up(tx, changed).await.map(drop)
    }

    pub(super) async fn cancel_in(
        &self,
        tx: &mut Tx,
        tasks: &[Id<Task>],
    ) -> Result<Vec<Changed>, Error> {
        let now = self.now();
        let family = db::family::descendants(tx, tasks).await?;
        let mut changed = Vec::new();
        // From the leaves up, the order in which ends lock, too.
        for depth in (0..=DEPTH).rev() {
            let generation: Vec<_> = family
                .iter()
                .filter(|member| member.depth == depth && member.unfinished)
                .map(|member| member.id)
                .collect();
            if !generation.is_empty() {
                changed.extend(db::cancel::cancel(tx, &generation, now).await?);
            }
        }
        self.stop_workers(tx, &changed);
        Ok(changed)
    }

    /// Lets workers look whether they are to stop after the commit, instead of at their next heartbeat.
    fn stop_workers(&self, tx: &mut Tx, changed: &[Changed]) {
        let running = changed
            .iter()
            .filter(|task| task.status == TaskStatus::Running);
        let running: Vec<_> = running.map(|task| task.id).collect();
        let engine = self.clone();
        tx.after_commit(move || engine.inner.wake.cancel(running));
    }
}
