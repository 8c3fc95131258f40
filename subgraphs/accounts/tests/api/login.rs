//! Signing in.

use atelier_kit::{Locale, actor::Actor};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, LOGIN, PASSWORD, codes, done, payload, tokens};

fn by(login: &str, password: &str) -> Value {
    json!({ "input": { "login": login, "password": password } })
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_by_name_or_address_in_any_case() {
    let app = App::new().await;
    let alice = app.register("Alice").await;
    for login in [
        "alice",
        "ALICE",
        " Alice ",
        "alice@example.org",
        "ALICE@Example.Org",
    ] {
        let tokens = tokens(
            app.run(&Actor::anonymous(), LOGIN, by(login, PASSWORD))
                .await,
        );
        assert_eq!(tokens["user"]["id"], json!(alice.id), "{login}");
    }
    assert_eq!(app.count("session").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let app = App::new().await;
    app.register("alice").await;
    let mut answers = Vec::new();
    for login in [
        "alice",
        "alice@example.org",
        "nobody",
        "nobody@example.org",
        "@",
        "",
        "\u{0}",
    ] {
        answers.push(payload(
            app.run(&Actor::anonymous(), LOGIN, by(login, "wrong horse battery"))
                .await,
        ));
    }
    assert_eq!(answers[0]["userErrors"][0]["code"], "INVALID_CREDENTIALS");
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(
        app.count("session").await,
        1,
        "only the one of the registration"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_gets_slower_and_slower_until_the_owner_comes() {
    let app = App::new().await;
    app.register("alice").await;
    for _ in 0..6 {
        assert_eq!(
            codes(
                app.run(
                    &Actor::anonymous(),
                    LOGIN,
                    by("alice", "wrong horse battery")
                )
                .await
            ),
            ["INVALID_CREDENTIALS"]
        );
    }
    // Not even the right password counts now, so nothing is learnt by guessing on.
    let refused = payload(
        app.run(&Actor::anonymous(), LOGIN, by("ALICE", PASSWORD))
            .await,
    );
    assert_eq!(refused["userErrors"][0]["code"], "TOO_MANY_ATTEMPTS");
    assert_eq!(refused["userErrors"][0]["params"]["retryAfterSeconds"], 1);
    assert_eq!(
        refused["userErrors"][0]["message"],
        "Too many attempts. Try again in 1 s."
    );
    let mut waits = Vec::new();
    for _ in 0..4 {
        app.clock().advance(TimeDelta::seconds(3600));
        codes(
            app.run(
                &Actor::anonymous(),
                LOGIN,
                by("alice", "wrong horse battery"),
            )
            .await,
        );
        let refused = payload(
            app.run(&Actor::anonymous(), LOGIN, by("alice", PASSWORD))
                .await,
        );
        waits.push(
            refused["userErrors"][0]["params"]["retryAfterSeconds"]
                .as_i64()
                .unwrap(),
        );
    }
    assert_eq!(waits, [2, 4, 8, 16]);
    // Somebody else is not concerned.
    app.register("bob").await;
    app.login("bob").await;
    app.clock().advance(TimeDelta::seconds(16));
    app.login("alice").await;
    // A success forgets the failures.
    for _ in 0..5 {
        codes(
            app.run(
                &Actor::anonymous(),
                LOGIN,
                by("alice", "wrong horse battery"),
            )
            .await,
        );
    }
    app.login("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_are_counted_before_they_are_judged() {
    let app = App::new().await;
    app.register("alice").await;
    let anonymous = Actor::anonymous();
    let guesses =
        (0..40).map(|at| app.run(&anonymous, LOGIN, by("alice", &format!("wrong horse {at}"))));
    let answers = futures::future::join_all(guesses).await;
    let judged = answers
        .into_iter()
        .filter(|answer| answer["authLogin"]["userErrors"][0]["code"] == "INVALID_CREDENTIALS")
        .count();
    assert_eq!(judged, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_many_accounts_is_slowed_down() {
    let app = App::new().await;
    app.register("alice").await;
    let sprayer = Actor {
        ip: Some("203.0.113.9".into()),
        ..Actor::anonymous()
    };
    for at in 0..51 {
        let answer = app
            .run(
                &sprayer,
                LOGIN,
                by(&format!("user{at}"), "wrong horse battery"),
            )
            .await;
        assert_eq!(codes(answer), ["INVALID_CREDENTIALS"], "{at}");
    }
    assert_eq!(
        codes(app.run(&sprayer, LOGIN, by("alice", PASSWORD)).await),
        ["TOO_MANY_ATTEMPTS"]
    );
    let elsewhere = Actor {
        ip: Some("203.0.113.10".into()),
        ..Actor::anonymous()
    };
    done(app.run(&elsewhere, LOGIN, by("alice", PASSWORD)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_bcrypt_hash_lets_its_owner_in_and_is_replaced() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    // "$2b$", cost 4, of "imported horse".
    let imported = bcrypt::hash("imported horse", 4).unwrap();
    app.execute(&format!(
        "UPDATE accounts.credential SET password_hash = '{imported}' WHERE account_id = '{}'",
        alice.id.uuid()
    ))
    .await;
    assert_eq!(
        codes(
            app.run(&Actor::anonymous(), LOGIN, by("alice", PASSWORD))
                .await
        ),
        ["INVALID_CREDENTIALS"]
    );
    assert_eq!(
        app.count("credential WHERE password_hash LIKE '$2b$%'")
            .await,
        1,
        "a wrong password changes nothing"
    );
    done(
        app.run(&Actor::anonymous(), LOGIN, by("alice", "imported horse"))
            .await,
    );
    assert_eq!(
        app.count("credential WHERE password_hash LIKE '$argon2id$%'")
            .await,
        1
    );
    done(
        app.run(&Actor::anonymous(), LOGIN, by("alice", "imported horse"))
            .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_told_in_chinese_to_those_who_read_it() {
    let app = App::new().await;
    let chinese = Actor {
        locale: Locale::ZhCn,
        ..Actor::anonymous()
    };
    let answer = payload(
        app.run(&chinese, LOGIN, by("nobody", "whatever it is"))
            .await,
    );
    assert_eq!(answer["userErrors"][0]["message"], "用户名或密码错误。");
}
