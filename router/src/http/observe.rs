//! One line, two metrics and a span per request.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method};

use crate::config::Http;
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

/// Answers may hold tokens: nobody keeps them, or takes them for something else.
pub(super) fn protect(http: &Http, headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let cache = match http.cache_control.as_str() {
        "" => return,
        "no-store" => Ok(HeaderValue::from_static("no-store")),
        other => HeaderValue::from_str(other),
    };
    // Streams have one of their own.
    if let Ok(cache) = cache {
        headers.entry(CACHE_CONTROL).or_insert(cache);
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
    pub(super) fn finish(self, http: &Http, mut response: Response, summary: &Summary) -> Response {
        let path = http.path.as_str();
        protect(http, response.headers_mut());
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
