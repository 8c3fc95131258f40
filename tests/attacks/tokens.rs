//! Forged, borrowed and mutilated credentials: whoever presents one is nobody.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    socket::{Heard, Socket},
    target::{Person, Target, attacks, code},
};

#[tokio::test(flavor = "multi_thread")]
async fn forged_credentials_are_nobodys() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            unsigned_and_resigned_tokens_are_refused,
            keys_named_in_a_token_are_not_fetched_or_believed,
            claims_cannot_be_changed_under_an_old_signature,
            mutilated_tokens_are_refused_wherever_they_are_sent,
            other_secrets_do_not_pass_for_access_tokens,
            headers_of_the_system_itself_are_not_believed,
            a_refused_credential_does_not_fall_back_to_a_weaker_one,
            a_refresh_token_used_by_a_thief_ends_the_sign_in,
        ])
        .await;
}

/// The DER frame of an Ed25519 private key (RFC 8410 §7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// An access token in its pieces.
struct Token {
    header: Value,
    claims: Value,
    signature: String,
}

impl Token {
    fn of(person: &Person) -> Self {
        let token = person.client.token.as_deref().expect("signed in");
        let mut parts = token.split('.');
        let mut decoded = || {
            let bytes = URL_SAFE_NO_PAD
                .decode(parts.next().expect("a part"))
                .expect("base64");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let (header, claims) = (decoded(), decoded());
        let signature = parts.next().expect("a signature").to_owned();
        Self {
            header,
            claims,
            signature,
        }
    }

    /// Written with other parts.
    fn with(&self, header: &Value, claims: &Value, signature: &str) -> String {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{signature}", encoded(header), encoded(claims))
    }

    /// Signed by somebody else.
    fn signed(
        &self,
        algorithm: Algorithm,
        key: &EncodingKey,
        change: impl Fn(&mut Header),
    ) -> String {
        let mut header = Header {
            typ: self.header["typ"].as_str().map(str::to_owned),
            kid: self.header["kid"].as_str().map(str::to_owned),
            ..Header::new(algorithm)
        };
        change(&mut header);
        jsonwebtoken::encode(&header, &self.claims, key).expect("a token")
    }
}

fn attackers_key() -> EncodingKey {
    EncodingKey::from_ed_der(&[PKCS8.as_slice(), &[42; 32]].concat())
}

fn set(value: &Value, name: &str, to: Value) -> Value {
    let mut changed = value.clone();
    changed[name] = to;
    changed
}

/// Fails unless whoever sends this token, in any way, is refused and told nothing.
async fn assert_refused(target: &Target, token: &str) {
    let shown: String = token.chars().take(120).collect();
    let ways = [
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("bearer  {token}")),
        ("x-api-key", token.to_owned()),
        ("cookie", format!("other=1; atelier_token={token}")),
    ];
    for (header, value) in ways {
        let Ok(value) = reqwest::header::HeaderValue::from_str(&value) else {
            continue;
        };
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header(header, value);
        let request = request.json(&json!({ "query": "{ viewer { id email } }" }));
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let nobody = answer == json!({ "data": { "viewer": null } });
        // A token that cannot stand in a header is none.
        let refused = matches!(
            code(&answer),
            Some("UNAUTHENTICATED" | "TOKEN_EXPIRED" | "BAD_REQUEST")
        );
        assert!(
            refused || (nobody && header != "authorization"),
            "{header} {shown}: {answer:#}"
        );
        assert!(
            answer.pointer("/data/viewer/id").is_none(),
            "{header} {shown}: {answer:#}"
        );
    }
    let mut socket = Socket::open(target).await;
    let payload = json!({ "authorization": format!("Bearer {token}") });
    socket
        .say(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(
        socket.next().await,
        Heard::Closed(4403),
        "a socket with {shown}"
    );
}

async fn unsigned_and_resigned_tokens_are_refused(target: Target) {
    let person = target.person("teresa").await;
    let token = Token::of(&person);
    for algorithm in [
        "none", "None", "NONE", "nOnE", "", "EdDSA ", "HS256", "RS256", "ES256",
    ] {
        let header = set(&token.header, "alg", json!(algorithm));
        for signature in ["", &token.signature] {
            assert_refused(&target, &token.with(&header, &token.claims, signature)).await;
        }
    }
    let key = attackers_key();
    assert_refused(&target, &token.signed(Algorithm::EdDSA, &key, |_| ())).await;
    // A public key is no secret: it must not verify what was signed with it.
    let keys = target
        .client
        .http
        .get(format!("{}/.well-known/jwks.json", target.client.base))
        .send();
    let keys: Value = keys
        .await
        .expect("an answer")
        .json()
        .await
        .expect("the public keys");
    let public = keys["keys"][0]["x"].as_str().expect("a public key");
    let bytes = URL_SAFE_NO_PAD.decode(public).expect("base64");
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    for secret in [
        public.as_bytes(),
        &bytes,
        pem.as_bytes(),
        keys.to_string().as_bytes(),
        b"",
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let forged = token.signed(algorithm, &EncodingKey::from_secret(secret), |_| ());
            assert_refused(&target, &forged).await;
        }
    }
}

async fn keys_named_in_a_token_are_not_fetched_or_believed(target: Target) {
    let person = target.person("tabitha").await;
    let token = Token::of(&person);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/keys.json",
        listener.local_addr().expect("an address")
    );
    let key = attackers_key();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a key");
    let strange = [
        "",
        "nobody",
        "../../../../dev/null",
        "' OR 1=1 --",
        "\u{202e}",
        "a\u{0}b",
    ];
    let long = "k".repeat(3000);
    for kid in strange.into_iter().chain([long.as_str()]) {
        let forged = token.signed(Algorithm::EdDSA, &key, |header| {
            header.kid = Some(kid.to_owned())
        });
        assert_refused(&target, &forged).await;
    }
    assert_refused(
        &target,
        &token.signed(Algorithm::EdDSA, &key, |header| header.kid = None),
    )
    .await;
    assert_refused(
        &target,
        &token.signed(Algorithm::EdDSA, &key, |header| {
            header.jwk = Some(jwk.clone())
        }),
    )
    .await;
    for kid in [None, token.header["kid"].as_str().map(str::to_owned)] {
        let forged = token.signed(Algorithm::EdDSA, &key, |header| {
            header.kid.clone_from(&kid);
            header.jku = Some(url.clone());
            header.x5u = Some(url.clone());
        });
        assert_refused(&target, &forged).await;
    }
    let called = tokio::time::timeout(std::time::Duration::from_millis(1), listener.accept()).await;
    assert!(called.is_err(), "it came to fetch the attacker's key");
}

async fn claims_cannot_be_changed_under_an_old_signature(target: Target) {
    let (person, other) = (target.person("tilda").await, target.person("tom").await);
    let token = Token::of(&person);
    for (name, value) in [
        ("sub", json!(other.id)),
        ("sid", json!(other.session)),
        ("exp", json!(9_999_999_999_u64)),
        ("iss", json!("somebody-else")),
        ("aud", json!("another-service")),
        ("scopes", json!(["admin:users"])),
    ] {
        let claims = set(&token.claims, name, value);
        assert_refused(
            &target,
            &token.with(&token.header, &claims, &token.signature),
        )
        .await;
    }
    for (name, value) in [
        ("typ", json!("JWT")),
        ("kid", json!("nobody")),
        ("crit", json!(["exp"])),
    ] {
        let header = set(&token.header, name, value);
        assert_refused(
            &target,
            &token.with(&header, &token.claims, &token.signature),
        )
        .await;
    }
}

async fn mutilated_tokens_are_refused_wherever_they_are_sent(target: Target) {
    let person = target.person("thea").await;
    let token = person.client.token.as_deref().expect("signed in");
    let parts: Vec<&str> = token.split('.').collect();
    let reversed: String = parts[2].chars().rev().collect();
    for mutilated in [
        token[..token.len() - 2].to_owned(),
        token[1..].to_owned(),
        format!("{token}A"),
        format!("{token}."),
        format!(".{token}"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.{reversed}", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        format!("{token}{}", "A".repeat(5000)),
        "..".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "nonsense".to_owned(),
        "{}".to_owned(),
    ] {
        assert_refused(&target, &mutilated).await;
    }
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
