//! Every log target and metric of the kit, in one place.
//!
//! Prometheus learns what the metrics mean from [`METRICS`].

/// Log target of the one summary line per request.
pub const REQUEST: &str = "request";

/// What a metric does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric as Prometheus shows it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name, with its unit as suffix.
    pub name: &'static str,
    /// What it does over time.
    pub kind: Kind,
    /// What it means, with its labels.
    pub help: &'static str,
}

/// Declares the name constants and [`METRICS`] together, so that neither can be forgotten.
macro_rules! catalog {
    ($($constant:ident = $kind:ident $name:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &str = $name;
        )*
        /// All metrics of the kit.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, kind: Kind::$kind, help: $help },)*
        ];
    };
}

catalog! {
    HTTP_REQUESTS = Counter "http_requests_total",
        "HTTP requests answered, by path (route), method and status.";
    HTTP_REQUEST_DURATION = Histogram "http_request_duration_seconds",
        "Time to the response head in seconds, by path (route), method and status.";
    HTTP_REQUESTS_IN_FLIGHT = Gauge "http_requests_in_flight",
        "HTTP requests being answered.";
    GRAPHQL_REQUESTS = Counter "graphql_requests_total",
        "GraphQL operations, by subgraph, kind (query, mutation, subscription) and outcome.";
    GRAPHQL_REQUEST_DURATION = Histogram "graphql_request_duration_seconds",
        "Time per GraphQL query or mutation in seconds, by subgraph and kind.";
    GRAPHQL_ERRORS = Counter "graphql_errors_total",
        "Errors in GraphQL responses, by subgraph and code.";
    GRAPHQL_SUBSCRIPTIONS = Gauge "graphql_active_subscriptions",
        "Open GraphQL subscriptions, by subgraph.";
    ACTIVE_GENERATION_TASKS = Gauge "active_generation_tasks",
        "Tasks being worked on.";
    TASKS_QUEUED = Gauge "tasks_queued",
        "Tasks that could start now, by queue.";
    TASKS_FINISHED = Counter "tasks_finished_total",
        "Tasks that came to an end, by kind and outcome.";
    TASK_DURATION = Histogram "task_duration_seconds",
        "Time from lease to end in seconds, by kind.";
    DB_POOL_SIZE = Gauge "db_pool_connections",
        "Connections in the database pool, by domain and state (idle, used).";
    DB_POOL_WAITING = Gauge "db_pool_waiting",
        "Callers waiting for a database connection, by domain.";
    DB_POOL_WAIT = Histogram "db_pool_wait_seconds",
        "Time to get a database connection in seconds, by domain.";
    OUTBOX_PENDING = Gauge "outbox_pending",
        "Events committed but not yet published, by domain.";
    OUTBOX_PUBLISHED = Counter "outbox_published_total",
        "Events published, by domain.";
    OUTBOX_LAG = Gauge "outbox_lag_seconds",
        "Age of the oldest unpublished event in seconds, by domain.";
    STREAM_ENTRIES_APPENDED = Counter "stream_entries_appended_total",
        "Entries appended to event streams, by stream.";
    STREAM_ENTRIES_CONSUMED = Counter "stream_entries_consumed_total",
        "Entries finished by consumer groups, by stream, group and outcome (done, parked).";
    STREAM_SUBSCRIBERS = Gauge "stream_subscribers",
        "In-process followers of event streams.";
    STREAM_SUBSCRIBERS_LAGGED = Counter "stream_subscribers_lagged_total",
        "Followers that were dropped because entries went missing for them.";
    HEALTH_CHECK_UP = Gauge "health_check_up",
        "1 while a dependency answers, else 0, by check.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_prometheus_rules() {
        for metric in METRICS {
            let allowed = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(metric.name.chars().all(allowed), "{}", metric.name);
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{}", metric.name);
            if metric.kind == Kind::Histogram {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::HashSet<_> = METRICS.iter().map(|m| m.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }
}
