//! Personal access tokens and API keys.

use atelier_kit::{actor::Actor, clock::Clock};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, codes, done, payload};

const CREATE: &str =
    "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) {
    accessToken { id kind name prefix scopes expiresAt } secret userErrors { code path } } }";
const REVOKE: &str = "mutation($input: AccessTokenRevokeInput!) { accessTokenRevoke(input: $input) { accessToken { id } userErrors { code } } }";
const LIST: &str = "{ viewer { accessTokens { totalCount nodes { id name prefix } } } }";

fn named(name: &str) -> Value {
    json!({ "input": { "name": name } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_signs_in_with_a_token_that_is_told_once_and_kept_as_a_hash() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let wanted = json!({ "input": { "name": "my script", "scopes": ["account:read"] } });
    let made = done(app.run(&alice.actor, CREATE, wanted).await);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("atp_") && secret.len() == 47, "{secret}");
    assert_eq!(made["accessToken"]["prefix"], secret[..8]);
    let actor = app.actor(secret).await.unwrap();
    assert_eq!(
        (actor.user_id(), actor.session_id()),
        (Some(alice.id), None)
    );
    let listed = app.run(&actor, LIST, json!({})).await["viewer"]["accessTokens"].take();
    assert_eq!(listed["totalCount"], 1);
    assert!(!listed.to_string().contains(secret));
    assert_eq!(
        app.count(&format!(
            "access_token WHERE access_token::text LIKE '%{}%'",
            &secret[8..]
        ))
        .await,
        0
    );
    let key = done(
        app.run(
            &alice.actor,
            CREATE,
            json!({ "input": { "name": "partner", "kind": "API_KEY" } }),
        )
        .await,
    );
    assert!(key["secret"].as_str().unwrap().starts_with("atk_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_what_both_it_and_its_owner_may() {
    let app = App::new().await;
    let admin = app.admin().await;
    let input = json!({ "input": { "name": "worker", "scopes": ["worker", "admin:audit"] } });
    let made = done(app.run(&admin.actor, CREATE, input).await);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(
        app.identities.resolve(secret).await.unwrap().scopes,
        ["admin:audit", "worker"]
    );
    // What its owner loses, it loses.
    app.execute("DELETE FROM accounts.account_role").await;
    assert_eq!(
        app.identities.resolve(secret).await.unwrap().scopes,
        Vec::<String>::new()
    );
    let alice = app.register("alice").await;
    let input = json!({ "input": { "name": "x", "scopes": ["worker"] } });
    assert_eq!(
        codes(app.run(&alice.actor, CREATE, input).await),
        ["SCOPE_NOT_HELD"]
    );
    assert_eq!(app.count("access_token").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_cannot_take_over_the_account() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let made = done(app.run(&alice.actor, CREATE, named("script")).await);
    let program = app.actor(made["secret"].as_str().unwrap()).await.unwrap();
    let password = json!({ "input": { "currentPassword": crate::app::PASSWORD, "newPassword": "another horse battery" } });
    for (operation, variables) in [
        (CREATE, named("another")),
        (
            "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } } }",
            password,
        ),
        (
            "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { user { id } } }",
            json!({ "input": { "password": crate::app::PASSWORD } }),
        ),
    ] {
        assert_eq!(
            app.refused(&program, operation, variables).await,
            "FORBIDDEN",
            "{operation}"
        );
    }
    assert_eq!(app.count("access_token").await, 1);
    app.login("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_run_out_and_are_revoked() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let end = app.clock().now() + TimeDelta::days(1);
    let short = done(
        app.run(
            &alice.actor,
            CREATE,
            json!({ "input": { "name": "short", "expiresAt": end } }),
        )
        .await,
    );
    let long = done(app.run(&alice.actor, CREATE, named("long")).await);
    let (short, secret) = (
        short["secret"].as_str().unwrap(),
        long["secret"].as_str().unwrap(),
    );
    app.clock().advance(TimeDelta::days(1));
    assert_eq!(app.refusal(short).await, "TOKEN_EXPIRED");
    app.actor(secret).await.unwrap();
    let which = json!({ "input": { "id": long["accessToken"]["id"] } });
    assert_eq!(
        codes(app.run(&bob.actor, REVOKE, which.clone()).await),
        ["NOT_FOUND"]
    );
    app.actor(secret).await.unwrap();
    done(app.run(&alice.actor, REVOKE, which.clone()).await);
    assert_eq!(app.refusal(secret).await, "UNAUTHENTICATED");
    assert_eq!(
        codes(app.run(&alice.actor, REVOKE, which).await),
        ["NOT_FOUND"]
    );
    assert_eq!(
        app.count("audit_event WHERE action LIKE 'access_token.%'")
            .await,
        3
    );
    for forged in [
        "atp_",
        "atp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "atk_x",
    ] {
        assert_eq!(app.refusal(forged).await, "UNAUTHENTICATED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_tokens_are_refused() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    for (input, code) in [
        (json!({ "name": " " }), "REQUIRED"),
        (json!({ "name": "x".repeat(101) }), "TOO_LONG"),
        (
            json!({ "name": "x", "expiresAt": app.clock().now() }),
            "IN_THE_PAST",
        ),
        (json!({ "name": "x", "scopes": ["NO"] }), "SCOPE_INVALID"),
    ] {
        assert_eq!(
            codes(
                app.run(&alice.actor, CREATE, json!({ "input": input }))
                    .await
            ),
            [code]
        );
    }
    assert_eq!(
        app.refused(&Actor::anonymous(), CREATE, named("x")).await,
        "UNAUTHENTICATED"
    );
    assert_eq!(app.count("access_token").await, 0);
    app.execute(
        "INSERT INTO accounts.access_token (id, account_id, kind, name, prefix, hash, scopes, created_at) \
         SELECT gen_random_uuid(), a.id, 'PERSONAL', 'x', 'x', decode(lpad(to_hex(n), 8, '0'), 'hex'), '{}', now() \
         FROM accounts.account a, generate_series(1, 100) n",
    )
    .await;
    let refused = payload(app.run(&alice.actor, CREATE, named("one too many")).await);
    assert_eq!(refused["userErrors"][0]["code"], "LIMIT_REACHED");
    assert!(refused["secret"].is_null());
}
