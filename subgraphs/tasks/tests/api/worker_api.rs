//! The worker API, as an external worker uses it.

use atelier_kit::{actor::Actor, jobs::NewTask};
use atelier_testing::until;
use serde_json::{Value, json};

use crate::{
    grants::program,
    support::{World, admin, world},
};

const REGISTER: &str = "mutation($input: WorkerRegisterInput!) { workerRegister(input: $input) { worker { id draining } userErrors { code } } }";
const LEASE: &str = "mutation($input: TaskLeaseInput!) { taskLease(input: $input) { granted { draining leases { leaseId taskId type payload attempt } } userErrors { code } } }";
const BEAT: &str = "mutation($input: TaskHeartbeatInput!) { taskHeartbeat(input: $input) { lease { expiresAt cancelRequested } userErrors { code } } }";
const COMPLETE: &str = "mutation($input: TaskCompleteInput!) { taskComplete(input: $input) { task { id status } userErrors { code } } }";
const FAIL: &str = "mutation($input: TaskFailInput!) { taskFail(input: $input) { task { status nextAttemptAt } userErrors { code } } }";
const DRAIN: &str = "mutation($input: WorkerDrainInput!) { workerDrain(input: $input) { worker { draining } userErrors { code } } }";

struct External {
    actor: Actor,
    id: Value,
}

async fn external(world: &World) -> External {
    let actor = program(world, &["work"], &["test.work"]).await;
    let input = json!({"name": "python", "queues": ["work"], "capabilities": {"gpu": 1}});
    let data = world.data(&actor, REGISTER, json!({"input": input})).await;
    External {
        actor,
        id: data["workerRegister"]["worker"]["id"].clone(),
    }
}

impl External {
    async fn lease(&self, world: &World) -> Vec<Value> {
        let data = world
            .data(
                &self.actor,
                LEASE,
                json!({"input": {"workerId": self.id, "max": 10}}),
            )
            .await;
        data["taskLease"]["granted"]["leases"]
            .as_array()
            .unwrap()
            .clone()
    }

    async fn run(&self, world: &World, mutation: &str, input: Value) -> Value {
        world
            .data(&self.actor, mutation, json!({"input": input}))
            .await
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_worker_does_a_task() {
    let world = world().await;
    let requires = [("gpu".to_owned(), "1".to_owned())].into();
    let id = world
        .enqueue(NewTask {
            requires,
            ..world.task(None)
        })
        .await;
    let worker = external(&world).await;
    let leases = worker.lease(&world).await;
    let [lease] = &leases[..] else {
        panic!("one lease: {leases:?}")
    };
    assert_eq!(
        (&lease["taskId"], &lease["type"], &lease["attempt"]),
        (&json!(id), &json!("test.work"), &json!(1))
    );
    assert_eq!(lease["payload"], json!({"n": 1}));
    let beat = json!({"leaseId": lease["leaseId"], "progress": 0.5, "step": "half", "etaMs": 1000, "log": ["so far", "so good"]});
    let beaten = worker.run(&world, BEAT, beat).await;
    assert_eq!(beaten["lease"]["cancelRequested"], json!(false));
    let read = async || {
        let query = "query($id: ID!) { task(id: $id) { progress currentStep estimatedRemainingMs logs(tail: 1) { line } steps { name status } } }";
        world.data(&admin(&world), query, json!({"id": id})).await["task"].clone()
    };
    until(async || read().await["progress"] == 0.5).await;
    until(async || read().await["logs"] == json!([{"line": "so good"}])).await;
    let task = read().await;
    assert_eq!(
        (&task["currentStep"], &task["estimatedRemainingMs"]),
        (&json!("half"), &json!(1000))
    );
    assert_eq!(
        task["steps"],
        json!([{"name": "half", "status": "RUNNING"}])
    );
    let done = worker
        .run(
            &world,
            COMPLETE,
            json!({"leaseId": lease["leaseId"], "result": {"ok": true}}),
        )
        .await;
    assert_eq!(done["task"], json!({"id": id, "status": "SUCCEEDED"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_worker_is_told_that_its_lease_is_lost_and_changes_nothing() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let (late, other) = (external(&world).await, external(&world).await);
    let old = late.lease(&world).await[0]["leaseId"].clone();
    world.advance(31);
    world.engine.rescue().await.unwrap();
    let new = other.lease(&world).await[0]["leaseId"].clone();
    for (mutation, input) in [
        (
            BEAT,
            json!({"leaseId": old, "progress": 0.9, "log": ["late"]}),
        ),
        (COMPLETE, json!({"leaseId": old, "result": "late"})),
        (FAIL, json!({"leaseId": old, "message": "late"})),
        (
            COMPLETE,
            json!({"leaseId": "lse_01h455vb4pex5vsknk084sn02q"}),
        ),
    ] {
        assert_eq!(
            world
                .refused(&late.actor, mutation, json!({"input": input}))
                .await,
            ["LEASE_LOST"]
        );
    }
    let query =
        "query($id: ID!) { task(id: $id) { status progress result attempt logs { line } } }";
    let task = world.data(&admin(&world), query, json!({"id": id})).await["task"].clone();
    assert_eq!(
        task,
        json!({"status": "RUNNING", "progress": 0.0, "result": null, "attempt": 2, "logs": []})
    );
    let done = other
        .run(&world, COMPLETE, json!({"leaseId": new, "result": "right"}))
        .await;
    assert_eq!(done["task"]["status"], "SUCCEEDED");
    assert_eq!(
        world.data(&admin(&world), query, json!({"id": id})).await["task"]["result"],
        "right"
    );
    assert_eq!(
        world
            .refused(&other.actor, COMPLETE, json!({"input": {"leaseId": new}}))
            .await,
        ["LEASE_LOST"],
        "once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_hears_of_a_cancellation_with_its_heartbeat() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let worker = external(&world).await;
    let lease = worker.lease(&world).await[0]["leaseId"].clone();
    world.engine.cancel(&[id]).await.unwrap();
    assert_eq!(
        worker.run(&world, BEAT, json!({"leaseId": lease})).await["lease"]["cancelRequested"],
        json!(true)
    );
    let ended = worker
        .run(
            &world,
            FAIL,
            json!({"leaseId": lease, "message": "stopped", "cancelled": true}),
        )
        .await;
    assert_eq!(ended["task"]["status"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_whether_to_try_again() {
    let world = world().await;
    let worker = external(&world).await;
    for (retryable, status) in [(true, "RETRYING"), (false, "FAILED")] {
        world.enqueue(world.task(None)).await;
        let lease = worker.lease(&world).await[0]["leaseId"].clone();
        let failed = worker
            .run(
                &world,
                FAIL,
                json!({"leaseId": lease, "message": "no", "retryable": retryable}),
            )
            .await;
        assert_eq!(
            (
                &failed["task"]["status"],
                failed["task"]["nextAttemptAt"].is_null()
            ),
            (&json!(status), !retryable)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_api_wants_its_scope() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let worker = external(&world).await;
    let lease = worker.lease(&world).await[0]["leaseId"].clone();
    for (mutation, input) in [
        (REGISTER, json!({"name": "x", "queues": ["work"]})),
        (LEASE, json!({"workerId": worker.id})),
        (BEAT, json!({"leaseId": lease})),
        (COMPLETE, json!({"leaseId": lease})),
        (FAIL, json!({"leaseId": lease, "message": "x"})),
        (DRAIN, json!({"workerId": worker.id})),
    ] {
        let plain = Actor::user(world.user(), &["admin:users"]);
        assert_eq!(
            world
                .refused(&plain, mutation, json!({"input": input}))
                .await,
            ["FORBIDDEN"],
            "{mutation}"
        );
        assert_eq!(
            world
                .refused(&Actor::anonymous(), mutation, json!({"input": input}))
                .await,
            ["UNAUTHENTICATED"],
            "{mutation}"
        );
    }
    assert_eq!(world.status(id).await, "RUNNING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_worker_gets_nothing_more() {
    let world = world().await;
    let worker = external(&world).await;
    let stranger = external(&world).await;
    let input = json!({"input": {"workerId": worker.id}});
    assert_eq!(
        world.refused(&stranger.actor, DRAIN, input.clone()).await,
        ["UNKNOWN_WORKER"]
    );
    assert_eq!(
        world.data(&admin(&world), DRAIN, input).await["workerDrain"]["worker"]["draining"],
        json!(true)
    );
    world.enqueue(world.task(None)).await;
    let answer = worker
        .run(&world, LEASE, json!({"workerId": worker.id}))
        .await;
    assert_eq!(answer["granted"], json!({"draining": true, "leases": []}));
    let listed = world
        .data(
            &admin(&world),
            "{ workers { nodes { name draining running } } }",
            json!({}),
        )
        .await;
    assert_eq!(listed["workers"]["nodes"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_say_is_bounded() {
    let world = world().await;
    world.enqueue(world.task(None)).await;
    let worker = external(&world).await;
    let lease = worker.lease(&world).await[0]["leaseId"].clone();
    for (mutation, input, code) in [
        (
            COMPLETE,
            json!({"leaseId": lease, "result": "x".repeat(70_000)}),
            "PAYLOAD_TOO_LARGE",
        ),
        (
            COMPLETE,
            json!({"leaseId": lease, "result": "\0"}),
            "INVALID_INPUT",
        ),
        (
            BEAT,
            json!({"leaseId": lease, "progress": 1.5}),
            "INVALID_INPUT",
        ),
        (
            BEAT,
            json!({"leaseId": lease, "log": vec!["x"; 101]}),
            "INVALID_INPUT",
        ),
        (
            BEAT,
            json!({"leaseId": lease, "leaseSeconds": 1}),
            "INVALID_INPUT",
        ),
        (
            LEASE,
            json!({"workerId": worker.id, "max": 101}),
            "INVALID_INPUT",
        ),
        (
            LEASE,
            json!({"workerId": worker.id, "queues": ["secret"]}),
            "INVALID_INPUT",
        ),
        (
            REGISTER,
            json!({"name": "x", "queues": []}),
            "INVALID_INPUT",
        ),
        (
            REGISTER,
            json!({"name": "x", "queues": ["work"], "capabilities": [1]}),
            "INVALID_INPUT",
        ),
    ] {
        assert_eq!(
            world
                .refused(&worker.actor, mutation, json!({"input": input}))
                .await,
            [code],
            "{mutation} {input}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_payload_is_leased_with_the_others() {
    let world = world().await;
    let upsert = "mutation($input: ScheduleUpsertInput!) { scheduleUpsert(input: $input) { schedule { payload } userErrors { code } } }";
    let input = json!({"name": "bare", "cron": "0 * * * *", "type": "test.work", "queue": "work"});
    let data = world
        .data(&admin(&world), upsert, json!({"input": input}))
        .await;
    assert_eq!(
        data["scheduleUpsert"],
        json!({"schedule": {"payload": null}, "userErrors": []})
    );
    world.advance(3600);
    assert_eq!(world.engine.run_schedules().await.unwrap(), 1);
    world.enqueue(world.task(None)).await;
    let worker = external(&world).await;
    let leases = worker.lease(&world).await;
    let payloads: Vec<&Value> = leases.iter().map(|lease| &lease["payload"]).collect();
    assert_eq!(leases.len(), 2);
    assert!(
        payloads.contains(&&Value::Null) && payloads.contains(&&json!({"n": 1})),
        "{payloads:?}"
    );
    for lease in &leases {
        let done = worker
            .run(&world, COMPLETE, json!({"leaseId": lease["leaseId"]}))
            .await;
        assert_eq!(done["task"]["status"], "SUCCEEDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payload_that_is_taken_up_can_be_leased() {
    let world = world().await;
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "": [inner] }));
    let odd = [
        json!({"": 1, "a b": 2, "__typename": 3, "$": {"-": []}}),
        json!([1.5, 1e20, u64::MAX, i64::MIN]),
        json!("\u{202e}\u{fffd}\\u0000"),
        nested(32),
        Value::Null,
    ];
    for payload in &odd {
        let task = NewTask {
            payload: payload.clone(),
            ..world.task(None)
        };
        world.enqueue(task).await;
    }
    let worker = external(&world).await;
    let leases = worker.lease(&world).await;
    assert_eq!(leases.len(), odd.len());
    for payload in &odd {
        assert!(
            leases.iter().any(|lease| lease["payload"] == *payload),
            "{payload}"
        );
    }
    let unreadable = NewTask {
        payload: nested(60),
        ..world.task(None)
    };
    assert!(world.engine.enqueue(&[unreadable]).await.is_err());
}
