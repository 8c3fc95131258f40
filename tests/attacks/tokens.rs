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
pub async fn assert_refused(target: &Target, token: &str) {
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
