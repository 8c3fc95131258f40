//! Taking up tasks.

use atelier_kit::{
    event::Event,
    id::{Id, Task},
    jobs::{NewTask, TASK_CANCEL_REQUESTED, TASK_REQUESTED, enqueue},
};
use atelier_tasks::engine::{Enqueued, Outcome, Status};
use diesel_async::AsyncConnection;
use serde_json::{Value, json};

use crate::support::{World, admin, until, world};

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
    let run_at = world.clock_now() + chrono::TimeDelta::seconds(60);
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

fn event(world: &World, topic: &str, payload: Value) -> Event {
    Event {
        id: world.engine.deps().new_uuid(),
        domain: "media".to_owned(),
        topic: topic.to_owned(),
        key: String::new(),
        concerns: Vec::new(),
        payload,
        trace: None,
        occurred_at: world.clock_now(),
    }
}

async fn take_in(world: &World, events: &[Event]) {
    let intake = world.subgraph.consumers.first().unwrap();
    let mut connection = world.engine.deps().db.write().await.unwrap();
    connection
        .transaction(async |connection| {
            intake
                .handle_all(connection, events)
                .await
                .map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))
        })
        .await
        .unwrap();
    intake.committed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_twice_makes_one_task() {
    let world = world().await;
    let task = world.task(None);
    let request = event(&world, TASK_REQUESTED, json!(task));
    take_in(&world, std::slice::from_ref(&request)).await;
    take_in(&world, std::slice::from_ref(&request)).await;
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
    let request = |task: &NewTask| event(&world, TASK_REQUESTED, json!(task));
    let statements = async |events: &[Event]| {
        let before = world.engine.deps().db.statements();
        take_in(&world, events).await;
        world.engine.deps().db.statements() - before
    };
    let one = statements(&[request(&world.task(None))]).await;
    let tasks: Vec<NewTask> = (0..60).map(|_| world.task(None)).collect();
    let requests: Vec<Event> = tasks.iter().map(request).collect();
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
    let request = |task: &NewTask| event(&world, TASK_REQUESTED, json!(task));
    let events = [
        request(&kept),
        request(&first),
        request(&dropped),
        event(&world, TASK_CANCEL_REQUESTED, json!([dropped.id, first.id])),
        request(&second),
    ];
    take_in(&world, &events).await;
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
    take_in(&world, &[event(&world, TASK_REQUESTED, json!(oversize))]).await;
    let unique = || NewTask {
        unique_key: Some("k".to_owned()),
        ..world.task(None)
    };
    let holder = world.enqueue(unique()).await;
    let duplicate = unique();
    take_in(&world, &[event(&world, TASK_REQUESTED, json!(duplicate))]).await;
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
    take_in(&world, &[event(&world, TASK_CANCEL_REQUESTED, json!([id]))]).await;
    assert_eq!(world.status(id).await, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_asked_for_in_a_transaction_comes_with_its_commit_only() {
    let mut world = world().await;
    world.start();
    let (kept, lost) = (world.task(None), world.task(None));
    let deps = world.engine.deps().clone();
    let ask = async |task: &NewTask, commit: bool| {
        let mut connection = deps.db.write().await.unwrap();
        let done: Result<(), diesel::result::Error> = connection
            .transaction(async |connection| {
                enqueue(connection, &deps, std::slice::from_ref(task))
                    .await
                    .map_err(|_| diesel::result::Error::RollbackTransaction)?;
                if commit {
                    Ok(())
                } else {
                    Err(diesel::result::Error::RollbackTransaction)
                }
            })
            .await;
        assert_eq!(done.is_ok(), commit);
    };
    ask(&lost, false).await;
    ask(&kept, true).await;
    until(async || world.status(kept.id).await == Status::Queued.as_str()).await;
    assert_eq!(world.status(lost.id).await, "none");
}
