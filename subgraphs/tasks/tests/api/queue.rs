//! Queues.

use atelier_kit::actor::Actor;
use atelier_tasks::engine::Outcome;
use serde_json::json;

use crate::support::{admin, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_hands_out_nothing_until_it_is_resumed() {
    let world = world().await;
    world.enqueue(world.task(None)).await;
    let running = world.lease(1).await[0].lease_id;
    world.enqueue(world.task(None)).await;
    let pause = "mutation($name: String!) { queuePause(input: {name: $name}) { queue { name pausedAt queued running } userErrors { code } } }";
    let resume = "mutation($name: String!) { queueResume(input: {name: $name}) { queue { pausedAt } userErrors { code } } }";
    let user = Actor::user(world.user(), &["worker"]);
    assert_eq!(
        world.refused(&user, pause, json!({"name": "work"})).await,
        ["FORBIDDEN"]
    );
    assert_eq!(
        world
            .refused(&admin(&world), pause, json!({"name": "nowhere"}))
            .await,
        ["NOT_FOUND"]
    );
    let paused = &world
        .data(&admin(&world), pause, json!({"name": "work"}))
        .await["queuePause"]["queue"];
    assert!(!paused["pausedAt"].is_null());
    assert_eq!(
        (&paused["queued"], &paused["running"]),
        (&json!(1), &json!(1))
    );
    assert!(world.lease(1).await.is_empty());
    assert_eq!(
        world
            .engine
            .finish(vec![(running, Outcome::Succeeded(json!(1)))])
            .await
            .unwrap()
            .len(),
        1,
        "what runs goes on"
    );
    let resumed = &world
        .data(&admin(&world), resume, json!({"name": "work"}))
        .await["queueResume"]["queue"];
    assert!(resumed["pausedAt"].is_null());
    assert_eq!(world.lease(1).await.len(), 1);
    assert_eq!(
        world.refused(&user, "{ queues { name } }", json!({})).await,
        ["FORBIDDEN"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_a_character_that_cannot_be_kept_are_refused() {
    let world = world().await;
    let name = json!({"name": "a\u{0}b"});
    for operation in [
        "query($name: String!) { tasks(where: {queue: $name}) { totalCount } }",
        "query($name: String!) { tasks(where: {subject: $name}) { totalCount } }",
        "query($name: String!) { tasks(where: {type: [$name]}) { totalCount } }",
        "mutation($name: String!) { queuePause(input: {name: $name}) { queue { name } } }",
        "mutation($name: String!) { scheduleDelete(input: {name: $name}) { userErrors { code } } }",
        "mutation($name: String!) { tasksDeadLetterReplay(input: {queue: $name}) { userErrors { code } } }",
    ] {
        assert_eq!(
            world.refused(&admin(&world), operation, name.clone()).await,
            ["BAD_USER_INPUT"],
            "{operation}"
        );
    }
}
