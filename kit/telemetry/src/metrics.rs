//! Prometheus metrics of the process.
//!
//! Code records with the macros of crate `metrics` and the names in
//! [`atelier_kit::telemetry::catalog`]; [`install`] makes the records visible, [`router`] serves them.

use std::sync::OnceLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use atelier_kit::telemetry::catalog::{Kind, METRICS};

/// Upper bounds of the histogram buckets, in seconds: from a cache hit to a slow render.
const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0, 1800.0,
];

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// The process's recorded metrics; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// All metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        // Moves recorded samples into the buckets, which nothing else does between scrapes.
        self.handle.run_upkeep();
        self.handle.render()
    }
}

/// Starts recording. Only the first call has an effect; all calls return the same metrics.
pub fn install() -> Metrics {
    INSTALLED
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let recorder = match builder.set_buckets(BUCKETS) {
                Ok(builder) => builder,
                // Only an empty list of buckets is refused.
                Err(_) => PrometheusBuilder::new(),
            }
            .build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed, /metrics will be empty");
            }
            describe();
            Metrics { handle }
        })
        .clone()
}

/// Serves `GET /metrics`. Not for the public: serve it on an internal address.
pub fn router(metrics: Metrics) -> Router {
    Router::new().route(
        "/metrics",
        get(async move || {
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                metrics.render(),
            )
        }),
    )
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}
