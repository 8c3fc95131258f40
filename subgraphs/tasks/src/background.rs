//! What the domain does by itself: due tasks, schedules, lost leases, estimates, forgetting.

use std::time::Duration;

use atelier_kit::{
    Background,
    config::{Check, Problem, Span},
    error::Error,
    section,
};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;

section! {
    /// How often the background work looks around.
    #[derive(Debug, Clone)]
    pub struct BackgroundConfig in "tasks.background" {
        /// For tasks and schedules that have fallen due: how late they may start.
        pub due: Duration as Span = "500ms",
        /// For leases that have run out.
        pub rescue: Duration as Span = "1s",
        /// For the gauges.
        pub measure: Duration as Span = "5s",
        /// For what can be learned about how long tasks take.
        pub learn: Duration as Span = "30s",
        /// For what can be forgotten.
        pub sweep: Duration as Span = "10m",
    }
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Check for BackgroundConfig {
    fn check(&self) -> Result<(), Problem> {
        let periods = [
            ("due", self.due),
            ("rescue", self.rescue),
            ("measure", self.measure),
            ("learn", self.learn),
            ("sweep", self.sweep),
        ];
        for (key, period) in periods {
            Problem::unless(period >= Duration::from_millis(10), key, "at least 10ms")?;
        }
        Ok(())
    }
}

pub(crate) fn all(engine: &Engine, config: BackgroundConfig) -> Vec<Background> {
    vec![
        every(
            engine,
            config.due,
            "due tasks",
            |engine: Engine| async move {
                engine.promote_due().await?;
                engine.run_schedules().await.map(drop)
            },
        ),
        every(
            engine,
            config.rescue,
            "lost leases",
            |engine: Engine| async move { engine.rescue().await.map(drop) },
        ),
        every(
            engine,
            config.measure,
            "gauges",
            |engine: Engine| async move { engine.measure().await },
        ),
        every(
            engine,
            config.learn,
            "estimates",
            |engine: Engine| async move { engine.learn().await },
        ),
        every(
            engine,
            config.sweep,
            "old tasks",
            |engine: Engine| async move { engine.sweep().await.map(drop) },
        ),
    ]
}

/// Does `work` again and again until the process stops; what fails is done with the next round.
fn every<F, R>(engine: &Engine, period: Duration, name: &'static str, work: F) -> Background
where
    F: Fn(Engine) -> R + Send + 'static,
    R: Future<Output = Result<(), Error>> + Send,
{
    let engine = engine.clone();
    Box::new(move |stop: CancellationToken| {
        Box::pin(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(error) = work(engine.clone()).await {
                    tracing::warn!(target: "tasks", work = name, cause = error.cause_chain(), "background work failed");
                }
            }
        })
    })
}
