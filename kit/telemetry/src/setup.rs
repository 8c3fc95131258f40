//! Setting up logs and traces.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, TelemetryConfig, TelemetryError};
use crate::log_files::LogWriter;
use crate::otlp;

/// Longest wait for the last spans to leave.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Keeps logs and traces flowing; what is still buffered is written when it is dropped, so hold
/// it until the end of `main`.
#[must_use = "logs stop when the guard is dropped"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
    writers: Vec<WorkerGuard>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Guard {
    /// Sends what is left (for at most three seconds) without blocking the runtime. Prefer it
    /// over dropping where the process still runs Tokio.
    pub async fn shutdown(mut self) {
        if let Some(provider) = self.provider.take() {
            let flushed = tokio::task::spawn_blocking(move || {
                provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)
            });
            if !matches!(flushed.await, Ok(Ok(()))) {
                tracing::warn!("the last spans could not be sent");
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            // There is nobody left to report to.
            let _ = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
        }
        flush(std::mem::take(&mut self.writers));
    }
}

/// Writes the last lines. If stderr is a pipe that nobody reads, that never ends, and if it is
/// closed, reporting so panics; neither must keep the process from ending.
fn flush(writers: Vec<WorkerGuard>) {
    let (done, flushed) = std::sync::mpsc::channel();
    let flushing = std::thread::Builder::new()
        .name("last-lines".to_owned())
        .spawn(move || {
            drop(writers);
            let _ = done.send(());
        });
    if flushing.is_ok() {
        let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// The spans that are traced: those of Atelier, and every SQL statement.
const TRACED: &str = "info,sql=debug,hyper=off,h2=off,tower=off,reqwest=off";

/// Sets up logging and tracing for the whole process, once.
///
/// # Errors
/// [`TelemetryError`]; nothing has been set up then.
pub fn init(config: &TelemetryConfig) -> Result<Guard, TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|source| TelemetryError::Filter {
        filter: config.filter.clone(),
        source,
    })?;
    let mut writers = Vec::new();
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();

    let (stderr, writer) = tracing_appender::non_blocking(std::io::stderr());
    writers.push(writer);
    layers.push(console(config.format, stderr));

    if let Some(file) = &config.file {
        let (appender, writer) =
            tracing_appender::non_blocking(LogWriter::open(file, &config.service_name)?);
        writers.push(writer);
        layers.push(json(appender));
    }

    let provider = match &config.otlp_endpoint {
        None => None,
        Some(endpoint) => Some(otlp::provider(
            endpoint,
            &config.service_name,
            config.sample_ratio,
        )?),
    };
    // Traces have levels of their own, independent of those of the log.
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("atelier"))
            .with_filter(EnvFilter::new(TRACED))
    });

    tracing_subscriber::registry()
        .with(layers.with_filter(filter))
        .with(traces)
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    Ok(Guard { provider, writers })
}

fn console<S>(format: LogFormat, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Json => json(writer),
        LogFormat::Pretty => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            tracing_subscriber::fmt::layer()
                // Failures to write are not reported to stderr, which may be what is gone.
                .log_internal_errors(false)
                .with_ansi(colours)
                .with_writer(writer)
                .boxed()
        }
    }
}

fn json<S>(writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
        .boxed()
}
