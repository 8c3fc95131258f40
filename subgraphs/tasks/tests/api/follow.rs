//! Subscriptions.

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{actor::Actor, delivery::Interest, stream::StreamItem};
use atelier_tasks::{
    NAME,
    engine::{Leased, Outcome, ProgressUpdate, Report},
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::{World, admin, world};

const PROGRESS: &str = "subscription($id: ID!, $after: Cursor) { taskProgress(id: $id, after: $after) { ... on TaskProgressed { cursor status progress currentStep task { status } } } }";
const EVENTS: &str = "subscription($where: TaskWhere, $after: Cursor) { taskEvents(where: $where, after: $after) { __typename ... on TaskStateChanged { cursor taskId status } } }";

fn report(world: &World, task: &Leased, progress: f64, step: &str) {
    world.engine.report(Report {
        task: task.id,
        lease: task.lease_id,
        revision: task.revision,
        attempt: task.attempt,
        started_at: task.started_at,
        progress: Some(progress),
        step: Some(step.to_owned()),
        eta_ms: None,
        lines: Vec::new(),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_the_present_then_each_change_until_the_end() {
    let world = world().await;
    let user = world.user();
    let actor = Actor::user(user, &[]);
    let id = world.enqueue(world.task(Some(user))).await;
    let mut stream = world.subscribe(&actor, PROGRESS, json!({"id": id}));
    assert_eq!(stream.next().await.unwrap()["status"], "QUEUED");
    let task = world.lease(1).await.remove(0);
    assert_eq!(stream.next().await.unwrap()["status"], "RUNNING");
    report(&world, &task, 0.4, "scale");
    let update = stream.next().await.unwrap();
    assert_eq!(
        (
            &update["progress"],
            &update["currentStep"],
            &update["task"]["status"]
        ),
        (&json!(0.4), &json!("scale"), &json!("RUNNING"))
    );
    world
        .engine
        .finish(vec![(task.lease_id, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    let rest = stream.rest().await;
    let [last] = &rest[..] else {
        panic!("one event ends it: {rest:?}")
    };
    assert_eq!(
        (&last["status"], &last["progress"]),
        (&json!("SUCCEEDED"), &json!(1.0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_task_is_one_event() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    world.engine.cancel(&[id]).await.unwrap();
    let mut stream = world.subscribe(&Actor::user(user, &[]), PROGRESS, json!({"id": id}));
    let told = stream.rest().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["status"], "CANCELLED");
    let mut resumed = world.subscribe(
        &Actor::user(user, &[]),
        PROGRESS,
        json!({"id": id, "after": told[0]["cursor"]}),
    );
    assert!(resumed.rest().await.is_empty(), "the end is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_subscriber_misses_nothing_and_hears_nothing_twice() {
    let world = world().await;
    let user = world.user();
    let actor = Actor::user(user, &[]);
    let id = world.enqueue(world.task(Some(user))).await;
    let mut stream = world.subscribe(&actor, PROGRESS, json!({"id": id}));
    stream.next().await.unwrap();
    let task = world.lease(1).await.remove(0);
    let known = stream.next().await.unwrap();
    drop(stream);
    let mut witness = world.subscribe(&actor, PROGRESS, json!({"id": id}));
    witness.next().await.unwrap();
    for (progress, step) in [(0.2, "a"), (0.6, "b"), (0.9, "c")] {
        report(&world, &task, progress, step);
        assert_eq!(
            witness.next().await.unwrap()["progress"],
            progress,
            "it is out while nobody else listens"
        );
    }
    let mut stream = world.subscribe(
        &actor,
        PROGRESS,
        json!({"id": id, "after": known["cursor"]}),
    );
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(stream.next().await.unwrap()["currentStep"].clone());
    }
    assert_eq!(steps, ["a", "b", "c"]);
    world
        .engine
        .finish(vec![(task.lease_id, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    let rest = stream.rest().await;
    assert_eq!(
        rest.iter()
            .map(|event| &event["status"])
            .collect::<Vec<_>>(),
        ["SUCCEEDED"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_still_on_its_way_is_waited_for() {
    let world = world().await;
    let user = world.user();
    let task = world.task(Some(user));
    let mut stream = world.subscribe(&Actor::user(user, &[]), PROGRESS, json!({"id": task.id}));
    let (first, _) = tokio::join!(stream.next(), world.enqueue(task));
    assert_eq!(first.unwrap()["status"], "QUEUED");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_follows_anothers_task() {
    let world = world().await;
    let id = world.enqueue(world.task(Some(world.user()))).await;
    for (actor, expected) in [
        (Actor::user(world.user(), &["worker"]), "NOT_FOUND"),
        (Actor::anonymous(), "UNAUTHENTICATED"),
    ] {
        let mut stream = world.subscribe(&actor, PROGRESS, json!({"id": id}));
        assert_eq!(stream.refused().await, [expected]);
        assert!(stream.next().await.is_none());
    }
    let mut stream = world.subscribe(&admin(&world), PROGRESS, json!({"id": id}));
    assert_eq!(stream.next().await.unwrap()["status"], "QUEUED");
    let mut forged = world.subscribe(
        &admin(&world),
        PROGRESS,
        json!({"id": id, "after": "Zm9yZ2Vk"}),
    );
    assert_eq!(forged.refused().await, ["BAD_USER_INPUT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_tasks_are_followed_and_resumed_without_gap() {
    let mut world = world().await;
    world.start(&[NAME]);
    let user = world.user();
    let actor = Actor::user(user, &[]);
    let queue = json!({"where": {"queue": "work"}});
    let mut stream = world.follow(&actor, EVENTS, queue).await;
    for owner in [world.user(), user] {
        world.enqueue(world.task(Some(owner))).await;
    }
    let first = stream.next().await.unwrap();
    assert_eq!(first["status"], "QUEUED");
    drop(stream);
    let leased = world.lease(2).await;
    let own = leased
        .iter()
        .find(|task| json!(task.id) == first["taskId"])
        .unwrap();
    assert_eq!(own.owner, Some(user), "the other user's task is not told");
    world
        .engine
        .finish(
            leased
                .iter()
                .map(|task| (task.lease_id, Outcome::Succeeded(Value::Null)))
                .collect(),
        )
        .await
        .unwrap();
    let mut stream = world.subscribe(&actor, EVENTS, json!({"after": first["cursor"]}));
    let mut told = Vec::new();
    while told.len() < 2 {
        let event = stream.next().await.unwrap();
        let task = leased
            .iter()
            .find(|task| json!(task.id) == event["taskId"])
            .unwrap();
        assert_eq!(
            task.owner,
            Some(user),
            "the other user's tasks are not told"
        );
        if event["taskId"] == first["taskId"] {
            told.push(event["status"].clone());
        }
    }
    assert_eq!(told, ["RUNNING", "SUCCEEDED"]);
    let mut anonymous = world.subscribe(&Actor::anonymous(), EVENTS, json!({}));
    assert_eq!(anonymous.refused().await, ["UNAUTHENTICATED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_task_of_nobody_is_told_at_once() {
    let world = world().await;
    let mut stream = world
        .engine
        .deps()
        .hub
        .subscribe("tasks:progress", None, Interest::All)
        .await
        .unwrap();
    let id = world.enqueue(world.task(None)).await;
    let task = world.lease(1).await.remove(0);
    world
        .engine
        .finish(vec![(task.lease_id, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    // The stream wakes those who watch; without an entry they find out when they next look.
    let Some(StreamItem::Entry(entry)) = stream.next().await else {
        panic!("an entry comes")
    };
    let update: ProgressUpdate = serde_json::from_slice(&entry.payload).unwrap();
    assert_eq!(
        (update.task, update.status),
        (id, TaskStatus::Succeeded),
        "nothing else was told"
    );
}
