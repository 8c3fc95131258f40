//! Refreshing, listing and ending sessions.

use atelier_kit::{actor::Actor, redis::Signal};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, REFRESH, codes, done, tokens};

const REVOKE: &str = "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds userErrors { code path } } }";
const LOGOUT: &str = "mutation { authLogout(input: {}) { sessionId userErrors { code } } }";
const SESSIONS: &str =
    "query($first: Int, $after: Cursor) { viewer { sessions(first: $first, after: $after) {
    totalCount nodes { id current userAgent ip } pageInfo { hasNextPage endCursor } } } }";

fn with(token: &str) -> Value {
    json!({ "input": { "refreshToken": token } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_buys_a_new_pair() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.clock().advance(TimeDelta::minutes(16));
    assert_eq!(app.refusal(&alice.access_token).await, "TOKEN_EXPIRED");
    let renewed = tokens(
        app.run(&Actor::anonymous(), REFRESH, with(&alice.refresh_token))
            .await,
    );
    let renewed = app.person(&renewed).await;
    assert_eq!((renewed.id, renewed.session), (alice.id, alice.session));
    assert_ne!(renewed.refresh_token, alice.refresh_token);
    let again = tokens(
        app.run(&Actor::anonymous(), REFRESH, with(&renewed.refresh_token))
            .await,
    );
    assert_eq!(again["sessionId"], json!(alice.session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_twice_ends_its_session() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let other = app.login("alice").await;
    let renewed = tokens(
        app.run(&Actor::anonymous(), REFRESH, with(&alice.refresh_token))
            .await,
    );
    let renewed = app.person(&renewed).await;
    let mut changes = app
        .test
        .deps
        .redis
        .subscribe(atelier_accounts::IDENTITY_CHANGED);
    assert_eq!(changes.recv().await, Some(Signal::Subscribed));

    assert_eq!(
        codes(
            app.run(&Actor::anonymous(), REFRESH, with(&alice.refresh_token))
                .await
        ),
        ["REFRESH_REUSED"]
    );

    assert_eq!(
        changes.recv().await,
        Some(Signal::Message(alice.id.to_string().as_bytes().into())),
        "caches are told"
    );
    // Neither the thief nor the robbed one gets any further.
    assert_eq!(
        codes(
            app.run(&Actor::anonymous(), REFRESH, with(&renewed.refresh_token))
                .await
        ),
        ["REFRESH_INVALID"]
    );
    assert_eq!(app.refusal(&renewed.access_token).await, "UNAUTHENTICATED");
    assert_eq!(
        app.count("session WHERE revoked_reason = 'TOKEN_REUSED'")
            .await,
        1
    );
    assert_eq!(
        app.count("audit_event WHERE action = 'sessions.revoke'")
            .await,
        1
    );
    // Other sign-ins of the same person are not touched.
    app.actor(&other.access_token).await.unwrap();
    done(
        app.run(&Actor::anonymous(), REFRESH, with(&other.refresh_token))
            .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_of_a_refresh_token_at_the_same_time_one_works() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let anonymous = Actor::anonymous();
    let uses = (0..8).map(|_| app.run(&anonymous, REFRESH, with(&alice.refresh_token)));
    let answers = futures::future::join_all(uses).await;
    let worked = answers
        .iter()
        .filter(|answer| !answer["authTokenRefresh"]["tokens"].is_null())
        .count();
    assert_eq!(worked, 1);
    assert_eq!(app.count("refresh_token").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_old_refresh_tokens_are_refused_and_change_nothing() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    for token in [
        "",
        "atr_",
        "atr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &alice.access_token,
    ] {
        assert_eq!(
            codes(app.run(&Actor::anonymous(), REFRESH, with(token)).await),
            ["REFRESH_INVALID"]
        );
    }
    app.clock().advance(TimeDelta::days(31));
    assert_eq!(
        codes(
            app.run(&Actor::anonymous(), REFRESH, with(&alice.refresh_token))
                .await
        ),
        ["REFRESH_INVALID"]
    );
    assert_eq!(app.count("refresh_token").await, 1);
    assert_eq!(app.count("session WHERE revoked_at IS NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_are_not_kept_in_clear() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let secret = alice.refresh_token.trim_start_matches("atr_");
    let dump = app.text("(SELECT string_agg(encode(hash, 'escape') || encode(hash, 'base64'), '') FROM accounts.refresh_token)").await;
    assert!(!dump.contains(secret));
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
