//! What becomes of a person's tasks once their account is deleted.

use std::time::Duration;

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{
    actor::Actor,
    id::{AccessToken, Id, Task, User},
    jobs::NewTask,
};
use atelier_tasks::engine::{Outcome, Report, Wanted};
use atelier_testing::until;
use serde_json::{Value, json};

use crate::{
    grants::{grant, lease, program, register},
    support::{World, admin, wanted, world},
};

const TASK: &str = "query($id: ID!) { task(id: $id) { status type queue input result subjectId owner { id } currentStep \
    error { code message } steps { name } logs { line } cancelRequested } }";

async fn read(world: &World, id: Id<Task>) -> Value {
    world.data(&admin(world), TASK, json!({"id": id})).await["task"].clone()
}

/// Tells of deleted accounts, and waits until everything has followed from it.
async fn deleted(world: &World, user: Id<User>) {
    world.told("accounts", &UserDeleted { user }).await;
    world.engine.forget_deleted_users().await.unwrap();
}

/// Everything that a person can have, in a queue of their own: a task that is done, one that is dead,
/// one that waits for its time, one that waits for a worker.
async fn tasks_of(world: &World, user: Id<User>) -> [Id<Task>; 4] {
    let personal = || NewTask {
        subject: Some("ast_of_theirs".to_owned()),
        steps: vec!["scale".to_owned()],
        payload: json!({"name": "theirs"}),
        queue: user.to_string(),
        ..world.task(Some(user))
    };
    let done = world.enqueue(personal()).await;
    end(world, user, Outcome::Succeeded(json!({"name": "theirs"}))).await;
    let dead = world.enqueue(personal()).await;
    let failed = Outcome::Failed {
        retry: false,
        code: "BROKEN".to_owned(),
        message: "Their picture is broken.".to_owned(),
    };
    end(world, user, failed).await;
    let run_at = Some(world.deps().clock.now() + chrono::TimeDelta::hours(1));
    let scheduled = NewTask {
        run_at,
        ..personal()
    };
    let scheduled = world.enqueue(scheduled).await;
    [done, dead, scheduled, world.enqueue(personal()).await]
}

/// Works on the only task that waits in a person's queue.
async fn end(world: &World, user: Id<User>, outcome: Outcome) {
    let wanted = Wanted {
        queues: vec![user.to_string()],
        ..wanted(1)
    };
    let task = world.engine.lease(&wanted).await.unwrap().remove(0);
    world.engine.report(Report {
        task: task.id,
        lease: task.lease_id,
        revision: task.revision,
        attempt: task.attempt,
        started_at: task.started_at,
        progress: Some(0.5),
        step: Some("scale".to_owned()),
        eta_ms: None,
        lines: vec!["their name".to_owned()],
    });
    let ended = world.engine.finish(vec![(task.lease_id, outcome)]).await;
    assert_eq!(ended.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn their_tasks_are_cancelled_and_lose_what_is_personal_and_others_stay() {
    let world = world().await;
    let (ada, ben) = (world.user(), world.user());
    let theirs = tasks_of(&world, ben).await;
    let hers = tasks_of(&world, ada).await;
    let mut before = Vec::new();
    for id in theirs {
        before.push(read(&world, id).await);
    }
    assert_eq!(before[0]["logs"], json!([{"line": "their name"}]));

    deleted(&world, ada).await;
    let error = json!({"code": "BROKEN", "message": ""});
    for (id, status, error) in [
        (hers[0], "SUCCEEDED", Value::Null),
        (hers[1], "FAILED", error),
        (hers[2], "CANCELLED", Value::Null),
        (hers[3], "CANCELLED", Value::Null),
    ] {
        assert_eq!(
            read(&world, id).await,
            json!({"status": status, "type": "test.work", "queue": ada, "input": null, "result": null,
                "subjectId": null, "owner": null, "currentStep": null, "error": error, "steps": [], "logs": [],
                "cancelRequested": status == "CANCELLED"})
        );
    }
    for (id, before) in theirs.into_iter().zip(before) {
        assert_eq!(read(&world, id).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_comes_again_changes_nothing() {
    let world = world().await;
    let (ada, ben) = (world.user(), world.user());
    let hers = tasks_of(&world, ada).await;
    let bens = world.enqueue(world.task(Some(ben))).await;
    deleted(&world, ada).await;
    let state = async || {
        let mut state = Vec::new();
        for id in hers.into_iter().chain([bens]) {
            state.push(read(&world, id).await);
        }
        state
    };
    let before = state().await;
    let again = [UserDeleted { user: ada }, UserDeleted { user: ada }];
    world.told_together("accounts", &again).await;
    assert_eq!(world.engine.forget_deleted_users().await.unwrap(), 0);
    assert_eq!(state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_work_is_told_to_stop_and_forgotten_when_it_has() {
    let world = world().await;
    let ada = world.user();
    let id = world.enqueue(world.task(Some(ada))).await;
    let held = world.lease(1).await[0].lease_id;
    deleted(&world, ada).await;
    let asked = read(&world, id).await;
    assert_eq!(
        (&asked["status"], &asked["cancelRequested"]),
        (&json!("RUNNING"), &json!(true))
    );
    let lease = Duration::from_secs(30);
    let beat = world.engine.heartbeat(&[held], lease).await.unwrap();
    assert!(beat[0].cancel_requested);
    let stopped = vec![(held, Outcome::Stopped)];
    world.engine.finish(stopped).await.unwrap();
    world.engine.forget_deleted_users().await.unwrap();
    let forgotten = read(&world, id).await;
    assert_eq!(
        (
            &forgotten["status"],
            &forgotten["owner"],
            &forgotten["input"]
        ),
        (&json!("CANCELLED"), &Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_followed_by_the_rest_without_more_ado() {
    let world = world().await;
    let ada = world.user();
    let tasks: Vec<_> = (0..1100).map(|_| world.task(Some(ada))).collect();
    world.engine.enqueue(&tasks).await.unwrap();
    world.told("accounts", &UserDeleted { user: ada }).await;
    let query = "query($ada: ID!) { theirs: tasks(ownerId: $ada, first: 0) { totalCount } \
        cancelled: tasks(first: 0, where: {status: CANCELLED}) { totalCount } }";
    let counts = async || world.data(&admin(&world), query, json!({"ada": ada})).await;
    let gone = json!({"theirs": {"totalCount": 0}, "cancelled": {"totalCount": 1100}});
    until(async || counts().await == gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_late_is_forgotten_too_and_in_the_end_the_deletion() {
    let world = world().await;
    let ada = world.user();
    deleted(&world, ada).await;
    world.advance(23 * 3600);
    let late = world.enqueue(world.task(Some(ada))).await;
    world.engine.forget_deleted_users().await.unwrap();
    let forgotten = read(&world, late).await;
    assert_eq!(
        (&forgotten["status"], &forgotten["owner"]),
        (&json!("CANCELLED"), &Value::Null)
    );
    world.advance(2 * 3600);
    world.engine.forget_deleted_users().await.unwrap();
    let later = world.enqueue(world.task(Some(ada))).await;
    world.engine.forget_deleted_users().await.unwrap();
    assert_eq!(
        world.status(later).await,
        "QUEUED",
        "nothing is known of the account any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_without_an_owner_is_not_replayed() {
    let world = world().await;
    let ada = world.user();
    let [_, dead, ..] = tasks_of(&world, ada).await;
    deleted(&world, ada).await;
    let replay = "mutation($input: TasksDeadLetterReplayInput!) { tasksDeadLetterReplay(input: $input) { tasks { id } userErrors { code } } }";
    for input in [json!({"ids": [dead]}), json!({"queue": ada})] {
        let data = world
            .data(&admin(&world), replay, json!({"input": input}))
            .await;
        assert_eq!(data["tasksDeadLetterReplay"]["tasks"], json!([]));
    }
    assert_eq!(world.status(dead).await, "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn their_workers_and_grants_go_and_what_they_granted_to_others_stays() {
    let world = world().await;
    let (ada, ben) = (world.user(), world.user());
    let hers = program(&world, &["work"], &["test.work"]).await;
    let worker = register(&world, &hers, &["work"]).await;
    let for_her_tasks = Actor {
        access_token: Some(world.engine.deps().new_id::<AccessToken>()),
        ..Actor::user(ben, &["worker"])
    };
    grant(&world, &for_her_tasks, &["work"], &["test.work"], Some(ada)).await;
    let bens = program(&world, &["work"], &["test.work"]).await;
    let bens_worker = register(&world, &bens, &["work"]).await;

    let leaving = hers.user_id().unwrap();
    for user in [leaving, ada] {
        deleted(&world, user).await;
    }
    let listed = "{ workerGrants { accessTokenId grantedBy { id } } workers { nodes { id } } }";
    let listed = world.data(&admin(&world), listed, json!({})).await;
    let grants = listed["workerGrants"].as_array().unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0]["accessTokenId"], json!(bens.access_token));
    assert_eq!(listed["workers"]["nodes"], json!([{"id": bens_worker}]));
    let lease_mutation = "mutation($input: TaskLeaseInput!) { taskLease(input: $input) { granted { draining } userErrors { code } } }";
    let input = json!({"input": {"workerId": worker}});
    assert_eq!(
        world.refused(&hers, lease_mutation, input).await,
        ["UNKNOWN_WORKER"]
    );

    let administrator = serde_json::from_value(grants[0]["grantedBy"]["id"].clone()).unwrap();
    deleted(&world, administrator).await;
    let grants = world
        .data(
            &admin(&world),
            "{ workerGrants { grantedBy { id } } }",
            json!({}),
        )
        .await;
    assert_eq!(grants["workerGrants"], json!([{"grantedBy": null}]));
    let id = world.enqueue(world.task(None)).await;
    let leases = lease(&world, &bens, &bens_worker).await;
    assert_eq!(leases[0]["taskId"], json!(id));
}
