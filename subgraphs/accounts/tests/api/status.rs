//! Suspending and activating.

use atelier_kit::{actor::Actor, clock::Clock};
use chrono::TimeDelta;
use serde_json::json;

use crate::app::{App, LOGIN, PASSWORD, REFRESH, codes, done, payload};

const SET: &str = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) {
    user { status statusReason suspendedUntil } userErrors { code path } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_gets_no_further_with_anything() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let create = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { accessToken { id } secret userErrors { code } } }";
    let made = done(
        app.run(&alice.actor, create, json!({ "input": { "name": "ci" } }))
            .await,
    );
    let secret = made["secret"].as_str().unwrap().to_owned();

    let suspend =
        json!({ "input": { "userId": alice.id, "status": "SUSPENDED", "reason": "spam" } });
    let set = done(app.run(&admin.actor, SET, suspend).await);
    assert_eq!(
        set["user"],
        json!({ "status": "SUSPENDED", "statusReason": "spam", "suspendedUntil": null })
    );

    assert_eq!(app.refusal(&alice.access_token).await, "ACCOUNT_DISABLED");
    assert_eq!(app.refusal(&secret).await, "ACCOUNT_DISABLED");
    let login = payload(
        app.run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": "alice", "password": PASSWORD } }),
        )
        .await,
    );
    assert_eq!(login["userErrors"][0]["code"], "ACCOUNT_DISABLED");
    assert_eq!(login["userErrors"][0]["params"]["reason"], "spam");
    let wrong = app
        .run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": "alice", "password": "wrong horse battery" } }),
        )
        .await;
    assert_eq!(
        codes(wrong),
        ["INVALID_CREDENTIALS"],
        "only the owner learns of it"
    );
    let refresh = app
        .run(
            &Actor::anonymous(),
            REFRESH,
            json!({ "input": { "refreshToken": alice.refresh_token } }),
        )
        .await;
    assert_eq!(codes(refresh), ["ACCOUNT_DISABLED"]);

    done(
        app.run(
            &admin.actor,
            SET,
            json!({ "input": { "userId": alice.id, "status": "ACTIVE" } }),
        )
        .await,
    );
    app.actor(&alice.access_token).await.unwrap();
    // The refusal has not used the token up.
    done(
        app.run(
            &Actor::anonymous(),
            REFRESH,
            json!({ "input": { "refreshToken": alice.refresh_token } }),
        )
        .await,
    );
    assert_eq!(
        app.count("audit_event WHERE action = 'user.status_set'")
            .await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_by_itself() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let until = app.clock().now() + TimeDelta::minutes(10);
    let suspend = json!({ "input": { "userId": alice.id, "status": "SUSPENDED", "reason": "cool down", "expiresAt": until } });
    done(app.run(&admin.actor, SET, suspend).await);
    assert_eq!(app.refusal(&alice.access_token).await, "ACCOUNT_DISABLED");
    app.clock().advance(TimeDelta::minutes(10));
    app.actor(&alice.access_token).await.unwrap();
    let shown = app
        .run(
            &Actor::anonymous(),
            "query($id: ID!) { user(id: $id) { status } }",
            json!({ "id": alice.id }),
        )
        .await;
    assert_eq!(shown["user"]["status"], "ACTIVE");
    app.login("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_and_forbidden_suspensions_change_nothing() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    for (input, code) in [
        (
            json!({ "userId": alice.id, "status": "SUSPENDED" }),
            "REQUIRED",
        ),
        (
            json!({ "userId": alice.id, "status": "SUSPENDED", "reason": "x".repeat(501) }),
            "TOO_LONG",
        ),
        (
            json!({ "userId": alice.id, "status": "SUSPENDED", "reason": "x", "expiresAt": app.clock().now() }),
            "IN_THE_PAST",
        ),
        (
            json!({ "userId": admin.id, "status": "SUSPENDED", "reason": "x" }),
            "NOT_ON_YOURSELF",
        ),
        (
            json!({ "userId": "usr_01h455vb4pex5vsknk084sn02q", "status": "SUSPENDED", "reason": "x" }),
            "NOT_FOUND",
        ),
    ] {
        assert_eq!(
            codes(app.run(&admin.actor, SET, json!({ "input": input })).await),
            [code]
        );
    }
    let suspend = json!({ "input": { "userId": admin.id, "status": "SUSPENDED", "reason": "x" } });
    assert_eq!(
        app.refused(&alice.actor, SET, suspend.clone()).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.refused(&Actor::anonymous(), SET, suspend).await,
        "UNAUTHENTICATED"
    );
    assert_eq!(app.count("account WHERE status <> 'ACTIVE'").await, 0);
    assert_eq!(
        app.count("audit_event WHERE action NOT LIKE 'auth.%'")
            .await,
        0
    );
}
