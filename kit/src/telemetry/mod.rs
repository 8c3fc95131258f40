//! Logs, traces and their names.
//!
//! [`init`] sets up what the whole process writes: lines for people or JSON for machines, on
//! stderr and (if wanted) in rotating files, and spans over OTLP. [`request`] gives HTTP servers
//! request ids, metrics and one summary line per request; [`propagate`] carries a trace from
//! process to process and into tasks; [`catalog`] lists every log target and metric.
//!
//! Messages are constant, values are fields (`order.id`), errors are logged once, where they are
//! masked; secrets and personal data are never logged.

pub mod catalog;
mod log_files;
mod otlp;
pub mod propagate;
pub mod request;
mod setup;

pub use setup::{Guard, LogFile, LogFormat, Rotation, TelemetryConfig, TelemetryError, init};
