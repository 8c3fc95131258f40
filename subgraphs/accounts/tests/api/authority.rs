//! Nobody grants more than they hold, and nobody acts on who holds more.

use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::app::{App, Person, codes, done};

const CREATE: &str = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id } userErrors { code message path } } }";
const UPDATE: &str = "mutation($input: RoleUpdateInput!) { roleUpdate(input: $input) { role { id } userErrors { code path } } }";
const ASSIGN: &str = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code path } } }";
const STATUS: &str = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { user { id } userErrors { code message path } } }";
const PLAN: &str = "mutation($input: UserPlanSetInput!) { userPlanSet(input: $input) { user { id } userErrors { code path } } }";
const QUOTA: &str = "mutation($input: QuotaAdjustInput!) { quotaAdjust(input: $input) { quota { used } userErrors { code path } } }";
const TOKEN: &str = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret userErrors { code path } } }";

/// Everything that a refusal must leave as it is.
async fn state(app: &App) -> String {
    app.text(
        "(SELECT (SELECT string_agg(a::text, ',' ORDER BY id) FROM accounts.account a) || '/' || \
         (SELECT string_agg(r::text, ',' ORDER BY id) FROM accounts.role r) || '/' || \
         (SELECT string_agg(ar::text, ',' ORDER BY account_id, role_id) FROM accounts.account_role ar) || '/' || \
         (SELECT count(*) FROM accounts.quota_entry) || '/' || (SELECT count(*) FROM accounts.access_token) || '/' || \
         (SELECT count(*) FROM accounts.audit_event WHERE action NOT LIKE 'auth.%') || '/' || (SELECT count(*) FROM accounts.outbox))",
    )
    .await
}

async fn role(app: &App, by: &Person, name: &str, scopes: &[&str]) -> Value {
    let input = json!({ "input": { "name": name, "scopes": scopes } });
    done(app.run(&by.actor, CREATE, input).await)["role"]["id"].clone()
}

/// Somebody with a role of these scopes, as the router would know them.
async fn holder(app: &App, admin: &Person, name: &str, scopes: &[&str]) -> Actor {
    let person = app.register(name).await;
    let role = role(app, admin, name, scopes).await;
    let input = json!({ "input": { "userId": person.id, "add": [role] } });
    done(app.run(&admin.actor, ASSIGN, input).await);
    app.actor(&person.access_token).await.unwrap()
}

/// A token of the administrator that was made for less.
async fn token(app: &App, admin: &Person, scopes: &[&str]) -> Actor {
    let input = json!({ "input": { "name": "narrow", "scopes": scopes } });
    let made = done(app.run(&admin.actor, TOKEN, input).await);
    app.actor(made["secret"].as_str().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_less_does_nothing_to_those_who_may_more() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let scopes = ["admin:quotas", "admin:roles", "admin:users"];
    let moderator = holder(&app, &admin, "mika", &scopes).await;
    let narrow = token(&app, &admin, &scopes).await;
    let harmless = role(&app, &admin, "harmless", &[]).await;
    let operations = [
        (STATUS, json!({ "status": "SUSPENDED", "reason": "coup" })),
        (STATUS, json!({ "status": "ACTIVE" })),
        (PLAN, json!({ "plan": "FREE" })),
        (
            QUOTA,
            json!({ "meter": "VIDEOS", "bonus": -5, "reason": "coup" }),
        ),
        (ASSIGN, json!({ "add": [harmless] })),
        (ASSIGN, json!({ "remove": [harmless] })),
    ];
    let other = holder(&app, &admin, "audrey", &["admin:audit"]).await;
    let before = state(&app).await;
    for (actor, target) in [
        (&moderator, admin.id),
        (&moderator, other.user_id().unwrap()),
        (&narrow, other.user_id().unwrap()),
    ] {
        for (operation, input) in &operations {
            let mut input = input.clone();
            input["userId"] = json!(target);
            let answer = app.run(actor, operation, json!({ "input": input })).await;
            assert_eq!(codes(answer), ["OUTRANKED"], "{operation}");
        }
    }
    assert_eq!(state(&app).await, before);
    // Those who may no more than they do are theirs to act on.
    for (operation, input) in &operations {
        let mut input = input.clone();
        input["userId"] = json!(alice.id);
        done(
            app.run(&moderator, operation, json!({ "input": input }))
                .await,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_not_changed_over_the_heads_of_those_who_may_more() {
    let app = App::new().await;
    let admin = app.admin().await;
    let keeper = holder(&app, &admin, "kim", &["admin:roles", "reports:read"]).await;
    let reader = role(&app, &admin, "reader", &["reports:read"]).await;
    let input = json!({ "input": { "userId": admin.id, "add": [reader] } });
    done(app.run(&admin.actor, ASSIGN, input).await);
    let before = state(&app).await;
    let empty = json!({ "input": { "id": reader, "scopes": [] } });
    assert_eq!(
        codes(app.run(&keeper, UPDATE, empty.clone()).await),
        ["OUTRANKED"]
    );
    assert_eq!(state(&app).await, before);
    done(app.run(&admin.actor, UPDATE, empty).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_grants_what_the_token_holds_and_not_what_its_owner_does() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let auditor = role(&app, &admin, "auditor", &["admin:audit"]).await;
    let keeper = token(&app, &admin, &["admin:roles"]).await;
    let before = state(&app).await;
    for scopes in [["worker"], ["admin:users"], ["orders:read"]] {
        let create = json!({ "input": { "name": "x", "scopes": scopes } });
        assert_eq!(
            codes(app.run(&keeper, CREATE, create).await),
            ["SCOPE_NOT_HELD"]
        );
        let update = json!({ "input": { "id": auditor, "scopes": scopes } });
        assert_eq!(
            codes(app.run(&keeper, UPDATE, update).await),
            ["SCOPE_NOT_HELD"]
        );
    }
    let describe = json!({ "input": { "id": auditor, "description": "mine" } });
    assert_eq!(
        codes(app.run(&keeper, UPDATE, describe).await),
        ["SCOPE_NOT_HELD"]
    );
    for change in ["add", "remove"] {
        let assign = json!({ "input": { "userId": alice.id, change: [auditor] } });
        assert_eq!(
            codes(app.run(&keeper, ASSIGN, assign).await),
            ["SCOPE_NOT_HELD"]
        );
    }
    assert_eq!(state(&app).await, before);
    let own = json!({ "input": { "name": "own", "scopes": ["admin:roles"] } });
    done(app.run(&keeper, CREATE, own).await);
    // Who holds everything names what nobody has yet.
    role(&app, &admin, "partner", &["orders:read"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_to_act_on_somebody_is_told_in_the_callers_language() {
    let app = App::new().await;
    let admin = app.admin().await;
    let moderator = Actor {
        locale: atelier_kit::Locale::ZhCn,
        ..holder(&app, &admin, "mika", &["admin:users"]).await
    };
    let input = json!({ "input": { "userId": admin.id, "status": "SUSPENDED", "reason": "coup" } });
    let answer = app.run(&moderator, STATUS, input).await;
    assert_eq!(
        answer["userStatusSet"]["userErrors"],
        json!([{
            "code": "OUTRANKED",
            "message": "该用户拥有你没有的权限，你不能对其执行此操作。",
            "path": ["input", "userId"],
        }])
    );
}
