//! Closed sets, as the database, the engine and the schema know them.

atelier_kit::text_enum! {
    /// What a schedule does about runs that were due while no process was there to start them. A run is
    /// missed when it is more than a minute late.
    pub enum MissedRuns {
        /// Skips them.
        Skip = "SKIP",
        /// Starts one run that stands for all of them.
        RunOnce = "RUN_ONCE",
        /// Starts each of them, up to 100 at a time.
        RunAll = "RUN_ALL",
    }
}
