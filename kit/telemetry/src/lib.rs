//! What a process sets up to be observed: logs, traces and metrics.
//!
//! [`init`] decides where log lines and spans go: lines for people or JSON for machines, on stderr
//! and (if wanted) in rotating files, and spans over OTLP. [`metrics`] records and serves what
//! Prometheus reads. Only a program's `main` and tests need any of it; what libraries call (the
//! catalog of names, propagation of traces, the summary line of a request) is
//! [`atelier_kit::telemetry`].

mod config;
mod log_files;
pub mod metrics;
mod otlp;
mod setup;

pub use config::{LogFile, LogFormat, Rotation, TelemetryConfig, TelemetryError};
pub use setup::{Guard, init};
