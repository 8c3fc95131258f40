//! One line, two metrics and a span per request.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};

use crate::request::{Summary, new_request_id};

/// Longer ids of clients are not taken over.
const MAX_ID: usize = 128;

/// The id a client or a proxy gave the request, or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok());
    match given {
        Some(id)
            if !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            id.into()
        }
        _ => new_request_id(),
    }
}

/// A request being answered.
pub(super) struct Observed {
    pub(super) id: Arc<str>,
    started: Instant,
    method: Method,
}

impl Observed {
    pub(super) fn new(method: Method, headers: &HeaderMap) -> Self {
        Self {
            id: request_id(headers),
            started: Instant::now(),
            method,
        }
    }

    /// Gives the answer the request's id, and tells the log and the metrics.
    pub(super) fn finish(self, path: &str, mut response: Response, summary: &Summary) -> Response {
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert("x-request-id", id);
        }
        let elapsed = self.started.elapsed();
        let status = response.status().as_u16();
        let labels = [
            ("path", path.to_owned()),
            ("method", self.method.to_string()),
            ("status", status.to_string()),
        ];
        metrics::counter!("http_requests_total", &labels).increment(1);
        metrics::histogram!("http_request_duration_seconds", &labels).record(elapsed);
        tracing::info!(
            target: "atelier_router::request",
            duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            request.id = %self.id,
            http.method = %self.method,
            http.path = path,
            http.status = status,
            graphql.operation = summary.operation.as_deref(),
            graphql.kind = summary.kind.map(|kind| kind.as_str()),
            graphql.fetches = summary.fetches,
            graphql.errors = summary.errors,
            "request answered"
        );
        response
    }
}
