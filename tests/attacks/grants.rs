//! Rights that nobody gave: by every door that leads to one.

use serde_json::{Value, json};

use crate::{
    schema::{Schema, has},
    target::{PASSWORD, Person, Target, address_of, attacks, code},
};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_themselves_more_than_they_are() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            what_needs_a_scope_needs_it_of_everybody,
            what_is_for_the_system_is_not_in_the_graph,
            fields_that_nobody_offered_are_not_taken,
            tokens_hold_no_more_than_was_asked_for,
            tokens_of_programs_cannot_make_others,
            the_last_administrator_stays,
            what_administrators_read_of_users_is_theirs_alone,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "awaits one guard for all grants"]
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

/// Subgraphs, whose schemas have the rules that the public one does not show.
const SUBGRAPHS: [&str; 3] = ["accounts", "media", "tasks"];

async fn what_needs_a_scope_needs_it_of_everybody(target: Target) {
    let person = target.person("greta").await;
    let api = Schema::read("api");
    let mut tried = 0;
    for subgraph in SUBGRAPHS {
        let schema = Schema::read(subgraph);
        for root in ["Query", "Mutation", "Subscription"] {
            for field in schema.fields(root) {
                let (scoped, signed_in) =
                    (has(field, "requiresScopes"), has(field, "authenticated"));
                if !scoped && !signed_in {
                    continue;
                }
                let what = format!("{root}.{}", field.name);
                let operation = api.harmless(root, &field.name, 1);
                let nobody = ask(&target, None, root, &operation.query, &operation.variables).await;
                assert_eq!(
                    code(&nobody),
                    Some("UNAUTHENTICATED"),
                    "{what} by nobody: {nobody:#}"
                );
                if scoped {
                    let token = person.client.token.as_deref();
                    let answer =
                        ask(&target, token, root, &operation.query, &operation.variables).await;
                    assert_eq!(
                        code(&answer),
                        Some("FORBIDDEN"),
                        "{what} without the scope: {answer:#}"
                    );
                }
                tried += 1;
            }
        }
    }
    println!("{tried} fields with a rule");
    assert!(
        tried >= 40,
        "fields with rules are not found any more: {tried}"
    );
}

/// Asks over HTTP; subscriptions over server-sent events, of which the first counts.
async fn ask(
    target: &Target,
    token: Option<&str>,
    root: &str,
    query: &str,
    variables: &Value,
) -> Value {
    let mut request = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if root == "Subscription" {
        request = request.header("accept", "text/event-stream");
    }
    let request = request.json(&json!({ "query": query, "variables": variables }));
    let text = request
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data:"))
        .unwrap_or(&text);
    serde_json::from_str(data.trim()).unwrap_or_else(|_| panic!("{query}: {text}"))
}

async fn what_is_for_the_system_is_not_in_the_graph(target: Target) {
    let admin = target.admin().await;
    let api = Schema::read("api");
    let mut tried = 0;
    for subgraph in SUBGRAPHS {
        let schema = Schema::read(subgraph);
        for root in ["Query", "Mutation"] {
            for field in schema
                .fields(root)
                .iter()
                .filter(|field| has(field, "inaccessible"))
            {
                assert!(
                    api.fields(root)
                        .iter()
                        .all(|known| known.name != field.name),
                    "{} is public",
                    field.name
                );
                let operation = schema.harmless(root, &field.name, 0);
                let answer = admin
                    .client
                    .send(&operation.query, operation.variables)
                    .await
                    .expect("an answer");
                assert_eq!(
                    code(&answer),
                    Some("GRAPHQL_VALIDATION_FAILED"),
                    "{}: {answer:#}",
                    field.name
                );
                tried += 1;
            }
        }
    }
    assert!(
        tried >= 4,
        "fields of the system are not found any more: {tried}"
    );
    for hidden in [
        "{ _service { sdl } }",
        "{ _entities(representations: []) { __typename } }",
        "{ __type(name: \"CallerIdentity\") { name } }",
    ] {
        let answer = admin
            .client
            .send(hidden, json!({}))
            .await
            .expect("an answer");
        assert!(
            code(&answer).is_some() || answer["data"]["__type"].is_null(),
            "{hidden}: {answer:#}"
        );
    }
    for path in [
        "/accounts/graphql",
        "/media/graphql",
        "/tasks/graphql",
        "/node/graphql",
    ] {
        let response = target
            .client
            .http
            .post(format!("{}{path}", target.client.base))
            .json(&json!({ "query": "{ __typename }" }))
            .send()
            .await
            .expect("an answer");
        assert!(
            response.status().is_client_error(),
            "{path}: {}",
            response.status()
        );
    }
}

async fn fields_that_nobody_offered_are_not_taken(target: Target) {
    let person = target.person("gina").await;
    let registering = |more: Value| {
        let mut input =
            json!({ "username": "grabber", "email": "grabber@example.org", "password": PASSWORD });
        input
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        json!({ "input": input })
    };
    let register = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { tokens { accessToken } } }";
    for more in [
        json!({ "id": person.id }),
        json!({ "kind": "BOT" }),
        json!({ "status": "ACTIVE" }),
        json!({ "roles": ["admin"] }),
        json!({ "scopes": ["admin:users"] }),
        json!({ "emailVerified": true }),
        json!({ "plan": "PRO" }),
        json!({ "__proto__": { "admin": true } }),
        json!({ "isAdmin": true }),
    ] {
        let answer = target
            .client
            .send(register, registering(more.clone()))
            .await
            .expect("an answer");
        assert_eq!(code(&answer), Some("BAD_USER_INPUT"), "{more}: {answer:#}");
    }
    for (query, input) in [
        (
            "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { user { id } } }",
            json!({ "displayName": "G", "status": "ACTIVE" }),
        ),
        (
            "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { user { id } } }",
            json!({ "userId": person.id, "displayName": "G" }),
        ),
        (
            "mutation($input: AssetUpdateInput!) { assetUpdate(input: $input) { asset { id } } }",
            json!({ "id": "x", "ownerId": person.id }),
        ),
        (
            "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { id } } }",
            json!({ "filename": "a", "contentType": "a/b", "byteSize": 1, "storageKey": "blobs/x" }),
        ),
        (
            "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret } }",
            json!({ "name": "x", "userId": person.id }),
        ),
    ] {
        let answer = person
            .client
            .send(query, json!({ "input": input }))
            .await
            .expect("an answer");
        assert_eq!(code(&answer), Some("BAD_USER_INPUT"), "{input}: {answer:#}");
    }
    let answer = target
        .client
        .send(
            "query($name: String!) { user(username: $name) { id } }",
            json!({ "name": "grabber" }),
        )
        .await
        .expect("an answer");
    assert_eq!(
        answer,
        json!({ "data": { "user": null } }),
        "it registered all the same"
    );
}

const TOKEN: &str = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret accessToken { id scopes } userErrors { code path } } }";

/// A token of this person with these scopes.
async fn token(target: &Target, person: &Person, scopes: &[&str]) -> crate::harness::Client {
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

async fn tokens_hold_no_more_than_was_asked_for(target: Target) {
    let (person, admin) = (target.person("gwen").await, target.admin().await);
    for scope in [
        "admin:users",
        "admin:roles",
        "admin:tasks",
        "admin:media",
        "worker",
    ] {
        let answer = person
            .client
            .send(
                TOKEN,
                json!({ "input": { "name": "x", "scopes": [scope] } }),
            )
            .await
            .expect("an answer");
        assert_eq!(code(&answer), Some("SCOPE_NOT_HELD"), "{scope}: {answer:#}");
    }
    for scope in [
        "*",
        "admin:*",
        "ADMIN:USERS",
        "admin:users ",
        "",
        "admin",
        "admin:users:x:y",
    ] {
        let answer = person
            .client
            .send(
                TOKEN,
                json!({ "input": { "name": "x", "scopes": [scope] } }),
            )
            .await
            .expect("an answer");
        assert!(
            matches!(code(&answer), Some("SCOPE_INVALID" | "SCOPE_NOT_HELD")),
            "{scope}: {answer:#}"
        );
    }
    // An administrator's token without scopes is no administrator.
    let narrow = token(&target, &admin, &["admin:tasks"]).await;
    assert!(narrow.run("{ queues { name } }", json!({})).await["queues"].is_array());
    for (query, field) in [
        ("{ users(first: 1) { nodes { id } } }", "users"),
        ("{ roles { id } }", "roles"),
        ("{ auditEvents(first: 1) { nodes { id } } }", "auditEvents"),
    ] {
        let answer = narrow.send(query, json!({})).await.expect("an answer");
        assert_eq!(code(&answer), Some("FORBIDDEN"), "{field}: {answer:#}");
    }
}

async fn tokens_of_programs_cannot_make_others(target: Target) {
    let admin = target.admin().await;
    let narrow = token(&target, &admin, &["admin:tasks", "admin:users"]).await;
    let before = admin
        .client
        .run("{ viewer { accessTokens { totalCount } } }", json!({}))
        .await;
    for scopes in [json!([]), json!(["admin:tasks"]), json!(["admin:roles"])] {
        let answer = narrow
            .send(
                TOKEN,
                json!({ "input": { "name": "more", "scopes": scopes } }),
            )
            .await
            .expect("an answer");
        assert!(code(&answer).is_some(), "{scopes}: {answer:#}");
    }
    for (query, input) in [
        (
            "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { userErrors { code } } }",
            json!({ "currentPassword": PASSWORD, "newPassword": "quite another one 9" }),
        ),
        (
            "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { userErrors { code } } }",
            json!({ "password": PASSWORD }),
        ),
    ] {
        let answer = narrow
            .send(query, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(code(&answer).is_some(), "{query}: {answer:#}");
    }
    assert_eq!(
        admin
            .client
            .run("{ viewer { accessTokens { totalCount } } }", json!({}))
            .await,
        before
    );
}

async fn role_named(admin: &Person, name: &str) -> String {
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

const ASSIGN: &str = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code path } } }";
const STATUS: &str = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { user { status } userErrors { code path } } }";
const ROLE: &str = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id scopes } userErrors { code path } } }";

async fn the_last_administrator_stays(target: Target) {
    let admin = target.admin().await;
    let role = role_named(&admin, "admin").await;
    let answer = admin
        .client
        .send(
            ASSIGN,
            json!({ "input": { "userId": admin.id, "remove": [role] } }),
        )
        .await
        .expect("an answer");
    assert!(code(&answer).is_some(), "{answer:#}");
    let answer = admin
        .client
        .send(
            STATUS,
            json!({ "input": { "userId": admin.id, "status": "SUSPENDED", "reason": "x" } }),
        )
        .await
        .expect("an answer");
    assert!(code(&answer).is_some(), "{answer:#}");
    assert!(
        admin
            .client
            .run("{ users(first: 1) { nodes { id } } }", json!({}))
            .await["users"]
            .is_object()
    );
}

async fn what_administrators_read_of_users_is_theirs_alone(target: Target) {
    let (person, other) = (target.person("gloria").await, target.person("gus").await);
    let schema = Schema::read("accounts");
    for field in schema
        .fields("User")
        .iter()
        .filter(|field| has(field, "requiresScopes"))
    {
        let query = format!("query($id: ID!) {{ user(id: $id) {{ {} }} }}", field.name);
        for client in [&other.client, &target.client] {
            let answer = client
                .send(&query, json!({ "id": person.id }))
                .await
                .expect("an answer");
            assert!(code(&answer).is_some(), "User.{}: {answer:#}", field.name);
            assert!(
                !answer.to_string().contains(&address_of("gloria")),
                "{answer:#}"
            );
        }
    }
}

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
