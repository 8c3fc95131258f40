//! How the domain behaves.

use std::time::Duration;

use crate::engine::EngineConfig;

/// How the domain behaves.
#[derive(Debug, Clone, Default)]
pub struct TasksConfig {
    /// How tasks are treated.
    pub engine: EngineConfig,
    /// How often the background work looks around.
    pub background: BackgroundConfig,
}

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
    /// For what is left of deleted users.
    pub forget: Duration,
    /// For what can be deleted.
    pub sweep: Duration,
}

impl Default for BackgroundConfig {
    /// Half a second, one second, five seconds, half a minute, half a minute, ten minutes.
    fn default() -> Self {
        Self {
            due: Duration::from_millis(500),
            rescue: Duration::from_secs(1),
            measure: Duration::from_secs(5),
            learn: Duration::from_secs(30),
            forget: Duration::from_secs(30),
            sweep: Duration::from_secs(600),
        }
    }
}
