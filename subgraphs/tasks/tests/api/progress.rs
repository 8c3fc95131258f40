//! Progress: coalesced, the last value never lost.

use atelier_kit::{actor::Actor, delivery::Interest, stream::StreamItem};
use atelier_tasks::engine::{Leased, Outcome, ProgressUpdate, Report};
use atelier_testing::until;
use futures::StreamExt;
use serde_json::json;

use crate::support::{admin, world};

fn report(task: &Leased, progress: f64) -> Report {
    Report {
        task: task.id,
        lease: task.lease_id,
        revision: task.revision,
        attempt: task.attempt,
        started_at: task.started_at,
        progress: Some(progress),
        step: None,
        eta_ms: None,
        lines: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_progress_is_coalesced_and_its_end_arrives() {
    let world = world().await;
    let mut stream = world
        .engine
        .deps()
        .hub
        .subscribe("tasks:progress", None, Interest::All)
        .await
        .unwrap();
    world.enqueue(world.task(None)).await;
    let task = world.lease(1).await.remove(0);
    for n in 1..=1000 {
        world.engine.report(report(&task, f64::from(n) / 1000.0));
    }
    let mut told = Vec::new();
    while told.last() != Some(&1.0) {
        let Some(StreamItem::Entry(entry)) = stream.next().await else {
            panic!("entries come")
        };
        told.push(
            serde_json::from_slice::<ProgressUpdate>(&entry.payload)
                .unwrap()
                .progress,
        );
    }
    assert!(told.len() < 20, "{told:?}");
    assert!(told.is_sorted());
    let read = async || {
        let query = "query($id: ID!) { task(id: $id) { progress } }";
        world
            .data(&admin(&world), query, json!({"id": task.id}))
            .await["task"]["progress"]
            .clone()
    };
    until(async || read().await == 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_progress_of_a_failed_attempt_is_kept() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    let task = world.lease(1).await.remove(0);
    world.engine.report(Report {
        step: Some("upload".to_owned()),
        lines: vec!["a line\0".to_owned()],
        ..report(&task, 0.7)
    });
    let failed = Outcome::Failed {
        retry: false,
        code: "X".to_owned(),
        message: String::new(),
    };
    world
        .engine
        .finish(vec![(task.lease_id, failed)])
        .await
        .unwrap();
    let query = "query($id: ID!) { task(id: $id) { progress currentStep logs { line } steps { name status } } }";
    let task = world
        .data(&Actor::user(user, &[]), query, json!({"id": id}))
        .await["task"]
        .clone();
    let steps = json!([{"name": "upload", "status": "FAILED"}]);
    assert_eq!(
        task,
        json!({"progress": 0.7, "currentStep": "upload", "logs": [{"line": "a line"}], "steps": steps})
    );
}
