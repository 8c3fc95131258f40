//! What answers, pages and logs give away.

use serde_json::{Value, json};

use crate::target::{PASSWORD, Target, attacks, code};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_inside_is_told() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            answers_to_nonsense_say_nothing_of_the_inside,
            health_tells_names_and_no_addresses,
            what_signs_in_fails_alike_for_everybody,
            registering_does_not_tell_which_of_both_is_taken,
            verifying_tokens_tells_nothing_about_others,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_hold_no_secrets_and_no_lines_of_attackers() {
    let target = Target::up_with(
        &[],
        &[("ATELIER_LOG", "debug"), ("ATELIER_LOG_FORMAT", "pretty")],
        "",
    )
    .await;
    target
        .in_turn(attacks![target; lines_cannot_be_forged_and_secrets_are_not_logged])
        .await;
}

/// Words that only the inside of a server knows.
const INSIDE: &[&str] = &[
    "panicked",
    "RUST_BACKTRACE",
    ".rs:",
    "src/",
    "diesel",
    "tokio",
    "async_graphql",
    "SELECT ",
    "INSERT INTO",
    "relation \"",
    "duplicate key",
    "constraint",
    "invalid byte sequence",
    "out of range for",
    "postgres://",
    "redis://",
    "SQLSTATE",
    "stack backtrace",
    "/home/",
    "/root/",
    "/tmp/",
];

/// Fails if an answer shows how the server is made.
pub fn assert_says_nothing_of_the_inside(what: &str, answer: &str) {
    // What was sent may come back in a message; it is not the server's.
    let answer = answer
        .replace("SELECT pg_sleep", "")
        .replace("/etc/passwd", "");
    for word in INSIDE {
        assert!(
            !answer.contains(word),
            "{what} told {word:?}: {answer:.2000}"
        );
    }
}

async fn answers_to_nonsense_say_nothing_of_the_inside(target: Target) {
    let base = &target.client.base;
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "{\"query\":1}",
        "{\"query\":\"{\"}",
        "{\"query\":\"{ nothing }\"}",
        "{\"query\":\"{ viewer }\"}",
        "{\"variables\":[]}",
        "{\"query\":\"query($a: Nope) { viewer { id } }\"}",
        "{\"query\":\"{ user(id: \\\"usr_x\\\") { id } }\"}",
        "{\"query\":\"{ __type(name: \\\"Query\\\") { x } }\"}",
    ];
    for body in bodies {
        let request = target
            .client
            .http
            .post(format!("{base}/graphql"))
            .header("content-type", "application/json");
        let response = request.body(body).send().await.expect("an answer");
        assert!(
            response.status().is_client_error() || response.status().is_success(),
            "{body}: {}",
            response.status()
        );
        assert_says_nothing_of_the_inside(body, &response.text().await.expect("text"));
    }
    for path in [
        "/nothing",
        "/.git/config",
        "/.env",
        "/debug",
        "/server-status",
        "/assets/",
        "/%2e%2e%2f%2e%2e%2fetc/passwd",
    ] {
        let response = target
            .client
            .http
            .get(format!("{base}{path}"))
            .send()
            .await
            .expect("an answer");
        assert!(
            response.status().is_client_error(),
            "{path}: {}",
            response.status()
        );
        let headers = format!("{:?}", response.headers());
        assert!(
            !headers.contains("\"server\"") && !headers.contains("x-powered-by"),
            "{headers}"
        );
        assert_says_nothing_of_the_inside(path, &response.text().await.expect("text"));
    }
}

async fn health_tells_names_and_no_addresses(target: Target) {
    for path in ["/health/live", "/health/ready"] {
        let response = target
            .client
            .http
            .get(format!("{}{path}", target.client.base))
            .send()
            .await
            .expect("an answer");
        let text = response.text().await.expect("text");
        assert_says_nothing_of_the_inside(path, &text);
        for inside in ["127.0.0.1", "localhost", "password", "5432", "6379"] {
            assert!(!text.contains(inside), "{path}: {text}");
        }
    }
}

/// The message and code of a refusal, without what differs by moment.
fn refusal(payload: &Value) -> (Value, Value, Value) {
    let error = &payload["userErrors"][0];
    (
        error["code"].clone(),
        error["message"].clone(),
        error["path"].clone(),
    )
}

async fn what_signs_in_fails_alike_for_everybody(target: Target) {
    let person = target.person("irene").await;
    let admin = target.admin().await;
    // Two wrong guesses for each: too few to be slowed down.
    let mut refusals = Vec::new();
    for (at, login) in [
        person.name.as_str(),
        "irene@example.org",
        "nobody-of-this-name",
        "nobody@example.org",
        &admin.name,
        "",
        "\u{202e}",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = target
            .log_in(login, "wrong password 1", &format!("198.51.100.{at}"))
            .await;
        refusals.push((login.to_owned(), refusal(&answer)));
    }
    for (login, told) in &refusals {
        assert_eq!(
            *told, refusals[0].1,
            "signing in as {login:?} tells whether the account exists"
        );
    }
    assert_eq!(refusals[0].1.0, "INVALID_CREDENTIALS");
}

async fn registering_does_not_tell_which_of_both_is_taken(target: Target) {
    let person = target.person("isabel").await;
    let query = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { user { id } tokens { accessToken } userErrors { code message path } } }";
    let query = query.replace("user { id } ", "");
    let mut refusals = Vec::new();
    for (name, mail) in [
        (person.name.as_str(), "free@example.org"),
        ("freename", "isabel@example.org"),
        ("freename", "ISABEL@example.org"),
    ] {
        let input = json!({ "username": name, "email": mail, "password": PASSWORD });
        let answer = target
            .sent_from("198.51.100.77", None, &query, json!({ "input": input }))
            .await;
        refusals.push(refusal(&answer["data"]["authRegister"]));
    }
    assert!(
        refusals.iter().all(|told| *told == refusals[0]),
        "{refusals:#?}"
    );
    assert_eq!(refusals[0].0, "IDENTITY_TAKEN");
}

async fn verifying_tokens_tells_nothing_about_others(target: Target) {
    let person = target.person("ivy").await;
    let query = "query($token: String!) { authTokenVerify(token: $token) { active reason userId sessionId scopes expiresAt } }";
    let mut told = Vec::new();
    for token in [
        person.id.as_str(),
        &person.session,
        "pat_nothing",
        "nonsense",
    ] {
        let answer = target
            .client
            .send(query, json!({ "token": token }))
            .await
            .expect("an answer");
        told.push(answer["data"]["authTokenVerify"].clone());
    }
    for told in &told {
        assert_eq!(
            (&told["active"], &told["userId"], &told["scopes"]),
            (&json!(false), &Value::Null, &json!([])),
            "{told:#}"
        );
    }
}

async fn lines_cannot_be_forged_and_secrets_are_not_logged(target: Target) {
    let person = target.person("logan").await;
    let forged = "x\n2026-01-01T00:00:00Z ERROR atelier: FORGED\r\n\u{1b}[2J\u{1b}[31mFORGED";
    let base = format!("{}/graphql", target.client.base);
    // By everything that a client can make a log hold.
    for (name, value) in [
        ("x-request-id", "FORGED \u{1b}[31m"),
        ("user-agent", "FORGED\t\u{85}"),
        ("traceparent", "FORGED"),
        ("x-forwarded-for", "FORGED"),
        ("accept-language", "FORGED"),
    ] {
        let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes());
        let mut request = target
            .client
            .http
            .post(&base)
            .json(&json!({ "query": "{ viewer { id } }" }));
        if let Ok(value) = value {
            request = request.header(name, value);
        }
        let _ = request.send().await;
    }
    for (query, variables) in [
        ("query FORGED { viewer { id } }", json!({})),
        (
            "query($id: ID!) { user(id: $id) { id } }",
            json!({ "id": forged }),
        ),
        (
            "query($name: String) { user(username: $name) { id } }",
            json!({ "name": forged }),
        ),
        (
            "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { userErrors { code } } }",
            json!({ "input": { "filename": forged, "contentType": forged, "byteSize": 1 } }),
        ),
        (
            "mutation($input: AuthLoginInput!) { authLogin(input: $input) { userErrors { code } } }",
            json!({ "input": { "login": forged, "password": PASSWORD } }),
        ),
        (
            "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { userErrors { code } } }",
            json!({ "input": { "currentPassword": "a wrong but private one", "newPassword": "another private one" } }),
        ),
    ] {
        let answer = person
            .client
            .send(query, variables)
            .await
            .expect("an answer");
        assert_ne!(code(&answer), Some("INTERNAL"), "{answer:#}");
    }
    let _ = target
        .client
        .http
        .get(format!("{}/FORGED%0aFORGED", target.client.base))
        .send()
        .await;
    let token = "mutation { accessTokenCreate(input: { name: \"logs\" }) { secret } }";
    let made = person.client.run(token, json!({})).await;
    let secret = made["accessTokenCreate"]["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    target
        .client
        .with_token(&secret)
        .run("{ viewer { id } }", json!({}))
        .await;

    let output = target.output().await;
    for line in output.lines() {
        assert!(
            !line.trim_start().starts_with("2026-01-01T00:00:00Z ERROR"),
            "a forged line: {line}"
        );
        assert!(
            !line.contains("\u{1b}[2J"),
            "a terminal is told what to do: {line:?}"
        );
    }
    let access = person.client.token.clone().expect("signed in");
    let signature = access.rsplit('.').next().expect("a signature");
    for secret in [
        PASSWORD,
        "a wrong but private one",
        "another private one",
        &access,
        signature,
        &secret,
        &person.refresh,
    ] {
        assert!(
            !output.contains(secret),
            "a secret is in the log: {secret:.12}…"
        );
    }
    for (name, value) in &target.place.variables {
        if name.contains("SECRET") {
            assert!(!output.contains(value.as_str()), "{name} is in the log");
        }
    }
}
