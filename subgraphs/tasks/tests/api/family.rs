//! Parents and children.

use atelier_kit::{
    id::{Id, Task},
    jobs::NewTask,
};
use atelier_tasks::engine::{EXPECTED_CHILDREN, GROUP_QUEUE, Outcome};
use serde_json::{Value, json};

use crate::support::{World, admin, world};

fn group(world: &World, expected: usize) -> NewTask {
    let payload = json!({ EXPECTED_CHILDREN: expected });
    NewTask {
        queue: GROUP_QUEUE.to_owned(),
        payload,
        ..world.task(None)
    }
}

fn child(world: &World, parent: Id<Task>) -> NewTask {
    NewTask {
        parent: Some(parent),
        max_attempts: 1,
        ..world.task(None)
    }
}

async fn end(world: &World, good: usize, bad: usize) {
    let leased = world.lease(good + bad).await;
    assert_eq!(leased.len(), good + bad);
    let outcome = |nth: usize| {
        if nth < good {
            Outcome::Succeeded(json!(nth))
        } else {
            Outcome::Failed {
                retry: true,
                code: "BAD".to_owned(),
                message: String::new(),
            }
        }
    };
    let ends = leased
        .iter()
        .enumerate()
        .map(|(nth, task)| (task.lease_id, outcome(nth)))
        .collect();
    world.engine.finish(ends).await.unwrap();
}

async fn parent(world: &World, id: Id<Task>) -> Value {
    let query = "query($id: ID!) { task(id: $id) { status progress childCounts { total waiting succeeded failed cancelled } } }";
    world.data(&admin(world), query, json!({"id": id})).await["task"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_ends_with_its_last_child_by_how_its_children_ended() {
    for (good, bad, status) in [
        (3, 0, "SUCCEEDED"),
        (2, 1, "PARTIALLY_SUCCEEDED"),
        (0, 3, "FAILED"),
    ] {
        let world = world().await;
        let whole = group(&world, 3);
        let mut family = vec![whole.clone()];
        family.extend((0..3).map(|_| child(&world, whole.id)));
        world.engine.enqueue(&family).await.unwrap();
        assert_eq!(parent(&world, whole.id).await["status"], "RUNNING");
        end(&world, good, bad).await;
        let ended = parent(&world, whole.id).await;
        assert_eq!(
            (&ended["status"], &ended["progress"]),
            (&json!(status), &json!(1.0))
        );
        let counts =
            json!({"total": 3, "waiting": 0, "succeeded": good, "failed": bad, "cancelled": 0});
        assert_eq!(ended["childCounts"], counts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_waits_for_children_that_are_announced_but_not_here() {
    let world = world().await;
    let whole = group(&world, 2);
    let id = world.enqueue(whole).await;
    world.enqueue(child(&world, id)).await;
    end(&world, 1, 0).await;
    let waiting = parent(&world, id).await;
    assert_eq!(
        (&waiting["status"], &waiting["progress"]),
        (&json!("RUNNING"), &json!(0.5))
    );
    world.enqueue(child(&world, id)).await;
    end(&world, 1, 0).await;
    assert_eq!(parent(&world, id).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_made_children_while_it_ran_waits_for_them() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let lease = world.lease(1).await[0].lease_id;
    world
        .engine
        .finish(vec![(
            lease,
            Outcome::Succeeded(json!({ EXPECTED_CHILDREN: 1 })),
        )])
        .await
        .unwrap();
    assert_eq!(world.status(id).await, "RUNNING");
    world.enqueue(child(&world, id)).await;
    end(&world, 1, 0).await;
    assert_eq!(world.status(id).await, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_the_whole_cancels_its_parts() {
    let world = world().await;
    let whole = group(&world, 3);
    let mut family = vec![whole.clone()];
    family.extend((0..3).map(|_| child(&world, whole.id)));
    world.engine.enqueue(&family).await.unwrap();
    let running = world.lease(1).await[0].lease_id;
    world.engine.cancel(&[whole.id]).await.unwrap();
    assert_eq!(
        world.status(whole.id).await,
        "RUNNING",
        "a part is still at work"
    );
    assert!(world.lease(5).await.is_empty());
    world
        .engine
        .finish(vec![(running, Outcome::Stopped)])
        .await
        .unwrap();
    let ended = parent(&world, whole.id).await;
    assert_eq!(
        (&ended["status"], &ended["childCounts"]["cancelled"]),
        (&json!("CANCELLED"), &json!(3))
    );
    let late = world.enqueue(child(&world, whole.id)).await;
    assert_eq!(
        world.status(late).await,
        "CANCELLED",
        "a part of a cancelled whole is not begun"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retrying_the_whole_retries_its_failed_parts() {
    let world = world().await;
    let whole = group(&world, 2);
    world
        .engine
        .enqueue(&[
            whole.clone(),
            child(&world, whole.id),
            child(&world, whole.id),
        ])
        .await
        .unwrap();
    end(&world, 1, 1).await;
    let retry = "mutation($id: ID!) { taskRetry(input: {id: $id}) { task { status } userErrors { code } } }";
    let data = world
        .data(&admin(&world), retry, json!({"id": whole.id}))
        .await;
    assert_eq!(data["taskRetry"]["task"]["status"], "RUNNING");
    end(&world, 1, 0).await;
    assert_eq!(world.status(whole.id).await, "SUCCEEDED");
    assert_eq!(
        world
            .refused(&admin(&world), retry, json!({"id": whole.id}))
            .await,
        ["NOT_RETRYABLE"]
    );
}
