//! Queues: they come to be with their first task, and can be paused.

use atelier_kit::error::Error;

use super::Engine;
use crate::db;

impl Engine {
    /// Makes sure that queues are listed; what is known costs nothing.
    pub(super) async fn know_queues<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let new: Vec<String> = {
            let known = self.inner.known_queues.lock();
            let mut new: Vec<String> = names
                .filter(|name| !known.contains(*name))
                .map(str::to_owned)
                .collect();
            new.sort_unstable();
            new.dedup();
            new
        };
        if new.is_empty() {
            return Ok(());
        }
        let now = self.now();
        self.deps()
            .statement(async |tx| Ok::<_, Error>(db::queue::ensure(tx, &new, now).await?))
            .await?;
        self.inner.known_queues.lock().extend(new);
        Ok(())
    }

    /// Pauses a queue: its tasks are not leased any more; those at work go on. `false` if there is no
    /// such queue.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn pause(&self, queue: &str) -> Result<bool, Error> {
        let now = Some(self.now());
        self.deps()
            .statement(async |tx| Ok(db::queue::set_paused(tx, queue, now).await?))
            .await
    }

    /// Resumes a queue and wakes its workers. `false` if there is no such queue.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn resume(&self, queue: &str) -> Result<bool, Error> {
        let found: Result<bool, Error> = self
            .deps()
            .statement(async |tx| Ok(db::queue::set_paused(tx, queue, None).await?))
            .await;
        self.inner.wake.wake([queue]);
        found
    }
}
