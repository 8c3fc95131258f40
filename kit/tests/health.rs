//! What load balancers and people see under `/health`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atelier_kit::health::{Health, Status};
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt;

async fn get(health: &Health, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = health.router().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn fine() -> Result<(), std::io::Error> {
    Ok(())
}

async fn broken() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("password=hunter2 refused"))
}

#[tokio::test]
async fn a_process_is_ready_when_all_its_dependencies_answer() {
    let health = Health::new()
        .required("postgres", fine)
        .optional("s3", fine);
    let (status, body) = get(&health, "/health/ready").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["status"], "ready");
    assert_eq!(body["checks"][0]["name"], "postgres");
    assert_eq!(body["checks"][0]["up"], true);
    assert!(body["checks"][0]["latencyMs"].is_number());
    assert_eq!(body["checks"][1]["required"], false);
}

#[tokio::test]
async fn losing_something_required_makes_it_unready_but_not_dead() {
    let health = Health::new()
        .required("postgres", broken)
        .required("redis", fine);
    let (status, body) = get(&health, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["status"], "down");
    assert_eq!(body["checks"][0]["problem"], "failed");
    assert_eq!(body["checks"][1]["up"], true);

    let (status, _) = get(&health, "/health/live").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn losing_something_optional_only_degrades_it() {
    let health = Health::new().required("redis", fine).optional("s3", broken);
    let (status, body) = get(&health, "/health/ready").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["status"], "degraded");
}

#[tokio::test]
async fn the_reason_of_a_failure_is_not_shown_to_the_public() {
    let health = Health::new().required("postgres", broken);
    let (_, body) = get(&health, "/health/ready").await;
    assert!(!body.to_string().contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_counts_as_down_and_holds_up_no_other() {
    let health = Health::new()
        .required("slow", std::future::pending::<Result<(), std::io::Error>>)
        .required("slower", std::future::pending::<Result<(), std::io::Error>>)
        .required("redis", fine);
    let started = Instant::now();
    let readiness = health.readiness().await;
    assert_eq!(readiness.status, Status::Down);
    assert_eq!(readiness.checks[0].problem, Some("timeout"));
    assert!(readiness.checks[2].up);
    // In virtual time: the two that hang were waited for together, not one after the other.
    assert_eq!(started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn probes_in_quick_succession_ask_the_dependency_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let health = Health::new().required("redis", move || {
        counter.fetch_add(1, Ordering::Relaxed);
        fine()
    });
    for _ in 0..100 {
        health.readiness().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    tokio::time::advance(Duration::from_secs(1)).await;
    health.readiness().await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_draining_process_asks_for_no_more_work() {
    let health = Health::new().required("redis", fine);
    assert_eq!(health.readiness().await.status, Status::Ready);
    health.clone().drain();
    let (status, body) = get(&health, "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["status"], "draining");
}
