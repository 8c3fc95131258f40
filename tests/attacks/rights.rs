//! Rights that are given, changed and taken away: by nobody more than they hold.

use serde_json::json;

use crate::target::{Person, Target, address_of, attacks, code};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_or_takes_more_than_they_hold() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            moderators_cannot_touch_administrators,
            a_role_holds_no_scope_that_its_maker_lacks,
            roles_that_hold_more_can_be_neither_given_nor_taken,
            keys_without_a_scope_read_and_end_nothing_of_the_account,
        ])
        .await;
}

pub const TOKEN: &str = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret accessToken { id scopes } userErrors { code path } } }";

/// A token of this person with these scopes.
pub async fn token(target: &Target, person: &Person, scopes: &[&str]) -> crate::harness::Client {
    let made = person
        .client
        .run(
            TOKEN,
            json!({ "input": { "name": "attack", "scopes": scopes } }),
        )
        .await;
    let secret = made["accessTokenCreate"]["secret"]
        .as_str()
        .unwrap_or_else(|| panic!("{made:#}"));
    target.client.with_token(secret)
}

pub async fn role_named(admin: &Person, name: &str) -> String {
    let roles = admin.client.run("{ roles { id name } }", json!({})).await["roles"].clone();
    let role = roles
        .as_array()
        .expect("roles")
        .iter()
        .find(|role| role["name"] == name)
        .cloned();
    role.unwrap_or_else(|| panic!("{roles:#}"))["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

pub const ASSIGN: &str = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code path } } }";

pub const STATUS: &str = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { user { status } userErrors { code path } } }";

const ROLE: &str = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id scopes } userErrors { code path } } }";

/// Somebody with a role of these scopes.
async fn holder(target: &Target, name: &str, scopes: &[&str]) -> Person {
    let (admin, person) = (target.admin().await, target.person(name).await);
    let role = admin
        .client
        .run(
            ROLE,
            json!({ "input": { "name": format!("role of {name}"), "scopes": scopes } }),
        )
        .await;
    let role = role["roleCreate"]["role"]["id"].clone();
    admin
        .client
        .run(
            ASSIGN,
            json!({ "input": { "userId": person.id, "add": [role] } }),
        )
        .await;
    let held = crate::harness::eventually("the new rights", || async {
        let viewer = person.client.run("{ viewer { scopes } }", json!({})).await;
        viewer["viewer"]["scopes"]
            .as_array()
            .is_some_and(|held| scopes.iter().all(|scope| held.contains(&json!(scope))))
            .then_some(())
    });
    held.await;
    person
}

async fn moderators_cannot_touch_administrators(target: Target) {
    let admin = target.admin().await;
    let second = target.person("gerard").await;
    let role = role_named(&admin, "admin").await;
    admin
        .client
        .run(
            ASSIGN,
            json!({ "input": { "userId": second.id, "add": [role] } }),
        )
        .await;
    let moderator = holder(&target, "gavin", &["admin:users", "admin:quotas"]).await;
    let state = async || {
        let query = "query($id: ID!) { user(id: $id) { status } }";
        admin.client.run(query, json!({ "id": second.id })).await["user"]["status"].clone()
    };
    let before = state().await;
    for (query, input) in [
        (
            STATUS,
            json!({ "userId": second.id, "status": "SUSPENDED", "reason": "because I can" }),
        ),
        (
            "mutation($input: UserPlanSetInput!) { userPlanSet(input: $input) { userErrors { code } } }",
            json!({ "userId": second.id, "plan": "FREE" }),
        ),
        (
            "mutation($input: QuotaAdjustInput!) { quotaAdjust(input: $input) { userErrors { code } } }",
            json!({ "userId": second.id, "meter": "STORAGE_BYTES", "bonus": 0, "reason": "x" }),
        ),
    ] {
        let answer = moderator
            .client
            .send(query, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(
            code(&answer).is_some_and(|code| code != "INTERNAL"),
            "a moderator acted upon an administrator: {answer:#}"
        );
    }
    assert_eq!(state().await, before);
    // Upon an ordinary user it is their office.
    let ordinary = target.person("gordon").await;
    let answer = moderator
        .client
        .send(
            STATUS,
            json!({ "input": { "userId": ordinary.id, "status": "SUSPENDED", "reason": "spam" } }),
        )
        .await
        .expect("an answer");
    assert_eq!(
        answer["data"]["userStatusSet"]["user"]["status"], "SUSPENDED",
        "{answer:#}"
    );
}

async fn a_role_holds_no_scope_that_its_maker_lacks(target: Target) {
    let admin = target.admin().await;
    let session = holder(&target, "gilda", &["admin:roles"]).await;
    let narrow = token(&target, &admin, &["admin:roles"]).await;
    for (who, client) in [("a session", &session.client), ("a token", &narrow)] {
        for scope in [
            "admin:users",
            "admin:media",
            "worker",
            "media:write",
            "future:scope",
        ] {
            let name = format!("{who} {scope}");
            let answer = client
                .send(
                    ROLE,
                    json!({ "input": { "name": name, "scopes": [scope] } }),
                )
                .await
                .expect("an answer");
            assert_eq!(code(&answer), Some("SCOPE_NOT_HELD"), "{name}: {answer:#}");
        }
        let role = client
            .run(
                ROLE,
                json!({ "input": { "name": format!("{who} empty"), "scopes": [] } }),
            )
            .await["roleCreate"]["role"]["id"]
            .clone();
        let query = "mutation($input: RoleUpdateInput!) { roleUpdate(input: $input) { role { scopes } userErrors { code } } }";
        let answer = client
            .send(
                query,
                json!({ "input": { "id": role, "scopes": ["worker"] } }),
            )
            .await
            .expect("an answer");
        assert_eq!(code(&answer), Some("SCOPE_NOT_HELD"), "{who}: {answer:#}");
    }
}

async fn roles_that_hold_more_can_be_neither_given_nor_taken(target: Target) {
    let admin = target.admin().await;
    let session = holder(&target, "gemma", &["admin:roles"]).await;
    let (full, worker) = (
        role_named(&admin, "admin").await,
        role_named(&admin, "worker").await,
    );
    let other = target.person("gale").await;
    for (user, change) in [
        (&session.id, json!({ "add": [full] })),
        (&session.id, json!({ "add": [worker] })),
        (&other.id, json!({ "add": [full] })),
        (&admin.id, json!({ "remove": [full] })),
    ] {
        let mut input = change.clone();
        input["userId"] = json!(user);
        let answer = session
            .client
            .send(ASSIGN, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(
            code(&answer).is_some_and(|code| code != "INTERNAL"),
            "{change}: {answer:#}"
        );
    }
    let scopes = session.client.run("{ viewer { scopes } }", json!({})).await;
    assert!(
        !scopes.to_string().contains("worker") && !scopes.to_string().contains("admin:users"),
        "{scopes:#}"
    );
}

async fn keys_without_a_scope_read_and_end_nothing_of_the_account(target: Target) {
    let person = target.person("ginger").await;
    let key = token(&target, &person, &[]).await;
    for fields in [
        "email",
        "sessions(first: 5) { nodes { id ip } }",
        "accessTokens(first: 5) { nodes { id name } }",
    ] {
        let answer = key
            .send(&format!("{{ viewer {{ id {fields} }} }}"), json!({}))
            .await
            .expect("an answer");
        let text = answer.to_string();
        assert!(code(&answer).is_some(), "{fields}: {answer:#}");
        assert!(
            !text.contains(&address_of("ginger"))
                && !text.contains("ses_")
                && !text.contains("pat_"),
            "{answer:#}"
        );
    }
    let revoke = "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds userErrors { code } } }";
    for input in [
        json!({}),
        json!({ "sessionId": person.session }),
        json!({ "keepCurrent": true }),
    ] {
        let answer = key
            .send(revoke, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(code(&answer).is_some(), "{input}: {answer:#}");
    }
    let tokens = person
        .client
        .run(
            "{ viewer { id accessTokens(first: 1) { nodes { id } } } }",
            json!({}),
        )
        .await;
    let own = tokens["viewer"]["accessTokens"]["nodes"][0]["id"].clone();
    let revoke = "mutation($input: AccessTokenRevokeInput!) { accessTokenRevoke(input: $input) { userErrors { code } } }";
    let answer = key
        .send(revoke, json!({ "input": { "id": own } }))
        .await
        .expect("an answer");
    assert!(code(&answer).is_some(), "{answer:#}");
    assert!(
        person.client.run("{ viewer { id } }", json!({})).await["viewer"]["id"].is_string(),
        "the session was ended"
    );
}
