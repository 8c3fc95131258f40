//! What has to be done from time to time; any number of processes may do it at once.

use std::time::Duration;

use atelier_kit::{error::Error, telemetry::catalog};

use super::{Engine, operation::Operation};
use crate::db;

/// How far back to look when learning how long tasks take.
const LEARN_FROM: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Workers that were silent for so long are forgotten.
const FORGET_WORKERS: Duration = Duration::from_secs(24 * 60 * 60);

impl Engine {
    /// Queues tasks whose time has come. Returns how many.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn promote_due(&self) -> Result<usize, Error> {
        let mut promoted = 0;
        loop {
            let changed = self.perform(Operation::Promote).await?;
            promoted += changed.len();
            if changed.is_empty() {
                return Ok(promoted);
            }
        }
    }

    /// Takes tasks from workers whose leases have run out. Returns how many.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn rescue(&self) -> Result<usize, Error> {
        let mut rescued = 0;
        loop {
            let changed = self.perform(Operation::Expire).await?;
            rescued += changed.len();
            if changed.is_empty() {
                return Ok(rescued);
            }
            tracing::warn!(target: "tasks", count = changed.len(), "tasks were taken from workers that are not heard of");
        }
    }

    /// Forgets finished tasks and silent workers that are old enough, and cuts long logs. Returns how
    /// many tasks went.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let config = self.config();
        let (finished, failed) = (
            self.before(config.retention),
            self.before(config.dead_retention),
        );
        let silent = self.before(FORGET_WORKERS);
        let deps = self.deps();
        deps.statement(async |tx| Ok::<_, Error>(db::log::trim(tx).await?))
            .await?;
        deps.statement(async |tx| Ok::<_, Error>(db::worker::forget(tx, silent).await?))
            .await?;
        let mut swept = 0;
        loop {
            let gone = deps
                .statement(async |tx| {
                    Ok::<_, Error>(db::rescue::forget(tx, finished, failed).await?)
                })
                .await?;
            swept += gone;
            if gone == 0 {
                return Ok(swept);
            }
        }
    }

    /// Learns how long tasks of each type take, for estimates.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn learn(&self) -> Result<(), Error> {
        let (since, now) = (self.before(LEARN_FROM), self.now());
        self.deps()
            .statement(async |tx| Ok(db::task_type::learn(tx, since, now).await?))
            .await
            .map(|_: usize| ())
    }

    /// Sets the gauges: tasks at work, and tasks waiting by queue.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn measure(&self) -> Result<(), Error> {
        let mut connection = self.deps().read().await?;
        let queues = db::queue::list(&mut connection, None).await?;
        let running: i64 = queues.iter().map(|queue| queue.running).sum();
        metrics::gauge!(catalog::ACTIVE_GENERATION_TASKS).set(running as f64);
        for queue in queues {
            metrics::gauge!(catalog::TASKS_QUEUED, "queue" => queue.name).set(queue.queued as f64);
        }
        Ok(())
    }
}
