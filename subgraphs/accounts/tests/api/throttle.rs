//! Slowing down those who guess and those who register without end, and nobody else.

use atelier_kit::actor::Actor;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, LOGIN, PASSWORD, REGISTER, codes, done};

const LOGIN_DEVICE: &str = "mutation($input: AuthLoginInput!) { authLogin(input: $input) {
    tokens { deviceToken } userErrors { code } } }";
const CHANGE: &str = "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } userErrors { code } } }";

fn at(ip: &str) -> Actor {
    Actor {
        ip: Some(ip.to_owned()),
        ..Actor::anonymous()
    }
}

fn by(login: &str, password: &str, device: Option<&Value>) -> Value {
    json!({ "input": { "login": login, "password": password, "deviceToken": device } })
}

/// Guesses until it is slowed down; tells how often it was let.
async fn guess(app: &App, from: &Actor, device: Option<&Value>) -> usize {
    for times in 0..100 {
        let variables = by("alice", "wrong horse battery", device);
        let answer = codes(app.run(from, LOGIN, variables).await);
        if answer == ["TOO_MANY_ATTEMPTS"] {
            return times;
        }
        assert_eq!(answer, ["INVALID_CREDENTIALS"]);
    }
    panic!("it was never slowed down");
}

fn registration(name: &str) -> Value {
    json!({ "input": { "email": format!("{name}@example.org"), "username": name, "password": PASSWORD } })
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_one_address_do_not_lock_the_owner_out_elsewhere() {
    let app = App::new().await;
    app.register("alice").await;
    assert_eq!(guess(&app, &at("203.0.113.9"), None).await, 6);
    // However long it goes on: there is no more to be used up.
    for _ in 0..100 {
        app.clock().advance(TimeDelta::minutes(15));
        guess(&app, &at("203.0.113.9"), None).await;
    }
    let home = app
        .run(&at("198.51.100.7"), LOGIN, by("alice", PASSWORD, None))
        .await;
    done(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_do_not_lock_the_owner_out_of_a_device_they_have_used_in_the_same_network() {
    let app = App::new().await;
    app.register("alice").await;
    let cafe = at("203.0.113.9");
    let signed_in = done(
        app.run(&cafe, LOGIN_DEVICE, by("alice", PASSWORD, None))
            .await,
    );
    let device = signed_in["tokens"]["deviceToken"].clone();
    guess(&app, &cafe, None).await;
    let refused = app.run(&cafe, LOGIN, by("alice", PASSWORD, None)).await;
    assert_eq!(codes(refused), ["TOO_MANY_ATTEMPTS"]);
    let known = app
        .run(&cafe, LOGIN_DEVICE, by("alice", PASSWORD, Some(&device)))
        .await;
    assert_eq!(done(known)["tokens"]["deviceToken"], device);
    // A stolen device token is no licence to guess.
    assert_eq!(guess(&app, &cafe, Some(&device)).await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_token_counts_for_its_owner_only_and_cannot_be_made_up() {
    let app = App::new().await;
    app.register("alice").await;
    app.register("mallory").await;
    let cafe = at("203.0.113.9");
    let mallory = done(
        app.run(&cafe, LOGIN_DEVICE, by("mallory", PASSWORD, None))
            .await,
    );
    let mallorys = mallory["tokens"]["deviceToken"].clone();
    guess(&app, &cafe, None).await;
    let alice = done(
        app.run(
            &at("198.51.100.7"),
            LOGIN_DEVICE,
            by("alice", PASSWORD, None),
        )
        .await,
    );
    let mut forged = alice["tokens"]["deviceToken"].as_str().unwrap().to_owned();
    forged.truncate(forged.len() - 2);
    for device in [
        mallorys,
        json!(forged),
        json!("atd_"),
        json!("x".repeat(10_000)),
    ] {
        let answer = app
            .run(&cafe, LOGIN, by("alice", PASSWORD, Some(&device)))
            .await;
        assert_eq!(codes(answer), ["TOO_MANY_ATTEMPTS"], "{device:.20}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_networks_together_are_slowed_down_too() {
    let app = App::new().await;
    app.register("alice").await;
    let mut let_through = 0;
    for network in 0..30 {
        let ip = format!("2001:db8:{network:x}::1");
        let_through += guess(&app, &at(&ip), None).await;
    }
    // Six guesses of each of twelve networks, then one more.
    assert_eq!(let_through, 73);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_in_one_session_do_not_lock_its_owner_out_of_another() {
    let app = App::new().await;
    let (stolen, own) = (app.register("alice").await, app.login("alice").await);
    let input = |current: &str| json!({ "input": { "currentPassword": current, "newPassword": "another horse battery" } });
    let wrong = input("wrong horse battery");
    for _ in 0..6 {
        let answer = app.run(&stolen.actor, CHANGE, wrong.clone()).await;
        assert_eq!(codes(answer), ["INVALID_CREDENTIALS"]);
    }
    let answer = app.run(&stolen.actor, CHANGE, input(PASSWORD)).await;
    assert_eq!(codes(answer), ["TOO_MANY_ATTEMPTS"]);
    done(app.run(&own.actor, CHANGE, input(PASSWORD)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_count_by_network_whether_they_succeed_or_not() {
    let app = App::new().await;
    for (network, networks) in [
        ("203.0.113.9", vec!["203.0.113.9"]),
        // One line: whatever it chooses as the last half of its addresses.
        (
            "v6",
            vec![
                "2001:db8:1:2::1",
                "2001:db8:1:2:ffff::2",
                "2001:db8:1:2:1:2:3:4",
            ],
        ),
    ] {
        let mut made = 0;
        for number in 0..50 {
            let from = at(networks[number % networks.len()]);
            let name = format!("{}{number}", network.replace('.', "-"));
            let answer = app.run(&from, REGISTER, registration(&name)).await;
            match answer["authRegister"]["userErrors"][0]["code"].as_str() {
                None => made += 1,
                code => assert_eq!(code, Some("TOO_MANY_ATTEMPTS")),
            }
        }
        assert_eq!(made, 21, "{network}");
    }
    assert_eq!(app.count("account").await, 42);
    done(
        app.run(&at("2001:db8:1:3::1"), REGISTER, registration("neighbour"))
            .await,
    );
    app.clock().advance(TimeDelta::seconds(1));
    done(
        app.run(&at("203.0.113.9"), REGISTER, registration("patient"))
            .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_process_counts_for_itself() {
    let app = App::without_redis().await;
    app.register("alice").await;
    assert_eq!(guess(&app, &at("203.0.113.9"), None).await, 6);
    app.clock().advance(TimeDelta::seconds(1));
    assert_eq!(guess(&app, &at("203.0.113.9"), None).await, 1);
    done(
        app.run(&at("198.51.100.7"), LOGIN, by("alice", PASSWORD, None))
            .await,
    );
    let mut made = 0;
    for number in 0..30 {
        let name = format!("user{number}");
        let answer = app
            .run(&at("203.0.113.9"), REGISTER, registration(&name))
            .await;
        made += usize::from(answer["authRegister"]["tokens"].is_object());
    }
    assert_eq!(made, 21);
}
