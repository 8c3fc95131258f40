//! What the credentials of external workers are bound to.

use atelier_kit::{
    actor::Actor,
    id::{AccessToken, Id, User},
    jobs::NewTask,
};
use atelier_tasks::EngineConfig;
use serde_json::{Value, json};

use crate::support::{World, admin, world, world_with};

const DECLARE: &str = "mutation($input: TaskResultDeclareInput!) { taskResultDeclare(input: $input) { result { type shape } userErrors { code } } }";
const GRANT: &str = "mutation($input: WorkerGrantSetInput!) { workerGrantSet(input: $input) { grant { accessTokenId queues types owner { id } } userErrors { code } } }";
const REMOVE: &str = "mutation($input: WorkerGrantRemoveInput!) { workerGrantRemove(input: $input) { accessTokenId userErrors { code } } }";
const REGISTER: &str = "mutation($input: WorkerRegisterInput!) { workerRegister(input: $input) { worker { id types } userErrors { code } } }";
const LEASE: &str = "mutation($input: TaskLeaseInput!) { taskLease(input: $input) { granted { leases { leaseId taskId type } } userErrors { code } } }";
const BEAT: &str = "mutation($input: TaskHeartbeatInput!) { taskHeartbeat(input: $input) { lease { cancelRequested } userErrors { code } } }";
const COMPLETE: &str = "mutation($input: TaskCompleteInput!) { taskComplete(input: $input) { task { status } userErrors { code path } } }";
const FAIL: &str = "mutation($input: TaskFailInput!) { taskFail(input: $input) { task { status } userErrors { code } } }";

/// A program with a credential of its own that was granted nothing.
fn stranger(world: &World) -> Actor {
    Actor {
        access_token: Some(world.engine.deps().new_id::<AccessToken>()),
        ..Actor::user(world.user(), &["worker"])
    }
}

/// Declares what results look like.
pub async fn declare(world: &World, task_type: &str, shape: Value) {
    let input = json!({"input": {"type": task_type, "result": shape}});
    let data = world.data(&admin(world), DECLARE, input).await;
    assert_eq!(data["taskResultDeclare"]["userErrors"], json!([]));
}

pub async fn grant(
    world: &World,
    actor: &Actor,
    queues: &[&str],
    types: &[&str],
    owner: Option<Id<User>>,
) {
    let input = json!({"accessTokenId": actor.access_token, "queues": queues, "types": types, "ownerId": owner});
    let data = world
        .data(&admin(world), GRANT, json!({"input": input}))
        .await;
    let granted = &data["workerGrantSet"]["grant"];
    assert_eq!(
        (&granted["accessTokenId"], &granted["queues"]),
        (&input["accessTokenId"], &input["queues"]),
        "{data}"
    );
}

/// A program that was granted queues and types, whose results may look as they like.
pub async fn program(world: &World, queues: &[&str], types: &[&str]) -> Actor {
    for name in types {
        declare(world, name, json!({})).await;
    }
    let actor = stranger(world);
    grant(world, &actor, queues, types, None).await;
    actor
}

pub async fn register(world: &World, actor: &Actor, queues: &[&str]) -> Value {
    let input = json!({"input": {"name": "external", "queues": queues}});
    world.data(actor, REGISTER, input).await["workerRegister"]["worker"]["id"].clone()
}

pub async fn lease(world: &World, actor: &Actor, worker: &Value) -> Vec<Value> {
    let input = json!({"input": {"workerId": worker, "max": 10}});
    let data = world.data(actor, LEASE, input).await;
    let granted = &data["taskLease"]["granted"];
    granted["leases"]
        .as_array()
        .unwrap_or_else(|| panic!("{data}"))
        .clone()
}

fn work(world: &World, task_type: &str, queue: &str, owner: Option<Id<User>>) -> NewTask {
    let id = world.engine.deps().new_id();
    NewTask {
        owner,
        ..NewTask::new(id, task_type, queue, json!({}))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_was_granted_nothing_leases_nothing() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let session = Actor::user(world.user(), &["worker"]);
    for actor in [stranger(&world), session] {
        let input = json!({"input": {"name": "x", "queues": ["work"]}});
        assert_eq!(
            world.refused(&actor, REGISTER, input).await,
            ["NOT_GRANTED"]
        );
    }
    assert_eq!(world.status(id).await, "QUEUED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_leases_only_the_queues_and_types_it_is_bound_to() {
    let world = world().await;
    let mine = world.enqueue(work(&world, "test.mine", "mine", None)).await;
    let other_type = world
        .enqueue(work(&world, "test.other", "mine", None))
        .await;
    let other_queue = world
        .enqueue(work(&world, "test.mine", "other", None))
        .await;
    let actor = program(&world, &["mine"], &["test.mine"]).await;
    for (queues, types) in [
        (json!(["mine", "other"]), json!([])),
        (json!(["mine"]), json!(["test.mine", "test.other"])),
    ] {
        let input = json!({"input": {"name": "x", "queues": queues, "types": types}});
        assert_eq!(
            world.refused(&actor, REGISTER, input).await,
            ["NOT_GRANTED"]
        );
    }
    let worker = register(&world, &actor, &["mine"]).await;
    let leases = lease(&world, &actor, &worker).await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(leases[0]["taskId"], json!(mine));
    for id in [other_type, other_queue] {
        assert_eq!(world.status(id).await, "QUEUED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_for_one_user_gets_only_their_tasks() {
    let world = world().await;
    let (ada, ben) = (world.user(), world.user());
    let actor = program(&world, &["mine"], &["test.mine"]).await;
    grant(&world, &actor, &["mine"], &["test.mine"], Some(ada)).await;
    let hers = world
        .enqueue(work(&world, "test.mine", "mine", Some(ada)))
        .await;
    for owner in [Some(ben), None] {
        world
            .enqueue(work(&world, "test.mine", "mine", owner))
            .await;
    }
    let worker = register(&world, &actor, &["mine"]).await;
    let leases = lease(&world, &actor, &worker).await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(leases[0]["taskId"], json!(hers));
    let input = json!({"input": {"leaseId": leases[0]["leaseId"]}});
    let done = world.data(&actor, COMPLETE, input).await;
    assert_eq!(done["taskComplete"]["task"]["status"], "SUCCEEDED");
    assert!(lease(&world, &actor, &worker).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_counts_at_once() {
    let world = world().await;
    for queue in ["mine", "yours"] {
        world.enqueue(work(&world, "test.mine", queue, None)).await;
    }
    let actor = program(&world, &["mine", "yours"], &["test.mine"]).await;
    let worker = register(&world, &actor, &["mine", "yours"]).await;
    let leases = lease(&world, &actor, &worker).await;
    assert_eq!(leases.len(), 2);
    let remove = json!({"input": {"accessTokenId": actor.access_token}});
    let removed = world.data(&admin(&world), REMOVE, remove.clone()).await;
    assert_eq!(
        removed["workerGrantRemove"]["accessTokenId"],
        json!(actor.access_token)
    );
    let held = &leases[0]["leaseId"];
    for (mutation, input) in [
        (LEASE, json!({"workerId": worker})),
        (BEAT, json!({"leaseId": held, "progress": 0.5})),
        (COMPLETE, json!({"leaseId": held})),
        (FAIL, json!({"leaseId": held, "message": "no"})),
    ] {
        let refused = world
            .refused(&actor, mutation, json!({"input": input}))
            .await;
        assert_eq!(refused, ["NOT_GRANTED"], "{mutation}");
    }
    assert_eq!(
        world.refused(&admin(&world), REMOVE, remove).await,
        ["NOT_FOUND"]
    );
    let id = serde_json::from_value(leases[0]["taskId"].clone()).unwrap();
    assert_eq!(
        world.status(id).await,
        "RUNNING",
        "until the lease runs out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leases_of_one_credential_are_nothing_to_another() {
    let world = world().await;
    world.enqueue(work(&world, "test.mine", "mine", None)).await;
    let first = program(&world, &["mine"], &["test.mine"]).await;
    let second = Actor {
        // The same account, even.
        access_token: Some(world.engine.deps().new_id::<AccessToken>()),
        ..first.clone()
    };
    grant(&world, &second, &["mine"], &["test.mine"], None).await;
    let worker = register(&world, &first, &["mine"]).await;
    let held = lease(&world, &first, &worker).await[0]["leaseId"].clone();
    let admin = Actor {
        access_token: None,
        ..Actor::user(world.user(), &["worker", "admin:tasks"])
    };
    for other in [&second, &admin] {
        for (mutation, input) in [
            (BEAT, json!({"leaseId": held, "log": ["mine"]})),
            (COMPLETE, json!({"leaseId": held, "result": "mine"})),
            (FAIL, json!({"leaseId": held, "message": "mine"})),
        ] {
            let refused = world
                .refused(other, mutation, json!({"input": input}))
                .await;
            assert_eq!(refused, ["LEASE_LOST"], "{mutation}");
        }
    }
    let input = json!({"input": {"workerId": worker}});
    assert_eq!(
        world.refused(&second, LEASE, input).await,
        ["UNKNOWN_WORKER"]
    );
    let input = json!({"input": {"leaseId": held}});
    let done = world.data(&first, COMPLETE, input).await;
    assert_eq!(done["taskComplete"]["task"]["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_the_system_itself_are_granted_to_nobody() {
    let world = world_with(EngineConfig {
        own_queues: ["images".to_owned()].into(),
        ..EngineConfig::default()
    })
    .await;
    let id = world
        .enqueue(work(&world, "test.mine", "images", None))
        .await;
    let actor = program(&world, &["mine"], &["test.mine"]).await;
    for queue in ["images", "group"] {
        let input = json!({"accessTokenId": actor.access_token, "queues": ["mine", queue], "types": ["test.mine"]});
        let refused = world
            .refused(&admin(&world), GRANT, json!({"input": input}))
            .await;
        assert_eq!(refused, ["QUEUE_RESERVED"], "{queue}");
    }
    let grants = "{ workerGrants { queues } }";
    let listed = world.data(&admin(&world), grants, json!({})).await;
    assert_eq!(listed["workerGrants"], json!([{"queues": ["mine"]}]));
    let input = json!({"input": {"name": "x", "queues": ["images"]}});
    assert_eq!(
        world.refused(&actor, REGISTER, input).await,
        ["NOT_GRANTED"]
    );
    assert_eq!(world.status(id).await, "QUEUED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_the_system_takes_over_is_nobodys_any_more() {
    let mut world = world().await;
    let actor = program(&world, &["images", "mine"], &["test.mine"]).await;
    let worker = register(&world, &actor, &["images", "mine"]).await;
    world.configure(EngineConfig {
        own_queues: ["images".to_owned()].into(),
        ..EngineConfig::default()
    });
    world
        .enqueue(work(&world, "test.mine", "images", None))
        .await;
    let mine = world.enqueue(work(&world, "test.mine", "mine", None)).await;
    let leases = lease(&world, &actor, &worker).await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(leases[0]["taskId"], json!(mine));
    let input = json!({"input": {"name": "x", "queues": ["images"]}});
    assert_eq!(
        world.refused(&actor, REGISTER, input).await,
        ["QUEUE_RESERVED"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_what_its_type_demands_is_refused_and_the_lease_stays() {
    let world = world().await;
    let actor = program(&world, &["mine"], &["test.mine"]).await;
    let shape = json!({"type": "object", "required": ["sum"], "additionalProperties": false,
        "properties": {"sum": {"type": "number", "maximum": 1000}}});
    declare(&world, "test.mine", shape.clone()).await;
    let listed = world
        .data(
            &admin(&world),
            "{ taskResultShapes { type shape } }",
            json!({}),
        )
        .await;
    assert_eq!(
        listed["taskResultShapes"],
        json!([{"type": "test.mine", "shape": shape}])
    );
    let id = world.enqueue(work(&world, "test.mine", "mine", None)).await;
    let worker = register(&world, &actor, &["mine"]).await;
    let held = lease(&world, &actor, &worker).await[0]["leaseId"].clone();
    for (result, path) in [
        (json!(null), json!(["input", "result"])),
        (json!({"sum": "1"}), json!(["input", "result", "sum"])),
        (
            json!({"sum": 1, "script": "<b>"}),
            json!(["input", "result"]),
        ),
        (json!({"sum": 1001}), json!(["input", "result", "sum"])),
    ] {
        let input = json!({"input": {"leaseId": held, "result": result}});
        let data = world.data(&actor, COMPLETE, input).await;
        assert_eq!(
            data["taskComplete"],
            json!({"task": null, "userErrors": [{"code": "RESULT_INVALID", "path": path}]})
        );
    }
    let beat = json!({"input": {"leaseId": held}});
    let beaten = world.data(&actor, BEAT, beat).await;
    assert_eq!(beaten["taskHeartbeat"]["userErrors"], json!([]));
    assert_eq!(world.status(id).await, "RUNNING");
    let input = json!({"input": {"leaseId": held, "result": {"sum": 42}}});
    let done = world.data(&actor, COMPLETE, input).await;
    assert_eq!(done["taskComplete"]["task"]["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn granting_is_for_administrators_and_bounded() {
    let world = world().await;
    let actor = stranger(&world);
    let good =
        json!({"accessTokenId": actor.access_token, "queues": ["mine"], "types": ["test.mine"]});
    let shape = json!({"type": "test.mine", "result": {}});
    for (mutation, input) in [
        (GRANT, &good),
        (REMOVE, &json!({"accessTokenId": actor.access_token})),
        (DECLARE, &shape),
    ] {
        let input = json!({"input": input});
        assert_eq!(
            world.refused(&actor, mutation, input.clone()).await,
            ["FORBIDDEN"]
        );
        assert_eq!(
            world.refused(&Actor::anonymous(), mutation, input).await,
            ["UNAUTHENTICATED"]
        );
    }
    for query in [
        "{ workerGrants { queues } }",
        "{ taskResultShapes { type } }",
    ] {
        assert_eq!(world.refused(&actor, query, json!({})).await, ["FORBIDDEN"]);
    }
    let with = |name: &str, value: Value| {
        let mut input = good.clone();
        input[name] = value;
        input
    };
    for (mutation, input, code) in [
        (GRANT, good.clone(), "UNKNOWN_TYPE"),
        (GRANT, with("queues", json!([])), "INVALID_INPUT"),
        (GRANT, with("types", json!([])), "INVALID_INPUT"),
        (GRANT, with("queues", json!(["a b"])), "INVALID_INPUT"),
        (
            DECLARE,
            json!({"type": "test.mine", "result": {"pattern": "(a+)+$"}}),
            "INVALID_INPUT",
        ),
        (
            DECLARE,
            json!({"type": "test.mine", "result": {"enum": ["x".repeat(9000)]}}),
            "PAYLOAD_TOO_LARGE",
        ),
    ] {
        let refused = world
            .refused(&admin(&world), mutation, json!({"input": input}))
            .await;
        assert_eq!(refused, [code], "{input}");
    }
    let listed = world
        .data(
            &admin(&world),
            "{ workerGrants { queues } taskResultShapes { type } }",
            json!({}),
        )
        .await;
    assert_eq!(listed, json!({"workerGrants": [], "taskResultShapes": []}));
}
