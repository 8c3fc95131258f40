//! What is no access token, or somebody else's, or says that it comes from the inside.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    target::{Target, attacks, code},
    tokens::assert_refused,
};

#[tokio::test(flavor = "multi_thread")]
async fn borrowed_credentials_are_nobodys() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            other_secrets_do_not_pass_for_access_tokens,
            headers_of_the_system_itself_are_not_believed,
            a_refused_credential_does_not_fall_back_to_a_weaker_one,
            a_refresh_token_used_by_a_thief_ends_the_sign_in,
        ])
        .await;
}

async fn other_secrets_do_not_pass_for_access_tokens(target: Target) {
    let person = target.person("tamara").await;
    let query = "mutation { accessTokenCreate(input: { name: \"mine\" }) { secret accessToken { id prefix } } }";
    let made = person.client.run(query, json!({})).await["accessTokenCreate"].clone();
    let secret = made["secret"].as_str().expect("a secret");
    let mut changed = secret.to_owned();
    let last = changed.pop().expect("not empty");
    changed.push(if last == 'a' { 'b' } else { 'a' });
    for other in [
        person.refresh.as_str(),
        &person.id,
        &person.session,
        made["accessToken"]["id"].as_str().expect("an id"),
        made["accessToken"]["prefix"].as_str().expect("a prefix"),
        &changed,
        &secret.to_uppercase(),
        &format!("{secret}{secret}"),
    ] {
        assert_refused(&target, other).await;
    }
    // And an access token is none to refresh with.
    let access = person.client.token.clone().expect("signed in");
    let refreshed = refresh(&target, &access, "198.51.100.1").await;
    assert_eq!(code(&refreshed), Some("REFRESH_INVALID"), "{refreshed:#}");
    let query = "query($token: String!) { authTokenVerify(token: $token) { active userId sessionId scopes } }";
    for other in [person.refresh.as_str(), &changed, "nonsense", ""] {
        let told = target
            .client
            .send(query, json!({ "token": other }))
            .await
            .expect("an answer");
        let told = &told["data"]["authTokenVerify"];
        assert_eq!(told["active"], json!(false), "{other}: {told:#}");
        assert_eq!(
            (&told["userId"], &told["sessionId"]),
            (&Value::Null, &Value::Null),
            "{told:#}"
        );
    }
}

async fn headers_of_the_system_itself_are_not_believed(target: Target) {
    let admin = target.admin().await;
    let actor = json!({ "identity": { "kind": "user", "user": admin.id }, "scopes": ["admin:users", "admin:roles"] });
    let service = json!({ "identity": { "kind": "service", "name": "router" } });
    for (header, value) in [
        ("x-atelier-actor", actor.to_string()),
        ("x-atelier-actor", URL_SAFE_NO_PAD.encode(actor.to_string())),
        ("x-atelier-actor", service.to_string()),
        ("x-atelier-client-ip", "127.0.0.1".to_owned()),
        ("x-forwarded-user", admin.name.clone()),
        ("x-user-id", admin.id.clone()),
    ] {
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header(header, &value);
        let request =
            request.json(&json!({ "query": "{ viewer { id } users(first: 1) { nodes { id } } }" }));
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(
            code(&answer),
            Some("UNAUTHENTICATED"),
            "{header}: {answer:#}"
        );
        assert!(
            answer.pointer("/data/viewer/id").is_none(),
            "{header}: {answer:#}"
        );
    }
    // The address is that which the proxy added, whatever the client says it is.
    let person = target.person("titus").await;
    let request = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base));
    let request = request
        .header("x-forwarded-for", "203.0.113.9, 203.0.113.10")
        .header("x-atelier-client-ip", "203.0.113.11");
    let query =
        "mutation($input: AuthLoginInput!) { authLogin(input: $input) { tokens { accessToken } } }";
    let input = json!({ "login": person.name, "password": crate::target::PASSWORD });
    let answer: Value = request
        .json(&json!({ "query": query, "variables": { "input": input } }))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let token = answer["data"]["authLogin"]["tokens"]["accessToken"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:#}"));
    let sessions = target
        .client
        .with_token(token)
        .run(
            "{ viewer { sessions(first: 5) { nodes { ip current } } } }",
            json!({}),
        )
        .await;
    let sessions = sessions["viewer"]["sessions"]["nodes"]
        .as_array()
        .expect("sessions")
        .clone();
    let current = sessions
        .iter()
        .find(|session| session["current"] == true)
        .expect("this one");
    assert_eq!(current["ip"], "203.0.113.10");
}

async fn a_refused_credential_does_not_fall_back_to_a_weaker_one(target: Target) {
    let person = target.person("trudy").await;
    let token = person.client.token.as_deref().expect("signed in");
    let both = [
        [
            ("authorization", "Bearer nonsense".to_owned()),
            ("cookie", format!("atelier_token={token}")),
        ],
        [
            ("authorization", "Bearer nonsense".to_owned()),
            ("x-api-key", token.to_owned()),
        ],
        [
            ("authorization", "Bearer nonsense".to_owned()),
            ("authorization", format!("Bearer {token}")),
        ],
    ];
    for headers in both {
        let mut request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base));
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let request = request.json(&json!({ "query": "{ viewer { id } }" }));
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(
            code(&answer),
            Some("UNAUTHENTICATED"),
            "{headers:?}: {answer:#}"
        );
    }
}

async fn refresh(target: &Target, token: &str, ip: &str) -> Value {
    let query = "mutation($input: AuthTokenRefreshInput!) { authTokenRefresh(input: $input) { \
        tokens { accessToken refreshToken } userErrors { code message } } }";
    let variables = json!({ "input": { "refreshToken": token } });
    target.sent_from(ip, None, query, variables).await
}

async fn a_refresh_token_used_by_a_thief_ends_the_sign_in(target: Target) {
    let person = target.person("tanya").await;
    // The owner goes on twice; what they had at first is worth nothing to who finds it.
    let mut tokens = vec![person.refresh.clone()];
    for _ in 0..2 {
        let answer = refresh(&target, tokens.last().expect("one"), "198.51.100.1").await;
        let next = answer
            .pointer("/data/authTokenRefresh/tokens/refreshToken")
            .and_then(Value::as_str);
        tokens.push(next.unwrap_or_else(|| panic!("{answer:#}")).to_owned());
    }
    let stolen = refresh(&target, &tokens[0], "203.0.113.66").await;
    assert_eq!(code(&stolen), Some("REFRESH_REUSED"), "{stolen:#}");
    let newest = refresh(&target, tokens.last().expect("three"), "198.51.100.1").await;
    assert_eq!(code(&newest), Some("REFRESH_INVALID"), "{newest:#}");
    let answer = person
        .client
        .send("{ viewer { id } }", json!({}))
        .await
        .expect("an answer");
    assert_eq!(code(&answer), Some("UNAUTHENTICATED"), "{answer:#}");
}
