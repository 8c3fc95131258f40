//! Registering.

use atelier_kit::{Locale, actor::Actor};
use serde_json::{Value, json};

use crate::app::{App, PASSWORD, REGISTER, codes, done, payload};

fn wanted(email: &str, username: &str, password: &str) -> Value {
    json!({ "input": { "email": email, "username": username, "password": password } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_registers_and_is_signed_in() {
    let app = App::new().await;
    let input = json!({ "input": { "email": "Ada@Example.org", "username": "Ada", "password": PASSWORD, "displayName": "Ada L." } });
    let payload = done(app.run(&Actor::anonymous(), REGISTER, input).await);
    assert_eq!(payload["tokens"]["tokenType"], "Bearer");
    assert_eq!(payload["tokens"]["user"]["displayName"], "Ada L.");
    let ada = app.person(&payload["tokens"]).await;
    let viewer = "{ viewer { id email emailVerified scopes user { username status kind } subscription { status autoRenew plan { code } } } }";
    let data = app.run(&ada.actor, viewer, json!({})).await;
    assert_eq!(
        data["viewer"],
        json!({
            "id": ada.id, "email": "Ada@Example.org", "emailVerified": false, "scopes": ["account:read", "account:write"],
            "user": { "username": "Ada", "status": "ACTIVE", "kind": "HUMAN" },
            "subscription": { "status": "ACTIVE", "autoRenew": false, "plan": { "code": "FREE" } },
        })
    );
    assert_eq!(
        app.count("credential WHERE password_hash LIKE '$argon2id$v=19$%'")
            .await,
        1
    );
    assert_eq!(app.count("outbox WHERE topic = 'user.registered'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_registration_is_told_at_once_and_nothing_is_kept() {
    let app = App::new().await;
    let refused = payload(
        app.run(
            &Actor::anonymous(),
            REGISTER,
            wanted("nonsense", "a b", "short"),
        )
        .await,
    );
    let told: Vec<_> = refused["userErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (&error["code"], &error["path"][1]))
        .collect();
    assert_eq!(
        serde_json::to_value(told).unwrap(),
        json!([
            ["USERNAME_INVALID", "username"],
            ["EMAIL_INVALID", "email"],
            ["WEAK_PASSWORD", "password"]
        ])
    );
    assert!(refused["tokens"].is_null());
    for (username, code) in [
        ("admin", "USERNAME_RESERVED"),
        ("Adm1n", "USERNAME_RESERVED"),
        ("\u{440}aypal", "USERNAME_INVALID"),
    ] {
        let answer = app
            .run(
                &Actor::anonymous(),
                REGISTER,
                wanted("x@example.org", username, PASSWORD),
            )
            .await;
        assert_eq!(codes(answer), [code], "{username}");
    }
    assert_eq!(app.count("account").await, 0);
    assert_eq!(app.count("session").await, 0);
    assert_eq!(app.count("outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_a_look_alike_and_a_taken_address_get_the_same_answer() {
    let app = App::new().await;
    app.register("alice").await;
    let mut answers = Vec::new();
    for (email, username) in [
        ("new1@example.org", "ALICE"),
        ("new2@example.org", "a1ice"),
        ("Alice@EXAMPLE.org", "somebody"),
    ] {
        let answer = app
            .run(
                &Actor::anonymous(),
                REGISTER,
                wanted(email, username, PASSWORD),
            )
            .await;
        answers.push(payload(answer)["userErrors"].clone());
    }
    assert_eq!(answers[0][0]["code"], "IDENTITY_TAKEN");
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(app.count("account").await, 1);
    assert_eq!(app.count("session").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_a_name_at_the_same_time_one_gets_it() {
    let app = App::new().await;
    let anonymous = Actor::anonymous();
    let attempts = (0..10).map(|at| {
        app.run(
            &anonymous,
            REGISTER,
            wanted(&format!("a{at}@example.org"), "highlander", PASSWORD),
        )
    });
    let answers = futures::future::join_all(attempts).await;
    let got = answers
        .iter()
        .filter(|answer| !answer["authRegister"]["tokens"].is_null())
        .count();
    assert_eq!(got, 1);
    assert_eq!(app.count("account").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_tries_out_which_addresses_exist_is_slowed_down() {
    let app = App::new().await;
    app.register("alice").await;
    let curious = Actor {
        ip: Some("203.0.113.9".into()),
        ..Actor::anonymous()
    };
    for _ in 0..21 {
        let answer = app
            .run(
                &curious,
                REGISTER,
                wanted("alice@example.org", "somebody", PASSWORD),
            )
            .await;
        assert_eq!(codes(answer), ["IDENTITY_TAKEN"]);
    }
    let answer = app
        .run(
            &curious,
            REGISTER,
            wanted("alice@example.org", "somebody", PASSWORD),
        )
        .await;
    assert_eq!(codes(answer), ["TOO_MANY_ATTEMPTS"]);
    let elsewhere = Actor {
        ip: Some("203.0.113.10".into()),
        ..Actor::anonymous()
    };
    done(
        app.run(
            &elsewhere,
            REGISTER,
            wanted("bob@example.org", "bob", PASSWORD),
        )
        .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_the_callers_language() {
    let app = App::new().await;
    let chinese = Actor {
        locale: Locale::ZhCn,
        ..Actor::anonymous()
    };
    let answer = payload(
        app.run(&chinese, REGISTER, wanted("nonsense", "小明", PASSWORD))
            .await,
    );
    assert_eq!(answer["userErrors"][0]["message"], "邮箱地址格式不正确。");
    assert_eq!(answer["userErrors"][0]["numericCode"], 21003);
    let answer = app
        .answer(
            &chinese,
            "mutation { authLogout(input: {}) { sessionId } }",
            json!({}),
        )
        .await;
    assert_eq!(answer["errors"][0]["message"], "请先登录。");
}
