//! Rights that nobody gave: by every door that leads to one.

use serde_json::{Value, json};

use crate::{
    rights::{ASSIGN, STATUS, TOKEN, role_named, token},
    schema::{Schema, has},
    target::{PASSWORD, Target, address_of, attacks, code},
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

/// Subgraphs, whose schemas have the rules that the public one does not show.
const SUBGRAPHS: [&str; 3] = ["accounts", "media", "tasks"];

async fn what_needs_a_scope_needs_it_of_everybody(target: Target) {
    let person = target.person("greta").await;
    // People hold the scopes for their own account by signing in; a key without scopes holds none.
    let key = token(&target, &person, &[]).await;
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
                    let answer = ask(
                        &target,
                        key.token.as_deref(),
                        root,
                        &operation.query,
                        &operation.variables,
                    )
                    .await;
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
