//! Finding out who presents a credential.

use atelier_kit::{actor::Actor, error::ErrorCode};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, done};

const RESOLVE: &str = "query($token: String!) { identityResolve(token: $token) { userId sessionId scopes plan status expiresAt } }";
const VERIFY: &str = "query($token: String!) { authTokenVerify(token: $token) { active reason userId sessionId scopes expiresAt } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_router_resolves_a_token_over_http_with_a_service_identity_only() {
    let app = App::new().await;
    let admin = app.admin().await;
    let variables = json!({ "token": admin.access_token });
    let found = app
        .run(&Actor::service("router"), RESOLVE, variables.clone())
        .await["identityResolve"]
        .take();
    assert_eq!(
        (&found["userId"], &found["sessionId"]),
        (&json!(admin.id), &json!(admin.session))
    );
    assert_eq!(
        (&found["plan"], &found["status"]),
        (&json!("FREE"), &json!("ACTIVE"))
    );
    assert!(
        found["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("admin:users"))
    );
    for caller in [Actor::anonymous(), admin.actor.clone()] {
        assert_eq!(
            app.refused(&caller, RESOLVE, variables.clone()).await,
            "FORBIDDEN"
        );
    }
    assert_eq!(
        app.refused(&Actor::service("router"), RESOLVE, json!({ "token": "x" }))
            .await,
        "UNAUTHENTICATED"
    );
    app.clock().advance(TimeDelta::minutes(16));
    assert_eq!(
        app.refused(&Actor::service("router"), RESOLVE, variables)
            .await,
        "TOKEN_EXPIRED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn resolving_takes_one_statement() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.actor(&alice.access_token).await.unwrap();
    let before = app.test.deps.db.statements();
    app.actor(&alice.access_token).await.unwrap();
    assert_eq!(app.test.deps.db.statements() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_seen_every_few_minutes() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let seen = || app.text("(SELECT max(last_seen_at)::text FROM accounts.session)");
    let first = seen().await;
    app.clock().advance(TimeDelta::minutes(4));
    app.actor(&alice.access_token).await.unwrap();
    assert_eq!(seen().await, first);
    app.clock().advance(TimeDelta::minutes(2));
    app.actor(&alice.access_token).await.unwrap();
    assert_ne!(seen().await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_can_ask_about_it() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let ask = |token: String| {
        let app = &app;
        async move {
            app.run(&Actor::anonymous(), VERIFY, json!({ "token": token }))
                .await["authTokenVerify"]
                .take()
        }
    };
    let known = ask(alice.access_token.clone()).await;
    assert_eq!(
        (&known["active"], &known["userId"], &known["reason"]),
        (&json!(true), &json!(alice.id), &Value::Null)
    );
    let unknown = ask("nonsense".into()).await;
    assert_eq!(
        (&unknown["active"], &unknown["userId"], &unknown["reason"]),
        (&json!(false), &Value::Null, &json!("UNAUTHENTICATED"))
    );
    app.clock().advance(TimeDelta::minutes(16));
    assert_eq!(ask(alice.access_token).await["reason"], "TOKEN_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_not_taken_for_a_refusal() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.actor(&alice.access_token).await.unwrap();
    app.test.deps.db.close();
    let error = app.actor(&alice.access_token).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_has_run_out_falls_back_to_the_free_one() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let end = atelier_kit::clock::Clock::now(app.clock()) + TimeDelta::minutes(10);
    let set = "mutation($input: UserPlanSetInput!) { userPlanSet(input: $input) { user { id } userErrors { code } } }";
    done(
        app.run(
            &admin.actor,
            set,
            json!({ "input": { "userId": alice.id, "plan": "PRO", "expiresAt": end } }),
        )
        .await,
    );
    let plan = || async {
        app.identities
            .resolve(&alice.access_token)
            .await
            .unwrap()
            .plan
    };
    assert_eq!(plan().await, atelier_accounts::PlanCode::Pro);
    app.clock().advance(TimeDelta::minutes(10));
    assert_eq!(plan().await, atelier_accounts::PlanCode::Free);
}
