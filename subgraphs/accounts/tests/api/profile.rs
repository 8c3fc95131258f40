//! Profiles, passwords, and leaving.

use atelier_contracts::media::{Asset, AssetKind};
use atelier_kit::actor::Actor;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, LOGIN, PASSWORD, codes, done};

const UPDATE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) {
    user { displayName bio avatar { id } } userErrors { code path } } }";
const PASSWORD_CHANGE: &str = "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } userErrors { code path } } }";
const DELETE: &str = "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { user { status } userErrors { code path } } }";
const CANCEL: &str =
    "mutation { accountDeleteCancel(input: {}) { user { status } userErrors { code } } }";
const USER: &str = "query($id: ID!) { user(id: $id) { username } }";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_stays_and_null_empties() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let picture = app.deps().new_id::<Asset>();
    app.media.add(picture, alice.id, AssetKind::Image);
    let change = |input: Value| app.run(&alice.actor, UPDATE, json!({ "input": input }));
    let all = done(
        change(json!({ "displayName": " Alice ", "bio": "I draw.", "avatarId": picture })).await,
    );
    assert_eq!(
        all["user"],
        json!({ "displayName": "Alice", "bio": "I draw.", "avatar": { "id": picture } })
    );
    let some = done(change(json!({ "bio": null })).await);
    assert_eq!(
        some["user"],
        json!({ "displayName": "Alice", "bio": null, "avatar": { "id": picture } })
    );
    let none = done(change(json!({})).await);
    assert_eq!(none, some);
    let emptied = done(change(json!({ "avatarId": null })).await);
    assert_eq!(emptied["user"]["avatar"], Value::Null);
    for (input, code) in [
        (json!({ "displayName": " " }), "REQUIRED"),
        (json!({ "displayName": "x".repeat(65) }), "TOO_LONG"),
        (json!({ "bio": "x".repeat(1001) }), "TOO_LONG"),
    ] {
        assert_eq!(codes(change(input).await), [code]);
    }
    assert_eq!(done(change(json!({})).await), emptied);
    assert_eq!(
        app.refused(&Actor::anonymous(), UPDATE, json!({ "input": {} }))
            .await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_signs_out_everywhere_else() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let other = app.login("alice").await;
    let change = |current: &str, new: &str| json!({ "input": { "currentPassword": current, "newPassword": new } });
    let new = "another horse battery";
    assert_eq!(
        codes(
            app.run(
                &alice.actor,
                PASSWORD_CHANGE,
                change("wrong horse battery", new)
            )
            .await
        ),
        ["INVALID_CREDENTIALS"]
    );
    assert_eq!(
        codes(
            app.run(&alice.actor, PASSWORD_CHANGE, change(PASSWORD, "alice"))
                .await
        ),
        ["WEAK_PASSWORD"]
    );
    app.actor(&other.access_token).await.unwrap();
    done(
        app.run(&alice.actor, PASSWORD_CHANGE, change(PASSWORD, new))
            .await,
    );
    app.actor(&alice.access_token).await.unwrap();
    assert_eq!(app.refusal(&other.access_token).await, "UNAUTHENTICATED");
    let old = app
        .run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": "alice", "password": PASSWORD } }),
        )
        .await;
    assert_eq!(codes(old), ["INVALID_CREDENTIALS"]);
    done(
        app.run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": "alice", "password": new } }),
        )
        .await,
    );
    assert_eq!(
        app.count("audit_event WHERE action = 'password.change'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_password_with_a_stolen_session_is_slowed_down() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let guess = json!({ "input": { "currentPassword": "wrong horse battery", "newPassword": "another horse battery" } });
    for _ in 0..6 {
        assert_eq!(
            codes(app.run(&alice.actor, PASSWORD_CHANGE, guess.clone()).await),
            ["INVALID_CREDENTIALS"]
        );
    }
    assert_eq!(
        codes(app.run(&alice.actor, PASSWORD_CHANGE, guess).await),
        ["TOO_MANY_ATTEMPTS"]
    );
    // The owner still signs in.
    app.login("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_about_to_be_deleted_is_hidden_and_can_be_brought_back() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let other = app.login("alice").await;
    assert_eq!(
        codes(
            app.run(
                &alice.actor,
                DELETE,
                json!({ "input": { "password": "wrong horse battery" } })
            )
            .await
        ),
        ["INVALID_CREDENTIALS"]
    );
    assert_eq!(
        codes(app.run(&alice.actor, CANCEL, json!({})).await),
        ["NOT_PENDING_DELETION"]
    );
    let gone = done(
        app.run(
            &alice.actor,
            DELETE,
            json!({ "input": { "password": PASSWORD } }),
        )
        .await,
    );
    assert_eq!(gone["user"]["status"], "PENDING_DELETION");
    assert_eq!(app.refusal(&other.access_token).await, "UNAUTHENTICATED");
    assert_eq!(
        app.run(&bob.actor, USER, json!({ "id": alice.id })).await["user"],
        Value::Null
    );
    // Days later its owner comes back.
    app.clock().advance(TimeDelta::days(29));
    let back = app.login("alice").await;
    let viewer = app
        .run(
            &back.actor,
            "{ viewer { deleteAt user { username } } }",
            json!({}),
        )
        .await;
    assert!(viewer["viewer"]["deleteAt"].is_string());
    assert_eq!(
        done(app.run(&back.actor, CANCEL, json!({})).await)["user"]["status"],
        "ACTIVE"
    );
    assert_eq!(
        app.run(&bob.actor, USER, json!({ "id": alice.id })).await["user"]["username"],
        "alice"
    );
    assert_eq!(
        app.count("audit_event WHERE action LIKE 'account.delete%'")
            .await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_grace_period_nothing_of_the_person_is_left() {
    let mut app = App::new().await;
    let alice = app.register("alice").await;
    let create =
        "mutation { accessTokenCreate(input: { name: \"ci\" }) { secret userErrors { code } } }";
    let secret = done(app.run(&alice.actor, create, json!({})).await)["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    done(
        app.run(
            &alice.actor,
            DELETE,
            json!({ "input": { "password": PASSWORD } }),
        )
        .await,
    );
    assert_eq!(
        app.refusal(&secret).await,
        "ACCOUNT_DISABLED",
        "programs end at once"
    );
    app.clock().advance(TimeDelta::days(30));
    app.start();
    app.eventually("account WHERE status = 'DELETED'", 1).await;
    assert_eq!(
        app.count("account WHERE account::text ILIKE '%alice%'")
            .await,
        0
    );
    for table in ["credential", "session", "refresh_token", "access_token"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    assert_eq!(app.refusal(&alice.access_token).await, "TOKEN_EXPIRED");
    assert_eq!(
        app.run(&Actor::anonymous(), USER, json!({ "id": alice.id }))
            .await["user"],
        Value::Null
    );
    // The name is free again.
    app.register("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_does_not_leave() {
    let app = App::new().await;
    let made = atelier_accounts::seed_admin(&app.test.deps, &app.config)
        .await
        .unwrap()
        .unwrap();
    let data = app
        .run(
            &Actor::anonymous(),
            LOGIN,
            json!({ "input": { "login": made.username, "password": made.password } }),
        )
        .await;
    let admin = app.person(&crate::app::tokens(data)).await;
    assert_eq!(
        codes(
            app.run(
                &admin.actor,
                DELETE,
                json!({ "input": { "password": made.password } })
            )
            .await
        ),
        ["LAST_ADMIN"]
    );
    app.actor(&admin.access_token).await.unwrap();
}
