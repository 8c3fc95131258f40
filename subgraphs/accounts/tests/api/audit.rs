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
