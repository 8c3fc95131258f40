//! Forgetting people whose accounts are gone.

use std::time::Duration;

use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};

use super::Engine;
use crate::db;

/// How long tasks of deleted people may still arrive: other domains' requests are in streams of their
/// own, which nothing orders after the word of the deletion.
const STRAGGLERS: Duration = Duration::from_secs(24 * 60 * 60);

impl Engine {
    /// Notes in the caller's transaction that accounts are gone: their workers and grants go with it,
    /// and their tasks soon after its commit ([`Engine::forget_deleted_users`]).
    ///
    /// # Errors
    /// Whatever the statements fail with; the transaction is lost then.
    pub async fn delete_users(&self, tx: &mut Tx, users: &[Id<User>]) -> Result<(), Error> {
        db::deleted_user::insert(tx, users, self.now()).await?;
        db::deleted_user::delete_workers(tx, users).await?;
        let engine = self.clone();
        tx.after_commit(move || {
            tokio::spawn(async move {
                // Should this fail, the background work does it.
                if let Err(error) = engine.forget_deleted_users().await {
                    tracing::warn!(target: "tasks", cause = error.cause_chain(), "the tasks of deleted users are not forgotten yet");
                }
            });
        });
        Ok(())
    }

    /// Cancels the unfinished tasks of deleted people, and takes from the finished ones whatever tells
    /// about their owners, in bounded batches. What is at work is told to stop, and forgotten in a
    /// later round. Returns how many tasks were forgotten.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer; what is done is done.
    pub async fn forget_deleted_users(&self) -> Result<usize, Error> {
        let deps = self.deps();
        loop {
            let unfinished = db::deleted_user::unfinished_tasks(&mut *deps.read().await?).await?;
            if unfinished.is_empty() || self.cancel(&unfinished).await?.is_empty() {
                break;
            }
        }
        let now = self.now();
        let mut forgotten = 0;
        loop {
            let anonymized: usize = deps
                .statement(async |tx| {
                    Ok::<_, Error>(db::deleted_user::anonymize_tasks(tx, now).await?)
                })
                .await?;
            forgotten += anonymized;
            if anonymized == 0 {
                break;
            }
        }
        let before = self.before(STRAGGLERS);
        deps.statement(async |tx| Ok::<_, Error>(db::deleted_user::forget(tx, before).await?))
            .await?;
        Ok(forgotten)
    }
}
