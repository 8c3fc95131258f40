//! Renewing sessions.

use atelier_kit::{actor::Actor, redis::Signal};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, REFRESH, codes, done, tokens};

fn with(token: &str) -> Value {
    json!({ "input": { "refreshToken": token } })
}

/// A client at an address.
fn browser(ip: &str) -> Actor {
    Actor {
        ip: Some(ip.to_owned()),
        user_agent: Some("Mozilla/5.0".to_owned()),
        ..Actor::anonymous()
    }
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
    app.clock().advance(TimeDelta::seconds(30));
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
async fn two_tabs_that_refresh_at_once_get_the_same_tokens() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let tab = browser("203.0.113.9");
    let uses = (0..8).map(|_| app.run(&tab, REFRESH, with(&alice.refresh_token)));
    let answers = futures::future::join_all(uses).await;
    for answer in &answers {
        assert_eq!(answer["authTokenRefresh"], answers[0]["authTokenRefresh"]);
    }
    let renewed = app.person(&tokens(answers[0].clone())).await;
    assert_eq!((renewed.id, renewed.session), (alice.id, alice.session));
    assert_eq!(app.count("refresh_token").await, 2, "one successor");
    // What they got goes on.
    done(app.run(&tab, REFRESH, with(&renewed.refresh_token)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_answer_was_lost_tries_again_and_stays_signed_in() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let client = browser("2001:db8:1:2::7");
    let lost = app.run(&client, REFRESH, with(&alice.refresh_token)).await;
    app.clock().advance(TimeDelta::seconds(29));
    // The same line has another address by now.
    let client = browser("2001:db8:1:2:ffff::1");
    let again = app.run(&client, REFRESH, with(&alice.refresh_token)).await;
    assert_eq!(again, lost);
    app.person(&tokens(again)).await;
    assert_eq!(app.count("session WHERE revoked_at IS NOT NULL").await, 0);
    app.clock().advance(TimeDelta::seconds(1));
    let late = app.run(&client, REFRESH, with(&alice.refresh_token)).await;
    assert_eq!(codes(late), ["REFRESH_REUSED"]);
    assert_eq!(app.count("session WHERE revoked_at IS NOT NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_with_the_same_token_ends_the_session_at_once() {
    for thief in [
        browser("203.0.113.10"),
        Actor {
            user_agent: Some("curl/8".into()),
            ..browser("203.0.113.9")
        },
        // Of whom nothing is known is nobody's equal.
        Actor::anonymous(),
    ] {
        let app = App::new().await;
        let alice = app.register("alice").await;
        let tab = browser("203.0.113.9");
        let renewed = tokens(app.run(&tab, REFRESH, with(&alice.refresh_token)).await);
        let renewed = app.person(&renewed).await;
        let stolen = app.run(&thief, REFRESH, with(&alice.refresh_token)).await;
        assert_eq!(codes(stolen), ["REFRESH_REUSED"]);
        let next = app.run(&tab, REFRESH, with(&renewed.refresh_token)).await;
        assert_eq!(codes(next), ["REFRESH_INVALID"]);
        assert_eq!(app.refusal(&renewed.access_token).await, "UNAUTHENTICATED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_again_gives_nothing_to_a_suspended_account() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let tab = browser("203.0.113.9");
    done(app.run(&tab, REFRESH, with(&alice.refresh_token)).await);
    app.execute("UPDATE accounts.account SET status = 'SUSPENDED'")
        .await;
    let again = app.run(&tab, REFRESH, with(&alice.refresh_token)).await;
    assert_eq!(codes(again), ["ACCOUNT_DISABLED"]);
    assert_eq!(app.count("session WHERE revoked_at IS NOT NULL").await, 0);
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
