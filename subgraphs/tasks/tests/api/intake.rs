//! Tasks that other domains ask for.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    error::{Error, ErrorCode},
    id::{Id, Task},
    jobs::{NewTask, TaskOrder},
};
use atelier_tasks::NAME;
use atelier_testing::until;
use serde_json::json;

use crate::support::{World, admin, world};

fn request(task: &NewTask) -> TaskOrder {
    TaskOrder::Request(Box::new(task.clone()))
}

async fn take_in(world: &World, orders: &[TaskOrder]) {
    world.told_together("media", orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_twice_makes_one_task() {
    let world = world().await;
    let task = world.task(None);
    let event = world.event("media", &request(&task));
    for _ in 0..2 {
        world.consume(std::slice::from_ref(&event)).await.unwrap();
        take_in(&world, &[request(&task)]).await;
    }
    assert_eq!(
        world
            .lease(5)
            .await
            .iter()
            .map(|leased| leased.id)
            .collect::<Vec<_>>(),
        [task.id]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_are_taken_up_with_the_statements_of_one() {
    let world = world().await;
    let statements = async |orders: &[TaskOrder]| {
        let before = world.engine.deps().db.statements();
        take_in(&world, orders).await;
        world.engine.deps().db.statements() - before
    };
    let one = statements(&[request(&world.task(None))]).await;
    let tasks: Vec<NewTask> = (0..60).map(|_| world.task(None)).collect();
    let requests: Vec<TaskOrder> = tasks.iter().map(request).collect();
    assert_eq!(statements(&requests).await, one);
    assert_eq!(world.lease(100).await.len(), 61);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_cancellations_that_come_together_keep_their_order() {
    let world = world().await;
    let (kept, dropped) = (world.task(None), world.task(None));
    let twin = |task: &NewTask| NewTask {
        unique_key: Some("k".to_owned()),
        ..task.clone()
    };
    let (first, second) = (twin(&world.task(None)), twin(&world.task(None)));
    let orders = [
        request(&kept),
        request(&first),
        request(&dropped),
        TaskOrder::Cancel(dropped.id),
        TaskOrder::Cancel(first.id),
        request(&second),
    ];
    take_in(&world, &orders).await;
    for (task, status) in [
        (&kept, "QUEUED"),
        (&first, "CANCELLED"),
        (&dropped, "CANCELLED"),
        (&second, "QUEUED"),
    ] {
        assert_eq!(world.status(task.id).await, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_accepted_shows_as_an_ended_task() {
    let world = world().await;
    let oversize = NewTask {
        payload: json!("x".repeat(70_000)),
        ..world.task(None)
    };
    take_in(&world, &[request(&oversize)]).await;
    let unique = || NewTask {
        unique_key: Some("k".to_owned()),
        ..world.task(None)
    };
    let holder = world.enqueue(unique()).await;
    let duplicate = unique();
    take_in(&world, &[request(&duplicate)]).await;
    let query = "query($id: ID!) { task(id: $id) { status error { code message } } }";
    let read = async |id: Id<Task>| {
        world.data(&admin(&world), query, json!({"id": id})).await["task"].clone()
    };
    let refused = read(oversize.id).await;
    assert_eq!(
        (&refused["status"], &refused["error"]["code"]),
        (&json!("FAILED"), &json!("INVALID_TASK"))
    );
    let refused = read(duplicate.id).await;
    assert_eq!(
        (&refused["status"], &refused["error"]["code"]),
        (&json!("CANCELLED"), &json!("DUPLICATE"))
    );
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains(&holder.to_string())
    );
    assert_eq!(
        world.lease(5).await.len(),
        1,
        "only the holder of the key is worked on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_cancel_cancels() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    take_in(&world, &[TaskOrder::Cancel(id)]).await;
    assert_eq!(world.status(id).await, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_asked_for_in_a_transaction_comes_with_its_commit_only() {
    let mut world = world().await;
    world.start(&[NAME]);
    let (kept, lost) = (world.task(None), world.task(None));
    let deps = world.engine.deps().clone();
    let ask = async |task: &NewTask, commit: bool| {
        let done = deps.transaction(async |tx| {
            tx.enqueue(task.clone());
            if commit {
                Ok(())
            } else {
                Err(Error::new(ErrorCode::Unavailable))
            }
        });
        assert_eq!(done.await.is_ok(), commit);
    };
    ask(&lost, false).await;
    ask(&kept, true).await;
    until(async || world.status(kept.id).await == TaskStatus::Queued.as_str()).await;
    assert_eq!(world.status(lost.id).await, "none");
}
