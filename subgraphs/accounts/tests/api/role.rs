//! Roles and scopes.

use atelier_kit::{actor::Actor, redis::Signal};
use serde_json::{Value, json};

use crate::app::{App, Person, codes, done};

const CREATE: &str = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id name scopes builtIn } userErrors { code path params } } }";
const UPDATE: &str = "mutation($input: RoleUpdateInput!) { roleUpdate(input: $input) { role { id scopes } userErrors { code path } } }";
const ASSIGN: &str = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code path params } } }";

async fn create(app: &App, by: &Person, name: &str, scopes: &[&str]) -> Value {
    let made = done(
        app.run(
            &by.actor,
            CREATE,
            json!({ "input": { "name": name, "scopes": scopes } }),
        )
        .await,
    );
    made["role"]["id"].clone()
}

async fn builtin(app: &App, by: &Person, name: &str) -> Value {
    let roles = app
        .run(&by.actor, "{ roles { id name builtIn } }", json!({}))
        .await;
    let roles = roles["roles"].as_array().unwrap();
    roles
        .iter()
        .find(|role| role["name"] == name && role["builtIn"] == true)
        .unwrap()["id"]
        .clone()
}

/// What somebody's roles let them do, beside what everybody may.
async fn scopes(app: &App, of: &Person) -> Vec<String> {
    let found = app.identities.resolve(&of.access_token).await.unwrap();
    let own = |scope: &String| scope.starts_with("account:");
    assert_eq!(found.scopes.iter().filter(|scope| own(scope)).count(), 2);
    found
        .scopes
        .into_iter()
        .filter(|scope| !own(scope))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_counts_at_the_next_request_without_signing_in_again() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let role = create(&app, &admin, "auditor", &["admin:audit", "reports:read"]).await;
    let mut changes = app
        .test
        .deps
        .redis
        .subscribe(atelier_accounts::IDENTITY_CHANGED);
    assert_eq!(changes.recv().await, Some(Signal::Subscribed));
    let told = Some(Signal::Message(alice.id.to_string().as_bytes().into()));

    done(
        app.run(
            &admin.actor,
            ASSIGN,
            json!({ "input": { "userId": alice.id, "add": [role] } }),
        )
        .await,
    );
    assert_eq!(changes.recv().await, told);
    assert_eq!(scopes(&app, &alice).await, ["admin:audit", "reports:read"]);
    let data = app
        .run(&alice.actor, "{ viewer { roles { name } } }", json!({}))
        .await;
    assert_eq!(data["viewer"]["roles"], json!([{ "name": "auditor" }]));

    done(
        app.run(
            &admin.actor,
            UPDATE,
            json!({ "input": { "id": role, "scopes": ["reports:read"] } }),
        )
        .await,
    );
    assert_eq!(changes.recv().await, told);
    assert_eq!(scopes(&app, &alice).await, ["reports:read"]);

    done(
        app.run(
            &admin.actor,
            ASSIGN,
            json!({ "input": { "userId": alice.id, "remove": [role] } }),
        )
        .await,
    );
    assert_eq!(changes.recv().await, told);
    assert_eq!(scopes(&app, &alice).await, Vec::<String>::new());
    assert_eq!(app.count("audit_event WHERE action LIKE 'role.%'").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_with_the_scope_administer_roles() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let role = builtin(&app, &admin, "admin").await;
    let operations = [
        ("{ roles { id } }", json!({})),
        (
            CREATE,
            json!({ "input": { "name": "mine", "scopes": ["admin:users"] } }),
        ),
        (UPDATE, json!({ "input": { "id": role, "scopes": [] } })),
        (
            ASSIGN,
            json!({ "input": { "userId": alice.id, "add": [role] } }),
        ),
    ];
    for (operation, variables) in operations {
        assert_eq!(
            app.refused(&alice.actor, operation, variables.clone())
                .await,
            "FORBIDDEN",
            "{operation}"
        );
        assert_eq!(
            app.refused(&Actor::anonymous(), operation, variables).await,
            "UNAUTHENTICATED",
            "{operation}"
        );
    }
    assert_eq!(app.count("role").await, 2);
    assert_eq!(app.count("account_role").await, 1);
    assert_eq!(app.count("audit_event WHERE action LIKE 'role.%'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_away_a_right_that_they_do_not_have() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let keeper = create(&app, &admin, "role keeper", &["admin:roles"]).await;
    done(
        app.run(
            &admin.actor,
            ASSIGN,
            json!({ "input": { "userId": alice.id, "add": [keeper] } }),
        )
        .await,
    );
    let keeper_actor = app.actor(&alice.access_token).await.unwrap();
    let all = builtin(&app, &admin, "admin").await;

    let create = app
        .run(
            &keeper_actor,
            CREATE,
            json!({ "input": { "name": "x", "scopes": ["admin:users"] } }),
        )
        .await;
    assert_eq!(codes(create), ["SCOPE_NOT_HELD"]);
    let assign = app
        .run(
            &keeper_actor,
            ASSIGN,
            json!({ "input": { "userId": alice.id, "add": [all] } }),
        )
        .await;
    assert_eq!(codes(assign), ["SCOPE_NOT_HELD"]);
    let update = app
        .run(
            &keeper_actor,
            UPDATE,
            json!({ "input": { "id": keeper, "scopes": ["admin:roles", "admin:users"] } }),
        )
        .await;
    assert_eq!(codes(update), ["SCOPE_NOT_HELD"]);
    // Nor do they take it from others.
    let take = app
        .run(
            &keeper_actor,
            ASSIGN,
            json!({ "input": { "userId": admin.id, "remove": [all] } }),
        )
        .await;
    assert_eq!(codes(take), ["SCOPE_NOT_HELD"]);
    // Not even what does not administer anything.
    let partner = json!({ "input": { "name": "partner", "scopes": ["orders:read"] } });
    assert_eq!(
        codes(app.run(&keeper_actor, CREATE, partner).await),
        ["SCOPE_NOT_HELD"]
    );
    assert_eq!(scopes(&app, &alice).await, ["admin:roles"]);
    assert_eq!(app.count("role").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_roles_are_refused() {
    let app = App::new().await;
    let admin = app.admin().await;
    create(&app, &admin, "taken", &[]).await;
    let many: Vec<String> = (0..51).map(|at| format!("scope{at}")).collect();
    for (input, code) in [
        (json!({ "name": " ", "scopes": [] }), "REQUIRED"),
        (json!({ "name": "x".repeat(51), "scopes": [] }), "TOO_LONG"),
        (json!({ "name": "taken", "scopes": [] }), "ROLE_NAME_TAKEN"),
        (
            json!({ "name": "x", "scopes": ["ok", "Not A Scope"] }),
            "SCOPE_INVALID",
        ),
        (
            json!({ "name": "x", "scopes": ["a:b:c:d"] }),
            "SCOPE_INVALID",
        ),
        (json!({ "name": "x", "scopes": many }), "LIMIT_REACHED"),
    ] {
        assert_eq!(
            codes(
                app.run(&admin.actor, CREATE, json!({ "input": input }))
                    .await
            ),
            [code]
        );
    }
    assert_eq!(app.count("role").await, 3);
    let builtin = builtin(&app, &admin, "worker").await;
    let update = app
        .run(
            &admin.actor,
            UPDATE,
            json!({ "input": { "id": builtin, "scopes": ["admin:users"] } }),
        )
        .await;
    assert_eq!(codes(update), ["ROLE_BUILT_IN"]);
    let missing = "rol_01h455vb4pex5vsknk084sn02q";
    assert_eq!(
        codes(
            app.run(&admin.actor, UPDATE, json!({ "input": { "id": missing } }))
                .await
        ),
        ["NOT_FOUND"]
    );
    let assign = app
        .run(
            &admin.actor,
            ASSIGN,
            json!({ "input": { "userId": admin.id, "add": [builtin, missing] } }),
        )
        .await;
    assert_eq!(codes(assign), ["NOT_FOUND"]);
    assert_eq!(app.count("account_role").await, 1, "nothing was given");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_can_administer_always_remains() {
    let app = App::new().await;
    let admin = app.admin().await;
    let role = builtin(&app, &admin, "admin").await;
    let leave = json!({ "input": { "userId": admin.id, "remove": [role] } });
    assert_eq!(
        codes(app.run(&admin.actor, ASSIGN, leave.clone()).await),
        ["LAST_ADMIN"]
    );
    let alice = app.register("alice").await;
    done(
        app.run(
            &admin.actor,
            ASSIGN,
            json!({ "input": { "userId": alice.id, "add": [role] } }),
        )
        .await,
    );
    // Both want to leave at the same time: one may.
    let alice_actor = app.actor(&alice.access_token).await.unwrap();
    let leave_too = json!({ "input": { "userId": alice.id, "remove": [role] } });
    let (one, other) = tokio::join!(
        app.run(&admin.actor, ASSIGN, leave),
        app.run(&alice_actor, ASSIGN, leave_too)
    );
    let left = [one, other]
        .iter()
        .filter(|answer| !answer["roleAssign"]["user"].is_null())
        .count();
    assert_eq!(left, 1);
    assert_eq!(app.count("account_role").await, 1);
}
