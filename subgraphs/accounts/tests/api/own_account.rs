//! What is the owner's alone: sessions, mail address, tokens.

use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::app::{App, PASSWORD, Person, codes, done};

const TOKEN: &str = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { accessToken { id } secret userErrors { code } } }";
const READS: [&str; 5] = [
    "{ viewer { email } }",
    "{ viewer { emailVerified } }",
    "{ viewer { deleteAt } }",
    "{ viewer { sessions { nodes { ip userAgent } } } }",
    "{ viewer { accessTokens { nodes { name prefix } } } }",
];

async fn program(app: &App, owner: &Person, scopes: &[&str]) -> (Actor, Value) {
    let input = json!({ "input": { "name": "script", "scopes": scopes } });
    let made = done(app.run(&owner.actor, TOKEN, input).await);
    let actor = app.actor(made["secret"].as_str().unwrap()).await.unwrap();
    (actor, made["accessToken"]["id"].clone())
}

/// What ends or changes something of the account itself.
fn writes(session: &Value, token: &Value) -> Vec<(&'static str, Value)> {
    vec![
        (
            "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds userErrors { code } } }",
            json!({ "sessionId": session }),
        ),
        (
            "mutation($input: AccessTokenRevokeInput!) { accessTokenRevoke(input: $input) { accessToken { id } userErrors { code } } }",
            json!({ "id": token }),
        ),
        (
            "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { user { id } userErrors { code } } }",
            json!({ "bio": "changed" }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_scopes_reads_and_ends_nothing_of_the_account() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let other = app.login("alice").await;
    let (scopeless, token) = program(&app, &alice, &[]).await;
    let (reader, _) = program(&app, &alice, &["account:read"]).await;
    for read in READS {
        assert_eq!(app.refused(&scopeless, read, json!({})).await, "FORBIDDEN");
        app.run(&reader, read, json!({})).await;
        app.run(&alice.actor, read, json!({})).await;
    }
    for (operation, input) in writes(&json!(other.session), &token) {
        for program in [&scopeless, &reader] {
            let variables = json!({ "input": input });
            assert_eq!(
                app.refused(program, operation, variables).await,
                "FORBIDDEN",
                "{operation}"
            );
        }
    }
    assert_eq!(app.count("session WHERE revoked_at IS NOT NULL").await, 0);
    assert_eq!(
        app.count("access_token WHERE revoked_at IS NOT NULL").await,
        0
    );
    assert_eq!(app.count("account WHERE bio IS NOT NULL").await, 0);
    // It may still know whom it works for.
    let me = app
        .run(
            &scopeless,
            "{ viewer { user { username } scopes } }",
            json!({}),
        )
        .await;
    assert_eq!(
        me["viewer"],
        json!({ "user": { "username": "alice" }, "scopes": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_to_write_ends_things_but_cannot_take_the_account_over() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let other = app.login("alice").await;
    let (writer, token) = program(&app, &alice, &["account:write", "account:read"]).await;
    let new = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    for (operation, input) in [
        (TOKEN, json!({ "name": "more" })),
        (
            "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } } }",
            new,
        ),
        (
            "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { user { id } } }",
            json!({ "password": PASSWORD }),
        ),
        (
            "mutation($input: AccountDeleteCancelInput!) { accountDeleteCancel(input: $input) { user { id } } }",
            json!({}),
        ),
    ] {
        let variables = json!({ "input": input });
        assert_eq!(
            app.refused(&writer, operation, variables).await,
            "FORBIDDEN",
            "{operation}"
        );
    }
    for (operation, input) in writes(&json!(other.session), &token) {
        done(app.run(&writer, operation, json!({ "input": input })).await);
    }
    assert_eq!(app.refusal(&other.access_token).await, "UNAUTHENTICATED");
    app.actor(&alice.access_token).await.unwrap();
    app.login("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_field_of_a_request_uses_a_password() {
    let app = App::new().await;
    let fields: String = (0..50)
        .map(|at| {
            format!(
                "r{at}: authRegister(input: {{ username: \"user{at}\", email: \"u{at}@example.org\", password: \"{PASSWORD}\" }}) \
                 {{ tokens {{ sessionId }} userErrors {{ code message }} }} "
            )
        })
        .collect();
    let answer = app
        .run(
            &Actor::anonymous(),
            &format!("mutation {{ {fields} }}"),
            json!({}),
        )
        .await;
    assert!(answer["r0"]["tokens"].is_object());
    for at in 1..50 {
        let refused = &answer[format!("r{at}")];
        assert!(refused["tokens"].is_null());
        assert_eq!(refused["userErrors"][0]["code"], "ONE_PER_REQUEST");
    }
    assert_eq!(app.count("account").await, 1);

    let user = app.login("user0").await;
    let login = format!(
        "authLogin(input: {{ login: \"user0\", password: \"{PASSWORD}\" }}) {{ tokens {{ sessionId }} userErrors {{ code message }} }}"
    );
    let change = format!(
        "passwordChange(input: {{ currentPassword: \"{PASSWORD}\", newPassword: \"another horse battery\" }}) {{ user {{ id }} userErrors {{ code }} }}"
    );
    let delete = format!(
        "accountDelete(input: {{ password: \"{PASSWORD}\" }}) {{ user {{ id }} userErrors {{ code }} }}"
    );
    let chinese = Actor {
        locale: atelier_kit::Locale::ZhCn,
        ..user.actor.clone()
    };
    let mixed = format!("mutation {{ {login} {change} {delete} again: {login} }}");
    let answer = app.run(&chinese, &mixed, json!({})).await;
    assert!(answer["authLogin"]["tokens"].is_object());
    for field in ["passwordChange", "accountDelete", "again"] {
        assert_eq!(
            answer[field]["userErrors"][0]["code"], "ONE_PER_REQUEST",
            "{field}"
        );
    }
    assert_eq!(
        answer["again"]["userErrors"][0]["message"],
        "每个请求只能包含一次登录、注册或其他需要密码的操作。"
    );
    app.login("user0").await;
    assert_eq!(app.count("account WHERE status <> 'ACTIVE'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_asks_for_each_field_by_itself_lets_one_of_an_operation_use_a_password() {
    let app = App::new().await;
    app.register("alice").await;
    let client = |nonce, request_id: &str| Actor {
        nonce,
        request_id: request_id.to_owned(),
        ..Actor::anonymous()
    };
    let input = json!({ "input": { "login": "alice", "password": PASSWORD } });
    let login = async |actor: Actor| {
        let answer = app.run(&actor, crate::app::LOGIN, input.clone()).await;
        answer["authLogin"]["userErrors"][0]["code"].clone()
    };
    assert_eq!(login(client(7, "req-1")).await, Value::Null);
    assert_eq!(login(client(7, "req-1")).await, "ONE_PER_REQUEST");
    // The next operation of the same connection, and another client that calls its request the same.
    assert_eq!(login(client(7, "req-2")).await, Value::Null);
    assert_eq!(login(client(8, "req-1")).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn common_passwords_are_refused_with_their_reason() {
    let app = App::new().await;
    let register = json!({ "input": { "username": "alice", "email": "alice@example.org", "password": "Password123" } });
    let answer = app
        .run(&Actor::anonymous(), crate::app::REGISTER, register)
        .await;
    assert_eq!(codes(answer), ["PASSWORD_COMMON"]);
    assert_eq!(app.count("account").await, 0);
    let alice = app.register("alice").await;
    let change = "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { user { id } userErrors { code path } } }";
    let input = json!({ "input": { "currentPassword": PASSWORD, "newPassword": "1q2w3e4r5t" } });
    assert_eq!(
        codes(app.run(&alice.actor, change, input).await),
        ["PASSWORD_COMMON"]
    );
    app.login("alice").await;
}
