//! Enqueuing tasks.

use atelier_kit::jobs::NewTask;
use atelier_tasks::engine::{Enqueued, Outcome};
use serde_json::{Value, json};

use crate::support::world;

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_makes_one_task() {
    let world = world().await;
    let task = world.task(None);
    assert_eq!(
        world
            .engine
            .enqueue(&[task.clone(), world.task(None)])
            .await
            .unwrap(),
        [Enqueued::Accepted; 2]
    );
    assert_eq!(
        world
            .engine
            .enqueue(std::slice::from_ref(&task))
            .await
            .unwrap(),
        [Enqueued::Known]
    );
    assert_eq!(world.lease(10).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_key_admits_one_unfinished_task() {
    let world = world().await;
    let unique = || NewTask {
        unique_key: Some("report:7".to_owned()),
        ..world.task(None)
    };
    let first = world.enqueue(unique()).await;
    assert_eq!(
        world.engine.enqueue(&[unique()]).await.unwrap(),
        [Enqueued::Duplicate(Some(first))]
    );
    let lease = world.lease(5).await;
    assert_eq!(lease.len(), 1);
    assert_eq!(
        world.engine.enqueue(&[unique()]).await.unwrap(),
        [Enqueued::Duplicate(Some(first))],
        "it is running"
    );
    world
        .engine
        .finish(vec![(lease[0].lease_id, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    assert_eq!(
        world.engine.enqueue(&[unique(), unique()]).await.unwrap()[0],
        Enqueued::Accepted,
        "it has finished"
    );
    assert_eq!(world.lease(5).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_out_of_bounds_are_refused_with_the_whole_batch() {
    let world = world().await;
    let faulty = [
        NewTask {
            payload: json!("x".repeat(64 * 1024)),
            ..world.task(None)
        },
        NewTask {
            payload: json!({"a": "\0"}),
            ..world.task(None)
        },
        NewTask {
            queue: "not a name".to_owned(),
            ..world.task(None)
        },
        NewTask {
            task_type: String::new(),
            ..world.task(None)
        },
        NewTask {
            max_attempts: 0,
            ..world.task(None)
        },
        NewTask {
            priority: 101,
            ..world.task(None)
        },
    ];
    for task in faulty {
        let refused = world
            .engine
            .enqueue(&[world.task(None), task.clone()])
            .await
            .unwrap_err();
        assert_eq!(refused.code().spec().name, "BAD_USER_INPUT", "{task:?}");
    }
    assert!(world.lease(10).await.is_empty(), "nothing was taken up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_task_waits_for_its_time() {
    let world = world().await;
    let run_at = world.deps().clock.now() + chrono::TimeDelta::seconds(60);
    let id = world
        .enqueue(NewTask {
            run_at: Some(run_at),
            ..world.task(None)
        })
        .await;
    assert_eq!(world.status(id).await, "SCHEDULED");
    world.advance(59);
    assert_eq!(world.engine.promote_due().await.unwrap(), 0);
    assert!(world.lease(1).await.is_empty());
    world.advance(1);
    assert_eq!(world.engine.promote_due().await.unwrap(), 1);
    assert_eq!(world.lease(1).await[0].id, id);
}
