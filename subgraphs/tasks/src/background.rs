//! What the domain does by itself: due tasks, schedules, lost leases, estimates, forgetting.

use std::time::Duration;

use atelier_kit::{Background, error::Error};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;

/// How often the background work looks around.
#[derive(Debug, Clone)]
pub struct BackgroundConfig {
    /// For tasks and schedules that have fallen due: how late they may start.
    pub due: Duration,
    /// For leases that have run out.
    pub rescue: Duration,
    /// For the gauges.
    pub measure: Duration,
    /// For what can be learned about how long tasks take.
    pub learn: Duration,
    /// For what can be forgotten.
    pub sweep: Duration,
}

impl Default for BackgroundConfig {
    /// Half a second, one second, five seconds, half a minute, ten minutes.
    fn default() -> Self {
        Self {
            due: Duration::from_millis(500),
            rescue: Duration::from_secs(1),
            measure: Duration::from_secs(5),
            learn: Duration::from_secs(30),
            sweep: Duration::from_secs(600),
        }
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
