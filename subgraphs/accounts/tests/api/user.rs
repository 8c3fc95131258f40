//! Users and who may see what of them.

use atelier_kit::actor::Actor;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::App;

const ENTITIES: &str = "query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { id username } } }";
const USERS: &str = "query($where: UserWhere, $orderBy: UserOrder, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
    users(where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { username email } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn crowd(app: &App, size: i32) -> Vec<String> {
    app.execute(&format!(
        "INSERT INTO accounts.account (id, username, username_folded, username_skeleton, email, email_folded, display_name, kind, plan_started_at, created_at, updated_at) \
         SELECT gen_random_uuid(), 'user' || lpad(n::text, 3, '0'), 'user' || lpad(n::text, 3, '0'), 'skeleton' || n, n || '@example.org', n || '@example.org', 'User', \
         'HUMAN', now(), now() + n * interval '1 second', now() FROM generate_series(1, {size}) n"
    ))
    .await;
    (1..=size).map(|at| format!("user{at:03}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_finds_a_user_by_id_or_name() {
    let app = App::new().await;
    let alice = app.register("Alice").await;
    let query = "query($id: ID, $username: String) { user(id: $id, username: $username) { id username displayName kind status } }";
    let expected = json!({ "id": alice.id, "username": "Alice", "displayName": "Alice", "kind": "HUMAN", "status": "ACTIVE" });
    for variables in [
        json!({ "id": alice.id }),
        json!({ "username": "alice" }),
        json!({ "username": "ALICE" }),
    ] {
        assert_eq!(
            app.run(&Actor::anonymous(), query, variables).await["user"],
            expected
        );
    }
    for variables in [
        json!({ "id": "usr_01h455vb4pex5vsknk084sn02q" }),
        json!({ "username": "nobody" }),
        json!({ "username": "x".repeat(10_000) }),
    ] {
        assert_eq!(
            app.run(&Actor::anonymous(), query, variables).await["user"],
            Value::Null
        );
    }
    for variables in [
        json!({}),
        json!({ "id": alice.id, "username": "alice" }),
        json!({ "id": "ast_01h455vb4pex5vsknk084sn02q" }),
    ] {
        assert_eq!(
            app.refused(&Actor::anonymous(), query, variables).await,
            "BAD_USER_INPUT"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_for_administrators() {
    let app = App::new().await;
    let (admin, alice, bob) = (
        app.admin().await,
        app.register("alice").await,
        app.register("bob").await,
    );
    for field in [
        "email",
        "statusReason",
        "suspendedUntil",
        "lastLoginAt",
        "loginCount",
    ] {
        let query = format!("query($id: ID!) {{ user(id: $id) {{ {field} }} }}");
        assert_eq!(
            app.refused(&bob.actor, &query, json!({ "id": alice.id }))
                .await,
            "FORBIDDEN",
            "{field}"
        );
        assert_eq!(
            app.refused(&Actor::anonymous(), &query, json!({ "id": alice.id }))
                .await,
            "UNAUTHENTICATED",
            "{field}"
        );
        app.run(&admin.actor, &query, json!({ "id": alice.id }))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_users_of_another_domain_are_loaded_with_one_statement() {
    let app = App::new().await;
    let names = crowd(&app, 100).await;
    let admin = app.admin().await;
    let by_name: Vec<_> = names
        .iter()
        .map(|name| json!({ "__typename": "User", "username": name }))
        .collect();
    let before = app.test.deps.db.statements();
    let data = app
        .run(
            &Actor::anonymous(),
            ENTITIES,
            json!({ "representations": by_name }),
        )
        .await;
    assert_eq!(app.test.deps.db.statements() - before, 1);
    let found = data["_entities"].as_array().unwrap();
    assert!(
        found
            .iter()
            .zip(&names)
            .all(|(user, name)| user["username"] == *name),
        "each in its place"
    );

    let mut by_id: Vec<_> = found
        .iter()
        .map(|user| json!({ "__typename": "User", "id": user["id"] }))
        .collect();
    by_id[50] = json!({ "__typename": "User", "id": "usr_01h455vb4pex5vsknk084sn02q" });
    let before = app.test.deps.db.statements();
    let data = app
        .run(&admin.actor, ENTITIES, json!({ "representations": by_id }))
        .await;
    assert_eq!(app.test.deps.db.statements() - before, 1);
    assert_eq!(
        data["_entities"][50],
        Value::Null,
        "one that does not exist does not hurt the others"
    );
    assert_eq!(data["_entities"][99]["username"], names[99]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_the_viewer_of_somebody_else() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let query = "query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Viewer { email } } }";
    let alices = json!({ "representations": [{ "__typename": "Viewer", "id": alice.id }] });
    assert_eq!(
        app.run(&alice.actor, query, alices.clone()).await["_entities"],
        json!([{ "email": "alice@example.org" }])
    );
    assert_eq!(
        app.run(&bob.actor, query, alices.clone()).await["_entities"],
        json!([null])
    );
    assert_eq!(
        app.run(&Actor::anonymous(), query, alices).await["_entities"],
        json!([null])
    );
    assert_eq!(
        app.run(&Actor::anonymous(), "{ viewer { id } }", json!({}))
            .await["viewer"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_page_through_users_in_both_directions() {
    let app = App::new().await;
    let admin = app.admin().await;
    let names = crowd(&app, 25).await;
    let text = json!({ "text": "USER" });
    for order in ["USERNAME", "NEWEST"] {
        let mut expected = names.clone();
        if order == "NEWEST" {
            expected.reverse();
        }
        let mut seen: Vec<Value> = Vec::new();
        let mut after = Value::Null;
        let last = loop {
            let page = app
                .run(
                    &admin.actor,
                    USERS,
                    json!({ "where": text, "orderBy": order, "first": 10, "after": after }),
                )
                .await["users"]
                .take();
            assert_eq!(page["totalCount"], 25);
            seen.extend(
                page["nodes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|node| node["username"].clone()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break page;
            }
        };
        assert_eq!(json!(seen), json!(expected), "{order}");
        let before = last["pageInfo"]["startCursor"].clone();
        let back = app
            .run(
                &admin.actor,
                USERS,
                json!({ "where": text, "orderBy": order, "last": 10, "before": before }),
            )
            .await["users"]
            .take();
        let back: Vec<_> = back["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["username"].clone())
            .collect();
        assert_eq!(json!(back), json!(expected[10..20]), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_filter_users_and_others_see_no_list() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    app.clock().advance(TimeDelta::seconds(10));
    app.register("b_b").await;
    app.execute("UPDATE accounts.account SET status = 'SUSPENDED' WHERE username = 'alice'")
        .await;
    let found = |filter: Value| {
        let (app, admin) = (&app, &admin);
        async move {
            let page = app
                .run(
                    &admin.actor,
                    USERS,
                    json!({ "where": filter, "orderBy": "USERNAME" }),
                )
                .await;
            page["users"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["username"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found(json!({ "status": ["SUSPENDED"] })).await, ["alice"]);
    assert_eq!(found(json!({ "text": "ALICE@" })).await, ["alice"]);
    assert_eq!(
        found(json!({ "text": "_" })).await,
        ["b_b"],
        "a wildcard is a letter here"
    );
    assert_eq!(found(json!({ "text": "%" })).await, Vec::<String>::new());
    assert_eq!(found(json!({ "kind": "BOT" })).await, Vec::<String>::new());
    let later = atelier_kit::clock::Clock::now(app.clock()) - TimeDelta::seconds(5);
    assert_eq!(found(json!({ "createdAfter": later })).await, ["b_b"]);
    assert_eq!(
        app.refused(&alice.actor, USERS, json!({})).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.refused(&admin.actor, USERS, json!({ "first": 101 }))
            .await,
        "BAD_USER_INPUT"
    );
    assert_eq!(
        app.refused(
            &admin.actor,
            USERS,
            json!({ "after": "AAAAAAAAAAAAAAAAAAAA" })
        )
        .await,
        "BAD_USER_INPUT"
    );
}
