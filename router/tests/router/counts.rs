//! What the router counts of its own work. Counts on the thread of the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts documents parsed and operations planned.
#[derive(Default)]
pub struct Counts {
    parsed: Arc<metrics::atomics::AtomicU64>,
    planned: Arc<Planned>,
}

#[derive(Default)]
struct Planned(AtomicUsize);

impl metrics::HistogramFn for Planned {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl metrics::Recorder for Counts {
    fn describe_counter(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }

    fn describe_gauge(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }

    fn describe_histogram(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        match key.name() {
            "graphql_documents_parsed_total" => {
                metrics::Counter::from_arc(Arc::clone(&self.parsed))
            }
            _ => metrics::Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::noop()
    }

    fn register_histogram(
        &self,
        key: &metrics::Key,
        _: &metrics::Metadata<'_>,
    ) -> metrics::Histogram {
        match key.name() {
            "graphql_planning_seconds" => metrics::Histogram::from_arc(Arc::clone(&self.planned)),
            _ => metrics::Histogram::noop(),
        }
    }
}

impl Counts {
    pub fn now(&self) -> (u64, usize) {
        let parsed = self.parsed.load(Ordering::SeqCst);
        (parsed, self.planned.0.load(Ordering::SeqCst))
    }
}
