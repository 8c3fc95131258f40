//! What is set up, and why it may fail.

use std::path::PathBuf;

/// How log lines look on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: one line each, coloured on a terminal.
    #[default]
    Pretty,
    /// For machines: one JSON object each.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(format!(
                "log format is \"pretty\" or \"json\", not {text:?}"
            )),
        }
    }
}

/// When a log file is closed and the next one begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Every hour.
    Hourly,
    /// Every day, UTC.
    #[default]
    Daily,
    /// Never.
    Never,
}

/// Log files, always JSON, in addition to stderr.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Directory, created if necessary.
    pub dir: PathBuf,
    /// When to begin a new file.
    pub rotation: Rotation,
    /// Files kept, compressed ones included; older ones are deleted. All but the newest two are
    /// compressed with gzip.
    pub max_files: usize,
}

/// What [`init`] sets up.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// Look of the lines on stderr.
    pub format: LogFormat,
    /// Levels by target, such as `info,atelier_kit=debug` (syntax of `tracing_subscriber`).
    pub filter: String,
    /// Log files, in addition to stderr.
    pub file: Option<LogFile>,
    /// Base URL of an OTLP/HTTP collector, such as `http://127.0.0.1:4318`; plain HTTP.
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that are recorded, 0 to 1. A caller's decision takes precedence.
    pub sample_ratio: f64,
    /// Name of this process in traces and of its log files.
    pub service_name: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            filter: "info".to_owned(),
            file: None,
            otlp_endpoint: None,
            sample_ratio: 1.0,
            service_name: "atelier".to_owned(),
        }
    }
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("invalid log filter {filter:?}")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The log directory cannot be written.
    #[error("cannot write log files in {}", dir.display())]
    File {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The OTLP exporter cannot be built.
    #[error("invalid OTLP set-up")]
    Otlp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// OTLP was asked for outside a Tokio runtime.
    #[error("OTLP needs a Tokio runtime")]
    NoRuntime,
    /// Logging has already been set up in this process.
    #[error("logging is already set up in this process")]
    AlreadyInstalled,
}
