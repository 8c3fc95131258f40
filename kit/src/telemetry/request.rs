//! Request ids, HTTP metrics, a span and one summary line per request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use super::{catalog, propagate};

/// Header that carries the request id, in and out.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The status that nginx uses for "the client went away".
const CLIENT_CLOSED_REQUEST: u16 = 499;
const MAX_REQUEST_ID: usize = 64;

/// The id of a request: the caller's, if it sent a well-formed one, else a new one. Found in the
/// request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's id, if it has 1 to 64 of the characters `A-Z a-z 0-9 . _ -`.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(REQUEST_ID_HEADER)?.to_str().ok()?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        (1..=MAX_REQUEST_ID)
            .contains(&text.len())
            .then_some(text)
            .filter(|text| text.bytes().all(allowed))
            .map(|text| Self(text.into()))
    }

    /// A new id.
    #[expect(
        clippy::disallowed_methods,
        reason = "ids are for finding lines by; nothing is decided by them"
    )]
    pub fn generate() -> Self {
        Self(Uuid::now_v7().simple().to_string().into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What handlers add to the summary line of their request. Found in the request's extensions.
#[derive(Clone, Debug, Default)]
pub struct RequestSummary(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    operation: Option<String>,
    kind: Option<&'static str>,
    actor: Option<String>,
    errors: u64,
}

impl RequestSummary {
    /// The GraphQL operation's name (cut to 128 characters) and kind.
    pub fn operation(&self, name: Option<&str>, kind: &'static str) {
        let mut facts = self.0.lock();
        facts.operation = name.map(|name| name.chars().take(128).collect());
        facts.kind = Some(kind);
    }

    /// The id of the caller.
    pub fn actor(&self, id: impl Into<String>) {
        self.0.lock().actor = Some(id.into());
    }

    /// Adds to the number of errors in the response.
    pub fn errors(&self, count: u64) {
        self.0.lock().errors += count;
    }
}

/// Axum middleware (`axum::middleware::from_fn(record)`) for the routes that serve the API.
///
/// Put it on with `Router::layer`, so that the matched route is known: the `path` label is the
/// route, never the raw path, which callers could make up without end.
pub async fn record(mut request: Request, next: Next) -> Response {
    let id = RequestId::from_headers(request.headers()).unwrap_or_else(RequestId::generate);
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!(
        target: catalog::REQUEST,
        "http.request",
        otel.kind = "server",
        request.id = id.as_str(),
        http.request.method = %request.method(),
        http.route = %path,
        http.response.status_code = field::Empty,
        trace.id = field::Empty,
    );
    propagate::set_parent(&span, request.headers());
    if let Some(trace) = propagate::trace_id(&span) {
        span.record("trace.id", trace);
    }
    let summary = RequestSummary::default();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(summary.clone());

    let mut line = Line::begin(request.method().clone(), path, summary, span.clone());
    let mut response = next.run(request).instrument(span).await;
    line.status = response.status();
    drop(line);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

/// Writes the summary when it is dropped: a request whose client goes away is never finished.
struct Line {
    started: Instant,
    method: Method,
    path: String,
    status: StatusCode,
    summary: RequestSummary,
    span: Span,
}

impl Line {
    fn begin(method: Method, path: String, summary: RequestSummary, span: Span) -> Self {
        metrics::gauge!(catalog::HTTP_REQUESTS_IN_FLIGHT).increment(1);
        Self {
            started: Instant::now(),
            method,
            path,
            status: StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST),
            summary,
            span,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        metrics::gauge!(catalog::HTTP_REQUESTS_IN_FLIGHT).decrement(1);
        let labels = [
            ("path", self.path.clone()),
            ("method", method_label(&self.method).to_owned()),
            ("status", self.status.as_u16().to_string()),
        ];
        metrics::counter!(catalog::HTTP_REQUESTS, &labels).increment(1);
        metrics::histogram!(catalog::HTTP_REQUEST_DURATION, &labels).record(elapsed);

        self.span
            .record("http.response.status_code", self.status.as_u16());
        let facts = std::mem::take(&mut *self.summary.0.lock());
        let entered = self.span.enter();
        tracing::info!(
            target: catalog::REQUEST,
            status = self.status.as_u16(),
            duration_ms = elapsed.as_secs_f64() * 1000.0,
            graphql.operation = facts.operation,
            graphql.kind = facts.kind,
            actor.id = facts.actor,
            errors = facts.errors,
            "request"
        );
        drop(entered);
    }
}

/// Methods are free text, and callers must not be able to create time series with them.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
