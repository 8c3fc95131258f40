//! Listing and ending sessions.

use atelier_kit::actor::Actor;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, REFRESH, codes, done};

const REVOKE: &str = "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds userErrors { code path } } }";
const LOGOUT: &str = "mutation { authLogout(input: {}) { sessionId userErrors { code } } }";
const SESSIONS: &str =
    "query($first: Int, $after: Cursor) { viewer { sessions(first: $first, after: $after) {
    totalCount nodes { id current userAgent ip } pageInfo { hasNextPage endCursor } } } }";

fn with(token: &str) -> Value {
    json!({ "input": { "refreshToken": token } })
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_this_session_only() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let other = app.login("alice").await;
    let out = done(app.run(&alice.actor, LOGOUT, json!({})).await);
    assert_eq!(out["sessionId"], json!(alice.session));
    assert_eq!(app.refusal(&alice.access_token).await, "UNAUTHENTICATED");
    assert_eq!(
        codes(
            app.run(&Actor::anonymous(), REFRESH, with(&alice.refresh_token))
                .await
        ),
        ["REFRESH_INVALID"]
    );
    app.actor(&other.access_token).await.unwrap();
    assert_eq!(
        app.refused(&Actor::anonymous(), LOGOUT, json!({})).await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_out_everywhere_elsewhere_or_on_one_device() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let (second, third) = (app.login("alice").await, app.login("alice").await);
    let ended = done(
        app.run(
            &alice.actor,
            REVOKE,
            json!({ "input": { "sessionId": second.session } }),
        )
        .await,
    );
    assert_eq!(ended["sessionIds"], json!([second.session]));
    assert_eq!(
        codes(
            app.run(
                &alice.actor,
                REVOKE,
                json!({ "input": { "sessionId": second.session } })
            )
            .await
        ),
        ["NOT_FOUND"]
    );
    let ended = done(
        app.run(
            &alice.actor,
            REVOKE,
            json!({ "input": { "keepCurrent": true } }),
        )
        .await,
    );
    assert_eq!(ended["sessionIds"], json!([third.session]));
    app.actor(&alice.access_token).await.unwrap();
    let ended = done(app.run(&alice.actor, REVOKE, json!({ "input": {} })).await);
    assert_eq!(ended["sessionIds"], json!([alice.session]));
    assert_eq!(app.refusal(&alice.access_token).await, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_or_sees_the_sessions_of_others() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    assert_eq!(
        codes(
            app.run(
                &bob.actor,
                REVOKE,
                json!({ "input": { "sessionId": alice.session } })
            )
            .await
        ),
        ["NOT_FOUND"]
    );
    app.actor(&alice.access_token).await.unwrap();
    let listed = app.run(&bob.actor, SESSIONS, json!({})).await;
    assert_eq!(listed["viewer"]["sessions"]["totalCount"], 1);
    assert_eq!(
        listed["viewer"]["sessions"]["nodes"][0]["id"],
        json!(bob.session)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_page_by_page_newest_first() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let mut expected = vec![alice.session];
    for _ in 0..4 {
        app.clock().advance(TimeDelta::seconds(1));
        expected.insert(0, app.login("alice").await.session);
    }
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = app
            .run(
                &alice.actor,
                SESSIONS,
                json!({ "first": 2, "after": after }),
            )
            .await["viewer"]["sessions"]
            .take();
        assert_eq!(page["totalCount"], 5);
        for node in page["nodes"].as_array().unwrap() {
            assert_eq!(node["current"], json!(node["id"] == json!(alice.session)));
            seen.push(node["id"].clone());
        }
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
    }
    assert_eq!(json!(seen), json!(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_cursors_and_pages_that_are_too_large_are_refused() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let page = app.run(&alice.actor, SESSIONS, json!({ "first": 1 })).await;
    let cursor = page["viewer"]["sessions"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut tampered = cursor.clone().into_bytes();
    tampered[15] = if tampered[15] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for variables in [
        json!({ "after": tampered }),
        json!({ "after": "x" }),
        json!({ "first": 101 }),
        json!({ "first": -1 }),
    ] {
        assert_eq!(
            app.refused(&alice.actor, SESSIONS, variables).await,
            "BAD_USER_INPUT"
        );
    }
    // A cursor of one list is none of another.
    let tokens =
        "query($after: Cursor) { viewer { accessTokens(after: $after) { nodes { id } } } }";
    assert_eq!(
        app.refused(&alice.actor, tokens, json!({ "after": cursor }))
            .await,
        "BAD_USER_INPUT"
    );
}
