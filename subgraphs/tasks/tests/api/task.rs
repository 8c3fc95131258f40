//! Reading tasks.

use atelier_kit::{actor::Actor, jobs::NewTask};
use atelier_tasks::engine::Outcome;
use serde_json::{Value, json};

use crate::support::{admin, world};

const TASK: &str = "query($id: ID!) { task(id: $id) { id type queue status progress priority attempt maxAttempts subjectId input \
    owner { id } position estimatedRemainingMs scheduledAt steps { name status } childCounts { total } logs { line } } }";

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_reads_their_task() {
    let world = world().await;
    let user = world.user();
    let task = NewTask {
        subject: Some("ast_1".to_owned()),
        steps: vec!["decode".to_owned(), "scale".to_owned()],
        ..world.task(Some(user))
    };
    let id = world.enqueue(task).await;
    let task = &world
        .data(&Actor::user(user, &[]), TASK, json!({"id": id}))
        .await["task"];
    assert_eq!(
        *task,
        json!({
            "id": id, "type": "test.work", "queue": "work", "status": "QUEUED", "progress": 0.0, "priority": 0, "attempt": 0,
            "maxAttempts": 5, "subjectId": "ast_1", "input": {"n": 1}, "owner": {"id": user}, "position": 1,
            "estimatedRemainingMs": null, "scheduledAt": null,
            "steps": [{"name": "decode", "status": "PENDING"}, {"name": "scale", "status": "PENDING"}],
            "childCounts": {"total": 0}, "logs": [],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_learns_that_a_task_exists() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    for (actor, sees) in [
        (Actor::user(user, &[]), true),
        (admin(&world), true),
        (Actor::service("media"), true),
        (Actor::user(world.user(), &[]), false),
        (Actor::anonymous(), false),
    ] {
        let data = world
            .data(
                &actor,
                "query($id: ID!) { task(id: $id) { id } }",
                json!({"id": id}),
            )
            .await;
        assert_eq!(!data["task"].is_null(), sees, "{actor:?}");
        let entities =
            "query($of: [_Any!]!) { _entities(representations: $of) { ... on Task { id } } }";
        let data = world
            .data(
                &actor,
                entities,
                json!({"of": [{"__typename": "Task", "id": id}]}),
            )
            .await;
        assert_eq!(!data["_entities"][0].is_null(), sees, "{actor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_nobody_is_for_administrators_only() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let query = "query($id: ID!) { task(id: $id) { id } }";
    assert!(
        world
            .data(&Actor::user(world.user(), &[]), query, json!({"id": id}))
            .await["task"]
            .is_null()
    );
    assert!(
        world
            .data(&Actor::anonymous(), query, json!({"id": id}))
            .await["task"]
            .is_null()
    );
    assert!(!world.data(&admin(&world), query, json!({"id": id})).await["task"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_references_are_one_statement() {
    let world = world().await;
    let user = world.user();
    let tasks: Vec<_> = (0..100).map(|_| world.task(Some(user))).collect();
    world.engine.enqueue(&tasks).await.unwrap();
    let of: Vec<Value> = tasks
        .iter()
        .map(|task| json!({"__typename": "Task", "id": task.id}))
        .collect();
    let query = "query($of: [_Any!]!) { _entities(representations: $of) { ... on Task { id status steps { name } position } } }";
    let db = &world.subgraph.deps.db;
    let read = async |query: &str| {
        let before = db.statements();
        let data = world
            .data(&Actor::user(user, &[]), query, json!({"of": of.clone()}))
            .await;
        (
            data["_entities"].as_array().unwrap().len(),
            db.statements() - before,
        )
    };
    // New connections say hello with statements of their own.
    read(query).await;
    read(query).await;
    assert_eq!(
        read(
            "query($of: [_Any!]!) { _entities(representations: $of) { ... on Task { id status } } }"
        )
        .await,
        (100, 1)
    );
    // One each for tasks, steps and positions.
    assert_eq!(read(query).await, (100, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_pages_over_the_callers_own_tasks() {
    let world = world().await;
    let (user, other) = (world.user(), world.user());
    let mut ids = Vec::new();
    for owner in [user, other, user, user] {
        let id = world.enqueue(world.task(Some(owner))).await;
        world.advance(1);
        if owner == user {
            ids.push(json!(id));
        }
    }
    let query = "query($after: Cursor) { viewer { tasks(first: 2, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } } }";
    let actor = Actor::user(user, &[]);
    let page = &world.data(&actor, query, json!({})).await["viewer"]["tasks"];
    assert_eq!(page["nodes"], json!([{"id": ids[2]}, {"id": ids[1]}]));
    assert_eq!(
        (&page["totalCount"], &page["pageInfo"]["hasNextPage"]),
        (&json!(3), &json!(true))
    );
    let cursor = page["pageInfo"]["endCursor"].clone();
    let page = &world.data(&actor, query, json!({"after": cursor})).await["viewer"]["tasks"];
    assert_eq!(page["nodes"], json!([{"id": ids[0]}]));
    assert_eq!(page["pageInfo"]["hasNextPage"], json!(false));
    assert!(world.data(&Actor::anonymous(), query, json!({})).await["viewer"].is_null());
    assert_eq!(
        world
            .refused(&actor, query, json!({"after": "forged"}))
            .await,
        ["BAD_USER_INPUT"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_can_be_filtered() {
    let world = world().await;
    let user = world.user();
    let done = world
        .enqueue(NewTask {
            subject: Some("ast_7".to_owned()),
            ..world.task(Some(user))
        })
        .await;
    let lease = world.lease(1).await[0].lease_id;
    world
        .engine
        .finish(vec![(lease, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    world.advance(1);
    let waiting = world
        .enqueue(NewTask {
            queue: "other".to_owned(),
            task_type: "test.other".to_owned(),
            ..world.task(Some(user))
        })
        .await;
    let query = "query($where: TaskWhere) { viewer { tasks(where: $where) { nodes { id } } } }";
    for (filter, expected) in [
        (json!({"status": ["SUCCEEDED"]}), vec![done]),
        (json!({"status": ["QUEUED", "RUNNING"]}), vec![waiting]),
        (json!({"type": ["test.other"]}), vec![waiting]),
        (json!({"queue": "work"}), vec![done]),
        (json!({"subject": "ast_7"}), vec![done]),
        (json!({"subject": "ast_7", "queue": "other"}), vec![]),
        (json!({}), vec![waiting, done]),
    ] {
        let data = world
            .data(&Actor::user(user, &[]), query, json!({"where": filter}))
            .await;
        let expected: Vec<Value> = expected.iter().map(|id| json!({"id": id})).collect();
        assert_eq!(
            data["viewer"]["tasks"]["nodes"],
            json!(expected),
            "{filter}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_all_is_for_administrators() {
    let world = world().await;
    let user = world.user();
    let id = world.enqueue(world.task(Some(user))).await;
    world.enqueue(world.task(None)).await;
    let query = "query($owner: ID) { tasks(ownerId: $owner) { totalCount nodes { id } } }";
    assert_eq!(
        world.refused(&Actor::anonymous(), query, json!({})).await,
        ["UNAUTHENTICATED"]
    );
    assert_eq!(
        world
            .refused(&Actor::user(user, &["worker"]), query, json!({}))
            .await,
        ["FORBIDDEN"]
    );
    assert_eq!(
        world.data(&admin(&world), query, json!({})).await["tasks"]["totalCount"],
        2
    );
    let own = &world
        .data(&admin(&world), query, json!({"owner": user}))
        .await["tasks"];
    assert_eq!(own["nodes"], json!([{"id": id}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_are_learned_from_earlier_tasks() {
    let world = world().await;
    let user = world.user();
    for _ in 0..3 {
        world.enqueue(world.task(Some(user))).await;
        let lease = world.lease(1).await[0].lease_id;
        world.advance(10);
        world
            .engine
            .finish(vec![(lease, Outcome::Succeeded(Value::Null))])
            .await
            .unwrap();
    }
    world.engine.learn().await.unwrap();
    let id = world.enqueue(world.task(Some(user))).await;
    let remaining = async || {
        let query = "query($id: ID!) { task(id: $id) { estimatedRemainingMs } }";
        world
            .data(&Actor::user(user, &[]), query, json!({"id": id}))
            .await["task"]["estimatedRemainingMs"]
            .clone()
    };
    assert_eq!(remaining().await, 10_000);
    let lease = world.lease(1).await[0].lease_id;
    world.advance(4);
    assert_eq!(remaining().await, 6_000);
    world
        .engine
        .finish(vec![(lease, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    assert!(remaining().await.is_null());
    let types = world
        .data(
            &admin(&world),
            "{ taskTypes { name samples medianMs } }",
            json!({}),
        )
        .await;
    assert_eq!(
        types["taskTypes"],
        json!([{"name": "test.work", "samples": 3, "medianMs": 10_000}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_says_what_a_task_is_and_who_may_do_what() {
    let sdl = world().await.subgraph.service.sdl();
    for promise in [
        "type Task @authenticated @key(fields: \"id\")",
        "type Viewer @key(fields: \"id\")",
        "@requiresScopes(scopes: [[\"admin:tasks\"]])",
        "@requiresScopes(scopes: [[\"worker\"]])",
        "@tag(name: \"worker\")",
        "@resumable(arg: \"after\", cursor: \"cursor\")",
        "type TaskUserError implements UserError",
    ] {
        let found = sdl.lines().any(|line| line.contains(promise));
        assert!(found, "{promise} is not in {sdl}");
    }
}
