//! Attempts that fail.

use atelier_kit::jobs::NewTask;
use atelier_tasks::engine::Outcome;
use serde_json::json;

use crate::support::{World, admin, world};

fn failed(retry: bool) -> Outcome {
    Outcome::Failed {
        retry,
        code: "BROKEN".to_owned(),
        message: "It broke.".to_owned(),
    }
}

async fn fail(world: &World, retry: bool) {
    let lease = world.lease(1).await[0].lease_id;
    assert_eq!(
        world
            .engine
            .finish(vec![(lease, failed(retry))])
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_tried_again_after_a_growing_wait() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    for (attempt, most) in [(1, 2), (2, 4), (3, 8)] {
        fail(&world, true).await;
        let query = "query($id: ID!) { task(id: $id) { status attempt error { code message attempt retrying } } }";
        let task = world.data(&admin(&world), query, json!({"id": id})).await["task"].clone();
        let error =
            json!({"code": "BROKEN", "message": "It broke.", "attempt": attempt, "retrying": true});
        assert_eq!(
            task,
            json!({"status": "RETRYING", "attempt": attempt, "error": error})
        );
        assert_eq!(
            world.engine.promote_due().await.unwrap(),
            0,
            "it waits at least half of {most} s"
        );
        world.advance(most);
        assert_eq!(
            world.engine.promote_due().await.unwrap(),
            1,
            "and at most {most} s"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_run_out() {
    let world = world().await;
    let id = world
        .enqueue(NewTask {
            max_attempts: 2,
            ..world.task(None)
        })
        .await;
    fail(&world, true).await;
    world.advance(10);
    world.engine.promote_due().await.unwrap();
    fail(&world, true).await;
    assert_eq!(world.status(id).await, "FAILED");
    world.advance(3600);
    assert_eq!(world.engine.promote_due().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_work_is_not_tried_again() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    fail(&world, false).await;
    assert_eq!(world.status(id).await, "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_tasks_are_forgotten_and_dead_letters_later() {
    let world = world().await;
    let (done, dead, waiting) = (
        world.enqueue(world.task(None)).await,
        world.task(None),
        world.task(None),
    );
    let lease = world.lease(1).await[0].lease_id;
    world
        .engine
        .finish(vec![(lease, Outcome::Succeeded(json!(1)))])
        .await
        .unwrap();
    let dead = world.enqueue(dead).await;
    fail(&world, false).await;
    let waiting = world.enqueue(waiting).await;
    world.advance(31 * 24 * 3600);
    assert_eq!(world.engine.sweep().await.unwrap(), 1);
    let statuses = [
        world.status(done).await,
        world.status(dead).await,
        world.status(waiting).await,
    ];
    assert_eq!(statuses, ["none", "FAILED", "QUEUED"]);
    world.advance(60 * 24 * 3600);
    assert_eq!(world.engine.sweep().await.unwrap(), 1);
    assert_eq!(world.status(dead).await, "none");
}
