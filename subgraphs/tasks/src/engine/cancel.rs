//! Cancelling: at once where nobody works on the task; where somebody does, they are asked to stop,
//! and the task is taken from them when their lease ends.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, Task},
};

use super::{Engine, Status, Undo, family::Operation};
use crate::db::{self, Changed, family::DEPTH};

impl Engine {
    /// Cancels tasks with all that descends from them. Finished ones stay as they are; the answer
    /// has those that changed.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn cancel(&self, tasks: &[Id<Task>]) -> Result<Vec<Changed>, Error> {
        let changed = self.perform(Operation::Cancel { tasks }).await?;
        self.ask_to_stop(&changed);
        Ok(changed)
    }

    /// Cancels in the caller's transaction. Call [`Engine::taken_up`] and [`Engine::ask_to_stop`]
    /// after the commit.
    ///
    /// # Errors
    /// Whatever the statements fail with; the transaction is lost then.
    pub async fn cancel_with(
        &self,
        connection: &mut Connection,
        tasks: &[Id<Task>],
    ) -> Result<Vec<Changed>, Error> {
        let changed = self
            .cancel_in(connection, tasks)
            .await
            .map_err(Error::from)?;
        Ok(self
            .follow_up(connection, changed)
            .await
            .map_err(Error::from)?
            .states)
    }

    /// Tells workers to look whether they are to stop, instead of waiting for their next heartbeat.
    pub fn ask_to_stop(&self, changed: &[Changed]) {
        self.inner.wake.cancel(
            changed
                .iter()
                .filter(|task| task.status == Status::Running)
                .map(|task| task.id)
                .collect(),
        );
    }

    pub(super) async fn cancel_in(
        &self,
        connection: &mut Connection,
        tasks: &[Id<Task>],
    ) -> Result<Vec<Changed>, Undo> {
        let now = self.now();
        let family = db::family::descendants(connection, tasks).await?;
        let mut changed = Vec::new();
        // From the leaves up, the order in which ends lock, too.
        for depth in (0..=DEPTH).rev() {
            let generation: Vec<_> = family
                .iter()
                .filter(|member| member.depth == depth && member.unfinished)
                .map(|member| member.id)
                .collect();
            if !generation.is_empty() {
                changed.extend(db::cancel::cancel(connection, &generation, now).await?);
            }
        }
        Ok(changed)
    }
}
