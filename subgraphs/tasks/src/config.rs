//! How the domain behaves.

use std::time::Duration;

use atelier_kit::{
    config::{Check, Problem, Span},
    section,
};

use crate::engine::EngineConfig;

/// How the domain behaves.
#[derive(Debug, Clone, Default)]
pub struct TasksConfig {
    /// How tasks are treated.
    pub engine: EngineConfig,
    /// How often the background work looks around.
    pub background: BackgroundConfig,
}

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
        /// For what is left of deleted users.
        pub forget: Duration as Span = "30s",
        /// For what can be deleted.
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
            ("forget", self.forget),
            ("sweep", self.sweep),
        ];
        for (key, period) in periods {
            Problem::unless(period >= Duration::from_millis(10), key, "at least 10ms")?;
        }
        Ok(())
    }
}
