//! Cancelling, wherever a task stands.

use std::time::Duration;

use atelier_kit::{
    actor::Actor,
    id::{Id, Task},
    jobs::NewTask,
};
use atelier_tasks::engine::Outcome;
use serde_json::{Value, json};

use crate::support::{World, world};

const CANCEL: &str = "mutation($id: ID!) { taskCancel(input: {id: $id}) { task { status cancelRequested } userErrors { code } } }";

async fn cancel(world: &World, actor: &Actor, id: Id<Task>) -> Value {
    world.data(actor, CANCEL, json!({"id": id})).await["taskCancel"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_is_cancelled_at_once() {
    let world = world().await;
    let user = world.user();
    let actor = Actor::user(user, &[]);
    let retrying = world.enqueue(world.task(Some(user))).await;
    let lease = world.lease(1).await[0].lease_id;
    let failed = Outcome::Failed {
        retry: true,
        code: "X".to_owned(),
        message: String::new(),
    };
    world.engine.finish(vec![(lease, failed)]).await.unwrap();
    let queued = world.enqueue(world.task(Some(user))).await;
    let run_at = Some(world.deps().clock.now() + chrono::TimeDelta::hours(1));
    let scheduled = world
        .enqueue(NewTask {
            run_at,
            ..world.task(Some(user))
        })
        .await;
    for id in [queued, scheduled, retrying] {
        assert_eq!(
            cancel(&world, &actor, id).await["task"]["status"],
            "CANCELLED"
        );
        let again = world.refused(&actor, CANCEL, json!({"id": id})).await;
        assert_eq!(again, ["ALREADY_FINISHED"]);
    }
    world.advance(7200);
    world.engine.promote_due().await.unwrap();
    assert!(world.lease(5).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_task_is_asked_to_stop() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    let lease = world.lease(1).await[0].lease_id;
    let asked = cancel(&world, &Actor::user(user, &[]), id).await;
    assert_eq!(
        asked["task"],
        json!({"status": "RUNNING", "cancelRequested": true})
    );
    let held = world
        .engine
        .heartbeat(&[lease], Duration::from_secs(30))
        .await
        .unwrap();
    assert!(held[0].cancel_requested);
    world
        .engine
        .finish(vec![(lease, Outcome::Stopped)])
        .await
        .unwrap();
    assert_eq!(world.status(id).await, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_will_not_listen_loses_the_task_at_the_end_of_its_lease() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    let lease = world.lease(1).await[0].lease_id;
    cancel(&world, &Actor::user(user, &[]), id).await;
    world.advance(20);
    assert_eq!(
        world
            .engine
            .heartbeat(&[lease], Duration::from_secs(30))
            .await
            .unwrap()
            .len(),
        1
    );
    world.advance(11);
    world.engine.rescue().await.unwrap();
    assert_eq!(
        world.status(id).await,
        "CANCELLED",
        "the heartbeat did not extend the lease"
    );
    assert!(
        world
            .engine
            .finish(vec![(lease, Outcome::Succeeded(json!(1)))])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.status(id).await, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_that_fails_is_not_tried_again_and_one_that_is_done_is_done() {
    let world = world().await;
    let user = world.user();
    let failed = Outcome::Failed {
        retry: true,
        code: "X".to_owned(),
        message: String::new(),
    };
    for (outcome, status) in [
        (failed, "CANCELLED"),
        (Outcome::Succeeded(json!(1)), "SUCCEEDED"),
    ] {
        let id = world.enqueue(world.task(Some(user))).await;
        let lease = world.lease(1).await[0].lease_id;
        cancel(&world, &Actor::user(user, &[]), id).await;
        world.engine.finish(vec![(lease, outcome)]).await.unwrap();
        assert_eq!(world.status(id).await, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_task_cannot_be_cancelled_and_nobody_cancels_anothers() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    assert_eq!(
        world
            .refused(
                &Actor::user(world.user(), &["worker"]),
                CANCEL,
                json!({"id": id})
            )
            .await,
        ["NOT_FOUND"]
    );
    assert_eq!(
        world
            .refused(&Actor::anonymous(), CANCEL, json!({"id": id}))
            .await,
        ["UNAUTHENTICATED"]
    );
    assert_eq!(world.status(id).await, "QUEUED");
    let lease = world.lease(1).await[0].lease_id;
    world
        .engine
        .finish(vec![(lease, Outcome::Succeeded(json!(1)))])
        .await
        .unwrap();
    assert_eq!(
        world
            .refused(&Actor::user(user, &[]), CANCEL, json!({"id": id}))
            .await,
        ["ALREADY_FINISHED"]
    );
    assert_eq!(world.status(id).await, "SUCCEEDED");
}
