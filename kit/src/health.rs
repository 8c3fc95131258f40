//! Liveness and readiness, with one line per dependency.
//!
//! ```no_run
//! # fn example(redis: atelier_kit::redis::Redis, search: atelier_kit::db::Database) {
//! use atelier_kit::health::Health;
//!
//! let health = Health::new()
//!     .required("redis", move || {
//!         let redis = redis.clone();
//!         async move { redis.ping().await.map(drop) }
//!     })
//!     .optional("search", move || {
//!         let search = search.clone();
//!         async move { search.ping().await.map_err(|error| error.to_string()) }
//!     });
//! let routes = health.router();
//! # let _ = routes;
//! # }
//! ```

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::future::join_all;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::telemetry::catalog;

/// The longest time that one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is reused, so that probes cannot overload the dependencies.
const REUSE: Duration = Duration::from_millis(500);

type Failure = Box<dyn Error + Send + Sync>;
type CheckFuture = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

struct Check {
    name: &'static str,
    required: bool,
    run: Box<dyn Fn() -> CheckFuture + Send + Sync>,
}

/// The checks of a process. Set it up once, then share clones.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<Arc<Check>>,
    draining: Arc<AtomicBool>,
    last: Arc<Mutex<Option<(Instant, Readiness)>>>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.checks.iter().map(|check| check.name).collect();
        f.debug_struct("Health")
            .field("checks", &names)
            .finish_non_exhaustive()
    }
}

/// Whether a process can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All checks pass.
    Ready,
    /// Something optional is down.
    Degraded,
    /// Something required is down.
    Down,
    /// The process is about to stop and accepts no new work.
    Draining,
}

/// The answer of `/health/ready`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// The overall status.
    pub status: Status,
    /// The status of each dependency, in order of registration.
    pub checks: Vec<CheckReport>,
}

/// The state of one dependency.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Name of the dependency.
    pub name: &'static str,
    /// Whether the process cannot serve without it.
    pub required: bool,
    /// Whether it answered.
    pub up: bool,
    /// How long the answer took, in milliseconds.
    pub latency_ms: f64,
    /// What is wrong, in a few words: `failed` or `timeout`. Details are in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
}

impl Health {
    /// No checks: always ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency without which the process is not ready. Clones made
    /// earlier do not have it.
    #[must_use]
    pub fn required<C, F, E>(self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        self.with(name, true, check)
    }

    /// Adds a dependency without which the process is degraded but can still serve.
    #[must_use]
    pub fn optional<C, F, E>(self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        self.with(name, false, check)
    }

    fn with<C, F, E>(self, name: &'static str, required: bool, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        let run = Box::new(move || -> CheckFuture {
            let running = check();
            Box::pin(async move { running.await.map_err(Into::into) })
        });
        let mut health = self;
        health.checks.push(Arc::new(Check {
            name,
            required,
            run,
        }));
        health
    }

    /// Makes `/health/ready` fail from now on, so that load balancers stop sending new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Runs all checks at the same time, or returns an answer of the last half second.
    pub async fn readiness(&self) -> Readiness {
        let recent = self.last.lock().clone();
        let mut readiness = match recent {
            Some((at, readiness)) if at.elapsed() < REUSE => readiness,
            _ => {
                let checks = join_all(self.checks.iter().map(|check| run(check))).await;
                let readiness = Readiness {
                    status: overall(&checks),
                    checks,
                };
                *self.last.lock() = Some((Instant::now(), readiness.clone()));
                readiness
            }
        };
        if self.draining.load(Ordering::Acquire) {
            readiness.status = Status::Draining;
        }
        readiness
    }

    /// Like [`router`](Self::router), but without details, for anyone who can reach the process.
    pub fn public_router(&self) -> Router {
        let health = self.clone();
        Router::new()
            .route(
                "/health/live",
                get(async || Json(serde_json::json!({"status": "live"}))),
            )
            .route(
                "/health/ready",
                get(async move || {
                    let status = health.readiness().await.status;
                    (
                        http_status(status),
                        Json(serde_json::json!({ "status": status })),
                    )
                }),
            )
    }

    /// `GET /health/live` (200 while the process answers at all) and `GET /health/ready` (200, or
    /// 503 when something required is down or the process is draining).
    pub fn router(&self) -> Router {
        let health = self.clone();
        Router::new()
            .route(
                "/health/live",
                get(async || Json(serde_json::json!({"status": "live"}))),
            )
            .route(
                "/health/ready",
                get(async move || answer(health.readiness().await)),
            )
    }
}

fn answer(readiness: Readiness) -> Response {
    (http_status(readiness.status), Json(readiness)).into_response()
}

fn http_status(status: Status) -> StatusCode {
    match status {
        Status::Ready | Status::Degraded => StatusCode::OK,
        Status::Down | Status::Draining => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn overall(checks: &[CheckReport]) -> Status {
    if checks.iter().any(|check| check.required && !check.up) {
        Status::Down
    } else if checks.iter().any(|check| !check.up) {
        Status::Degraded
    } else {
        Status::Ready
    }
}

async fn run(check: &Check) -> CheckReport {
    let started = Instant::now();
    let problem = match timeout(CHECK_TIMEOUT, (check.run)()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, check = check.name, "health check failed");
            Some("failed")
        }
        Err(_) => {
            tracing::warn!(check = check.name, "health check timed out");
            Some("timeout")
        }
    };
    metrics::gauge!(catalog::HEALTH_CHECK_UP, "check" => check.name).set(if problem.is_none() {
        1.0
    } else {
        0.0
    });
    CheckReport {
        name: check.name,
        required: check.required,
        up: problem.is_none(),
        latency_ms: started.elapsed().as_secs_f64() * 1000.0,
        problem,
    }
}
