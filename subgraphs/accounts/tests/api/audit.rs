//! The audit log.

use atelier_kit::actor::Actor;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, done};

const EVENTS: &str = "query($where: AuditWhere, $first: Int, $after: Cursor) { auditEvents(where: $where, first: $first, after: $after) {
    totalCount nodes { action actor { username } targetId details requestId ip } pageInfo { hasNextPage endCursor } } }";

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_whose_permissions_is_on_record() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    app.clock().advance(TimeDelta::seconds(1));
    let at = Actor {
        request_id: "req-1".into(),
        ip: Some("203.0.113.9".into()),
        ..admin.actor.clone()
    };
    let create = "mutation { roleCreate(input: { name: \"reader\", scopes: [\"reports:read\"] }) { role { id } userErrors { code } } }";
    let role = done(app.run(&at, create, json!({})).await)["role"]["id"].clone();
    app.clock().advance(TimeDelta::seconds(1));
    let assign = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code } } }";
    done(
        app.run(
            &at,
            assign,
            json!({ "input": { "userId": alice.id, "add": [role] } }),
        )
        .await,
    );

    let by_admin = json!({ "where": { "actorId": admin.id } });
    let log = app.run(&admin.actor, EVENTS, by_admin).await["auditEvents"].take();
    assert_eq!(log["totalCount"], 3, "the sign-in and two changes");
    assert_eq!(
        log["nodes"][0],
        json!({
            "action": "role.assign", "actor": { "username": "admin" }, "targetId": alice.id,
            "details": { "before": [], "after": ["reader"] }, "requestId": "req-1", "ip": "203.0.113.9",
        })
    );
    assert_eq!(log["nodes"][1]["targetId"], role);
    let count = |filter: Value| {
        let (app, admin) = (&app, &admin);
        async move {
            app.run(&admin.actor, EVENTS, json!({ "where": filter }))
                .await["auditEvents"]["totalCount"]
                .as_i64()
                .unwrap()
        }
    };
    let assigned = json!({ "targetId": alice.id, "action": "role.assign" });
    assert_eq!(count(assigned).await, 1);
    assert_eq!(count(json!({ "targetId": role })).await, 1);
    let alices = json!({ "actorId": alice.id, "action": "role.assign" });
    assert_eq!(count(alices).await, 0);
    assert_eq!(
        count(json!({ "actorId": admin.id, "action": "role.create" })).await,
        1
    );
    assert_eq!(count(json!({ "after": "2100-01-01T00:00:00Z" })).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_auditors_read_the_log() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    assert_eq!(
        app.refused(&alice.actor, EVENTS, json!({})).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.refused(&Actor::anonymous(), EVENTS, json!({})).await,
        "UNAUTHENTICATED"
    );
    for variables in [
        json!({ "first": 101 }),
        json!({ "after": "AAAAAAAAAAAAAAAA" }),
        json!({ "where": { "targetId": "nonsense" } }),
    ] {
        assert_eq!(
            app.refused(&admin.actor, EVENTS, variables).await,
            "BAD_USER_INPUT"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_secrets_are_not_on_record() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let create =
        "mutation { accessTokenCreate(input: { name: \"ci\" }) { secret userErrors { code } } }";
    let secret = done(app.run(&alice.actor, create, json!({})).await)["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let change = "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } userErrors { code } } }";
    let input = json!({ "input": { "currentPassword": crate::app::PASSWORD, "newPassword": "another horse battery" } });
    done(app.run(&alice.actor, change, input).await);
    for secret in [
        secret.as_str(),
        crate::app::PASSWORD,
        "another horse battery",
    ] {
        assert_eq!(
            app.count(&format!(
                "audit_event WHERE audit_event::text LIKE '%{secret}%'"
            ))
            .await,
            0
        );
        assert_eq!(
            app.count(&format!("outbox WHERE outbox::text LIKE '%{secret}%'"))
                .await,
            0
        );
    }
    let changes = "audit_event WHERE action NOT LIKE 'auth.%'";
    assert_eq!(app.count(changes).await, 2);
}

/// What of the log is about signing in, oldest first.
async fn sign_ins(app: &App) -> Vec<String> {
    let told = app
        .text(
            "(SELECT coalesce(string_agg(action || ' ' || coalesce(details->>'reason', '-') || ' ' || coalesce(ip, '-') || ' ' || \
             (actor_id IS NOT NULL)::text || ' ' || (target_id IS NOT NULL)::text, ',' ORDER BY at, id), '') \
             FROM accounts.audit_event WHERE action LIKE 'auth.%')",
        )
        .await;
    told.split(',').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_failures_and_step_ups_are_on_record() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let from = |actor: &Actor| Actor {
        ip: Some("203.0.113.9".into()),
        request_id: "req-7".into(),
        ..actor.clone()
    };
    let login =
        |name: &str, password: &str| json!({ "input": { "login": name, "password": password } });
    for (name, password) in [
        ("alice", crate::app::PASSWORD),
        ("alice", "wrong horse battery"),
        ("nobody", "wrong horse battery"),
    ] {
        app.clock().advance(TimeDelta::seconds(1));
        app.run(
            &from(&Actor::anonymous()),
            crate::app::LOGIN,
            login(name, password),
        )
        .await;
    }
    let delete = "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { user { id } userErrors { code } } }";
    for password in ["wrong horse battery", crate::app::PASSWORD] {
        app.clock().advance(TimeDelta::seconds(1));
        let input = json!({ "input": { "password": password } });
        app.run(&from(&alice.actor), delete, input).await;
    }
    assert_eq!(
        sign_ins(&app).await,
        [
            "auth.register - - true true",
            "auth.login - 203.0.113.9 true true",
            "auth.login_failed INVALID_CREDENTIALS 203.0.113.9 false true",
            "auth.login_failed INVALID_CREDENTIALS 203.0.113.9 false false",
            "auth.step_up_failed - 203.0.113.9 true true",
            "auth.step_up - 203.0.113.9 true true",
        ]
    );
    assert_eq!(
        app.count("audit_event WHERE action LIKE 'auth.%' AND request_id = 'req-7'")
            .await,
        5
    );
    for secret in ["wrong horse", "nobody", crate::app::PASSWORD] {
        let found = format!("audit_event WHERE audit_event::text LIKE '%{secret}%'");
        assert_eq!(app.count(&found).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_of_a_token_from_each_network_is_on_record() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let create = "mutation { accessTokenCreate(input: { name: \"ci\" }) { accessToken { id } secret userErrors { code } } }";
    let made = done(app.run(&alice.actor, create, json!({})).await);
    let resolve = "query($token: String!) { identityResolve(token: $token) { userId } }";
    for ip in [
        "203.0.113.9",
        "203.0.113.9",
        "2001:db8:1:2::1",
        "2001:db8:1:2:ffff::1",
        "2001:db8:1:3::1",
    ] {
        let router = Actor {
            ip: Some(ip.into()),
            request_id: "req-8".into(),
            ..Actor::service("router")
        };
        app.run(&router, resolve, json!({ "token": made["secret"] }))
            .await;
    }
    let admin = app.admin().await;
    let uses = json!({ "where": { "targetId": made["accessToken"]["id"], "action": "access_token.new_network" } });
    let log = app.run(&admin.actor, EVENTS, uses).await["auditEvents"].take();
    assert_eq!(log["totalCount"], 3);
    for entry in log["nodes"].as_array().unwrap() {
        assert_eq!(entry["actor"]["username"], "alice");
        assert_eq!(entry["requestId"], "req-8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_a_request_that_is_none_does_not_get_into_the_log() {
    let app = App::new().await;
    for id in ["x".repeat(90_000), "a\nb".to_owned(), "a b".to_owned()] {
        let actor = Actor {
            request_id: id,
            ..Actor::anonymous()
        };
        let input = json!({ "input": { "login": "nobody", "password": "wrong horse battery" } });
        app.run(&actor, crate::app::LOGIN, input).await;
    }
    assert_eq!(app.count("audit_event WHERE request_id = ''").await, 3);
}
