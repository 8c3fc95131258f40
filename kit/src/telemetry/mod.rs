//! What libraries contribute to logs, traces and metrics.
//!
//! [`request`] gives HTTP servers request ids, metrics and one summary line per request;
//! [`propagate`] carries a trace from process to process and into tasks; [`catalog`] lists every
//! log target and metric. Where all of it goes is decided once per process, by the crate
//! `atelier-telemetry`.
//!
//! Messages are constant, values are fields (`order.id`), errors are logged once, where they are
//! masked; secrets and personal data are never logged.

pub mod catalog;
pub mod propagate;
pub mod request;
