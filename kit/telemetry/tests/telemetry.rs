//! What a process writes about itself: traces, summary lines, request ids, metrics.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use atelier_kit::telemetry::propagate;
use atelier_kit::telemetry::request::{REQUEST_ID_HEADER, RequestId, RequestSummary, record};
use atelier_telemetry::metrics;
use atelier_telemetry::{LogFile, LogFormat, Rotation, TelemetryConfig, TelemetryError, init};
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use futures::FutureExt;
use http::{HeaderMap, Request, StatusCode};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

const DEADLINE: Duration = Duration::from_secs(30);
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Log lines of one test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn read(&self) -> Vec<Value> {
        let bytes = self.0.lock().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn of_target(&self, target: &str) -> Vec<Value> {
        let mut lines = self.read();
        lines.retain(|line| line["target"] == target);
        lines
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A subscriber with traces and JSON lines, for one test only.
fn subscriber(lines: &Lines) -> impl tracing::Subscriber + Send + Sync + use<> {
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(lines.clone()),
        )
}

fn api() -> Router {
    let greet = async |Extension(summary): Extension<RequestSummary>| {
        summary.operation(Some("Greet"), "query");
        summary.actor("usr_1");
        summary.errors(2);
        "hello"
    };
    let parent = async || {
        let mut outgoing = HeaderMap::new();
        propagate::inject(&mut outgoing);
        let traceparent = &outgoing["traceparent"];
        traceparent.to_str().unwrap().to_owned()
    };
    Router::new()
        .route("/greet", get(greet))
        .route("/things/{id}", get(async |Path(_): Path<String>| "thing"))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/hangs", get(std::future::pending::<&'static str>))
        .route("/parent", get(parent))
        .layer(middleware::from_fn(record))
}

async fn call(request: http::request::Builder) -> (http::response::Parts, String) {
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = api().oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 1024).await.unwrap();
    (parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_request_leaves_exactly_one_summary_line() {
    let lines = Lines::default();
    let request = Request::get("/greet").header(REQUEST_ID_HEADER, "abc-123");
    call(request).with_subscriber(subscriber(&lines)).await;

    let summaries = lines.of_target("request");
    assert_eq!(summaries.len(), 1, "{summaries:?}");
    let line = &summaries[0];
    assert_eq!(line["message"], "request");
    assert_eq!(line["status"], 200);
    assert_eq!(line["graphql.operation"], "Greet");
    assert_eq!(line["graphql.kind"], "query");
    assert_eq!(line["actor.id"], "usr_1");
    assert_eq!(line["errors"], 2);
    assert!(line["duration_ms"].is_number());
    assert_eq!(line["span"]["request.id"], "abc-123");
    assert_eq!(line["span"]["http.route"], "/greet");
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_summed_up_too() {
    let lines = Lines::default();
    // Polled once, then dropped: the handler has begun and never answers.
    let cut_off = async { call(Request::get("/hangs")).now_or_never() };
    let answered = cut_off.with_subscriber(subscriber(&lines)).await;
    assert!(answered.is_none());
    let summaries = lines.of_target("request");
    assert_eq!(summaries.len(), 1);
    assert_eq!(summaries[0]["status"], 499);
}

#[tokio::test]
async fn a_request_id_is_kept_when_well_formed_and_made_up_otherwise() {
    let (parts, _) = call(Request::get("/greet").header(REQUEST_ID_HEADER, "Abc.12_3-x")).await;
    assert_eq!(parts.headers[REQUEST_ID_HEADER], "Abc.12_3-x");

    let too_long = "x".repeat(65);
    for bad in ["", "two words", "<script>", too_long.as_str()] {
        let (parts, _) = call(Request::get("/greet").header(REQUEST_ID_HEADER, bad)).await;
        let id = parts.headers[REQUEST_ID_HEADER].to_str().unwrap();
        assert_ne!(id, bad);
        assert!(RequestId::from_headers(&parts.headers).is_some(), "{id}");
    }
}

#[tokio::test]
async fn the_callers_trace_goes_on_in_outgoing_requests_and_log_lines() {
    let lines = Lines::default();
    let request = Request::get("/parent").header("traceparent", TRACEPARENT);
    let (_, outgoing) = call(request).with_subscriber(subscriber(&lines)).await;
    assert!(
        outgoing.starts_with(&format!("00-{TRACE_ID}-")),
        "{outgoing}"
    );
    // The next hop is a child of our span, not of our caller's.
    assert!(!outgoing.contains("b7ad6b7169203331"), "{outgoing}");
    let summaries = lines.of_target("request");
    assert_eq!(summaries[0]["span"]["trace.id"], TRACE_ID);
}

#[tokio::test]
async fn a_malformed_trace_begins_a_new_one() {
    for bad in [
        "garbage",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "",
    ] {
        let request = Request::get("/parent").header("traceparent", bad);
        let lines = Lines::default();
        let (_, outgoing) = call(request).with_subscriber(subscriber(&lines)).await;
        assert_eq!(outgoing.len(), TRACEPARENT.len());
        assert_ne!(outgoing, bad);
    }
}

#[test]
fn a_trace_can_be_stored_with_work_that_is_done_later() {
    let lines = Lines::default();
    tracing::subscriber::with_default(subscriber(&lines), || {
        let stored = {
            let request = tracing::info_span!("request");
            propagate::set_parent_text(&request, TRACEPARENT);
            request.in_scope(|| propagate::traceparent().unwrap())
        };
        let task = tracing::info_span!("task");
        propagate::set_parent_text(&task, &stored);
        assert_eq!(propagate::trace_id(&task).as_deref(), Some(TRACE_ID));

        let unrelated = tracing::info_span!("task");
        propagate::set_parent_text(&unrelated, "nonsense");
        assert_ne!(propagate::trace_id(&unrelated).as_deref(), Some(TRACE_ID));
    });
}

#[test]
fn without_tracing_nothing_is_propagated() {
    let mut headers = HeaderMap::new();
    propagate::inject(&mut headers);
    assert!(headers.is_empty());
    assert_eq!(propagate::traceparent(), None);
}

async fn scrape() -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = metrics::router(metrics::install())
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

/// The value of the time series whose line begins so.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_raw_path() {
    metrics::install();
    for id in ["1", "2", "3"] {
        call(Request::get(format!("/things/{id}"))).await;
    }
    call(Request::get("/broken")).await;
    call(Request::builder().method("BREW").uri("/broken")).await;

    let text = scrape().await;
    let things = r#"http_requests_total{path="/things/{id}",method="GET",status="200"}"#;
    assert_eq!(value(&text, things), Some(3.0), "{text}");
    let broken = r#"http_requests_total{path="/broken",method="GET",status="500"}"#;
    assert_eq!(value(&text, broken), Some(1.0), "{text}");
    assert!(
        !text.contains("BREW") && !text.contains("/things/1"),
        "{text}"
    );
    let duration = r#"http_request_duration_seconds_bucket{path="/things/{id}",method="GET",status="200",le="+Inf"}"#;
    assert_eq!(value(&text, duration), Some(3.0), "{text}");
    assert!(text.contains("# TYPE http_request_duration_seconds histogram"));
    assert!(text.contains("# HELP http_requests_total"));
}

#[tokio::test]
async fn metrics_can_be_installed_any_number_of_times() {
    metrics::install();
    ::metrics::gauge!("active_generation_tasks").set(7.0);
    metrics::install();
    let text = scrape().await;
    assert_eq!(
        value(&text, "active_generation_tasks "),
        Some(7.0),
        "{text}"
    );
}

#[tokio::test]
async fn a_process_sends_its_spans_to_the_collector_and_its_lines_to_files() {
    // A collector that keeps what it is sent.
    let (sender, mut batches) = mpsc::unbounded_channel::<(HeaderMap, Bytes)>();
    let collector = Router::new().route(
        "/v1/traces",
        post(async move |headers: HeaderMap, body: Bytes| {
            sender.send((headers, body)).unwrap();
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, collector).into_future());

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    for day in ["2020-01-01", "2020-01-02"] {
        let old = format!("logs/atelier-test.{day}.log");
        std::fs::write(dir.path().join(old), "{}\n").unwrap();
    }
    let config = TelemetryConfig {
        format: LogFormat::Json,
        filter: "info,noisy=error".to_owned(),
        file: Some(LogFile {
            dir: dir.path().join("logs"),
            rotation: Rotation::Daily,
            max_files: 3,
        }),
        otlp_endpoint: Some(format!("http://{address}")),
        service_name: "atelier-test".to_owned(),
        ..TelemetryConfig::default()
    };
    let guard = init(&config).unwrap();
    let again = init(&config).unwrap_err();
    assert!(
        matches!(again, TelemetryError::AlreadyInstalled),
        "{again:?}"
    );

    let span = tracing::info_span!("app.order.place", order.id = "ord_1");
    propagate::set_parent_text(&span, TRACEPARENT);
    span.in_scope(|| tracing::info!("order placed"));
    tracing::warn!(target: "noisy", "not wanted");
    drop(span);
    guard.shutdown().await;

    let trace = hex::decode(TRACE_ID).unwrap();
    let holds = |body: &[u8], wanted: &[u8]| body.windows(wanted.len()).any(|w| w == wanted);
    let arrived = async {
        loop {
            let (headers, body) = batches.recv().await.expect("the collector lives");
            if holds(&body, b"app.order.place") {
                break (headers, body);
            }
        }
    };
    let (headers, body) = timeout(DEADLINE, arrived).await.expect("spans in time");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert!(holds(&body, &trace) && holds(&body, b"atelier-test") && holds(&body, b"ord_1"));

    // The older of the two files that were there is compressed with the first line of today.
    let names = timeout(DEADLINE, async {
        loop {
            let names = log_files(&dir.path().join("logs"));
            if names.contains(&"atelier-test.2020-01-01.log.gz".to_owned())
                && !names.contains(&"atelier-test.2020-01-01.log".to_owned())
            {
                break names;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("compressed in time");
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(names[1], "atelier-test.2020-01-02.log");
    let today = dir.path().join("logs").join(&names[2]);
    let text = std::fs::read_to_string(today).unwrap();
    let line: Value = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["message"] == "order placed")
        .expect("the line is in the file");
    assert_eq!(line["span"]["order.id"], "ord_1");
    assert!(!text.contains("not wanted"));
}

/// The names of the files in `dir`, in order.
fn log_files(dir: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn bad_settings_are_told_before_anything_is_set_up() {
    let filter = TelemetryConfig {
        filter: "info,=,".to_owned(),
        ..TelemetryConfig::default()
    };
    let error = init(&filter).unwrap_err();
    assert!(matches!(error, TelemetryError::Filter { .. }), "{error:?}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let dir = TelemetryConfig {
        file: Some(LogFile {
            dir: file.path().join("below-a-file"),
            rotation: Rotation::Never,
            max_files: 1,
        }),
        ..TelemetryConfig::default()
    };
    let error = init(&dir).unwrap_err();
    assert!(matches!(error, TelemetryError::File { .. }), "{error:?}");
    assert!("yaml".parse::<LogFormat>().is_err());
}
