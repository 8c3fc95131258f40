//! Dead letters, retries, priorities.

use atelier_kit::{
    actor::Actor,
    id::{Id, Task},
    jobs::NewTask,
};
use atelier_tasks::engine::Outcome;
use serde_json::json;

use crate::support::{World, admin, world};

const REPLAY: &str = "mutation($input: TasksDeadLetterReplayInput!) { tasksDeadLetterReplay(input: $input) { tasks { id } userErrors { code } } }";

async fn dead(world: &World, task: NewTask) -> Id<Task> {
    let id = world.enqueue(task).await;
    let lease = world.lease(1).await[0].lease_id;
    let failed = Outcome::Failed {
        retry: false,
        code: "BAD".to_owned(),
        message: String::new(),
    };
    world.engine.finish(vec![(lease, failed)]).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_with_all_attempts_and_a_mended_payload() {
    let world = world().await;
    let id = dead(&world, world.task(None)).await;
    let input = json!({"ids": [id], "payload": {"n": 2}});
    let data = world
        .data(&admin(&world), REPLAY, json!({"input": input}))
        .await;
    assert_eq!(data["tasksDeadLetterReplay"]["tasks"], json!([{"id": id}]));
    let leased = &world.lease(1).await[0];
    assert_eq!(
        (leased.id, leased.attempt, &leased.payload),
        (id, 1, &json!({"n": 2}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_selected_by_type() {
    let world = world().await;
    let other = dead(
        &world,
        NewTask {
            task_type: "test.other".to_owned(),
            ..world.task(None)
        },
    )
    .await;
    let id = dead(&world, world.task(None)).await;
    let data = world
        .data(
            &admin(&world),
            REPLAY,
            json!({"input": {"type": "test.work"}}),
        )
        .await;
    assert_eq!(data["tasksDeadLetterReplay"]["tasks"], json!([{"id": id}]));
    assert_eq!(world.status(other).await, "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_is_for_administrators_and_bounded() {
    let world = world().await;
    let user = world.user();
    let id = dead(&world, world.task(Some(user))).await;
    assert_eq!(
        world
            .refused(
                &Actor::user(user, &[]),
                REPLAY,
                json!({"input": {"ids": [id]}})
            )
            .await,
        ["FORBIDDEN"]
    );
    for input in [
        json!({"limit": 0}),
        json!({"limit": 1001}),
        json!({"payload": {}}),
    ] {
        assert_eq!(
            world
                .refused(&admin(&world), REPLAY, json!({"input": input}))
                .await,
            ["INVALID_INPUT"]
        );
    }
    let large = json!({"ids": [id], "payload": "x".repeat(70_000)});
    assert_eq!(
        world
            .refused(&admin(&world), REPLAY, json!({"input": large}))
            .await,
        ["PAYLOAD_TOO_LARGE"]
    );
    assert_eq!(world.status(id).await, "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_retries_what_failed_and_nothing_else() {
    let world = world().await;
    let user = world.user();
    let retry = "mutation($id: ID!) { taskRetry(input: {id: $id}) { task { status attempt } userErrors { code } } }";
    let id = dead(&world, world.task(Some(user))).await;
    assert_eq!(
        world
            .refused(&Actor::user(world.user(), &[]), retry, json!({"id": id}))
            .await,
        ["NOT_FOUND"]
    );
    let data = world
        .data(&Actor::user(user, &[]), retry, json!({"id": id}))
        .await;
    assert_eq!(
        data["taskRetry"]["task"],
        json!({"status": "QUEUED", "attempt": 0})
    );
    assert_eq!(
        world
            .refused(&Actor::user(user, &[]), retry, json!({"id": id}))
            .await,
        ["NOT_RETRYABLE"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_task_is_not_replayed_beside_its_successor() {
    let world = world().await;
    let unique = || NewTask {
        unique_key: Some("k".to_owned()),
        ..world.task(None)
    };
    let id = dead(&world, unique()).await;
    world.enqueue(unique()).await;
    let data = world
        .data(&admin(&world), REPLAY, json!({"input": {"ids": [id]}}))
        .await;
    assert_eq!(data["tasksDeadLetterReplay"]["tasks"], json!([]));
    assert_eq!(world.status(id).await, "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_a_task_urgent() {
    let world = world().await;
    let user = world.user();
    world.enqueue(world.task(Some(user))).await;
    world.advance(1);
    let id = world.enqueue(world.task(Some(user))).await;
    let set = "mutation($id: ID!, $to: Int!) { taskPrioritySet(input: {id: $id, priority: $to}) { task { priority } userErrors { code } } }";
    assert_eq!(
        world
            .refused(&Actor::user(user, &[]), set, json!({"id": id, "to": 9}))
            .await,
        ["FORBIDDEN"]
    );
    assert_eq!(
        world
            .refused(&admin(&world), set, json!({"id": id, "to": 101}))
            .await,
        ["INVALID_INPUT"]
    );
    let data = world
        .data(&admin(&world), set, json!({"id": id, "to": 9}))
        .await;
    assert_eq!(data["taskPrioritySet"]["task"]["priority"], 9);
    assert_eq!(world.lease(1).await[0].id, id);
}
