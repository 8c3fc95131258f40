//! The accounts that an installation begins with.

use atelier_accounts::{DEMO_PASSWORD, seed_admin, seed_demo};
use atelier_kit::actor::Actor;
use serde_json::json;

use crate::app::{App, LOGIN, done};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_an_administrator_and_tells_the_password_once() {
    let app = App::new().await;
    let starts = (0..4).map(|_| seed_admin(&app.test.deps, &app.config));
    let made: Vec<_> = futures::future::join_all(starts)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(
        made.len(),
        1,
        "of processes that start together one does it"
    );
    assert!(
        seed_admin(&app.test.deps, &app.config)
            .await
            .unwrap()
            .is_none()
    );
    let input = json!({ "input": { "login": made[0].username, "password": made[0].password } });
    let tokens = done(app.run(&Actor::anonymous(), LOGIN, input).await)["tokens"].take();
    let admin = app.person(&tokens).await;
    assert_eq!(admin.username, "admin");
    assert!(admin.actor.has_scope("admin:users") && admin.actor.has_scope("admin:roles"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_user_is_made_once_and_keeps_their_password() {
    let app = App::new().await;
    let made = seed_demo(&app.test.deps, &app.config).await.unwrap();
    seed_demo(&app.test.deps, &app.config).await.unwrap();
    assert_eq!(
        (made.username.as_str(), made.password.as_str()),
        ("demo", DEMO_PASSWORD)
    );
    done(
        app.run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": "demo", "password": DEMO_PASSWORD } }),
        )
        .await,
    );
    assert_eq!(app.count("account").await, 1);
    assert_eq!(app.count("account_role").await, 0, "an ordinary user");
}
