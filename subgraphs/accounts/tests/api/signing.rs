//! Access tokens and the keys that sign them.

use atelier_accounts::{AccountsConfig, IdentityResolver, rotate_signing_key, subgraph};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::App;

/// The JWKS, as anybody reads it.
async fn jwks(app: &App) -> Vec<Value> {
    // Of a process that has just started.
    let graph = subgraph(app.test.deps.clone(), app.config.clone());
    let response = graph
        .routes
        .oneshot(
            Request::get("/.well-known/jwks.json")
                .body(Body::empty())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice::<Value>(&body).unwrap()["keys"]
        .as_array()
        .unwrap()
        .clone()
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(
        &URL_SAFE_NO_PAD
            .decode(token.split('.').nth(at).unwrap())
            .unwrap(),
    )
    .unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_verifies_an_access_token_by_the_jwks() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let keys = jwks(&app).await;
    assert_eq!(keys.len(), 1);
    let public: Vec<_> = keys[0].as_object().unwrap().keys().collect();
    assert_eq!(
        public,
        ["alg", "crv", "kid", "kty", "use", "x"],
        "nothing private is published"
    );
    let header = part(&alice.access_token, 0);
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("EdDSA"), &keys[0]["kid"])
    );
    let key = DecodingKey::from_ed_components(keys[0]["x"].as_str().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.set_audience(&[&app.config.issuer]);
    let claims = jsonwebtoken::decode::<Value>(&alice.access_token, &key, &validation)
        .unwrap()
        .claims;
    let names: Vec<_> = claims.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["aud", "client_id", "exp", "iat", "iss", "sid", "sub"],
        "nothing more is told than who it is"
    );
    assert_eq!(
        (&claims["sub"], &claims["sid"]),
        (&json!(alice.id), &json!(alice.session))
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let bob = app.register("bob").await;
    let (header, mut claims) = (part(&alice.access_token, 0), part(&alice.access_token, 1));
    let signature = alice.access_token.rsplit('.').next().unwrap();
    let kid = header["kid"].as_str().unwrap().to_owned();
    let body = encoded(&claims);
    let none = format!(
        "{}.{body}.",
        encoded(&json!({ "alg": "none", "typ": "at+jwt", "kid": kid }))
    );
    let signed_none = format!(
        "{}.{body}.{signature}",
        encoded(&json!({ "alg": "None", "kid": kid }))
    );
    // The public key as the secret of an HMAC.
    let x = URL_SAFE_NO_PAD
        .decode(jwks(&app).await[0]["x"].as_str().unwrap())
        .unwrap();
    let hmac = Header {
        kid: Some(kid.clone()),
        ..Header::new(Algorithm::HS256)
    };
    let confused = jsonwebtoken::encode(&hmac, &claims, &EncodingKey::from_secret(&x)).unwrap();
    // Another Ed25519 key under the same and under another name.
    let other = EncodingKey::from_ed_der(
        &[
            &[
                0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
                0x04, 0x20,
            ][..],
            &[9; 32],
        ]
        .concat(),
    );
    let with = |kid: Option<String>| {
        jsonwebtoken::encode(
            &Header {
                kid,
                ..Header::new(Algorithm::EdDSA)
            },
            &claims,
            &other,
        )
        .unwrap()
    };
    let (wrong_key, unknown_key, no_key) =
        (with(Some(kid)), with(Some("unknown".into())), with(None));
    claims["sub"] = json!(bob.id);
    let altered = format!("{}.{}.{signature}", encoded(&header), encoded(&claims));
    let long = format!("{}x", "a".repeat(5000));
    let forged = [
        &none,
        &signed_none,
        &confused,
        &wrong_key,
        &unknown_key,
        &no_key,
        &altered,
        &long,
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
    ];
    for token in forged.iter().map(|token| token.to_string()) {
        assert_eq!(app.refusal(&token).await, "UNAUTHENTICATED", "{token:.60}");
    }
    app.actor(&alice.access_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_issuer_with_the_same_key_is_refused() {
    let app = App::new().await;
    let elsewhere = AccountsConfig {
        issuer: "elsewhere".into(),
        ..app.config.clone()
    };
    let alice = app.register("alice").await;
    let strict = IdentityResolver::new(app.test.deps.clone(), elsewhere);
    assert_eq!(
        strict
            .resolve(&alice.access_token)
            .await
            .unwrap_err()
            .code()
            .spec()
            .name,
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_on_the_second() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let end = part(&alice.access_token, 1)["exp"].as_i64().unwrap();
    let now = atelier_kit::clock::Clock::now(app.clock());
    let left = chrono::DateTime::from_timestamp(end, 0).unwrap() - now;
    app.clock().advance(left - TimeDelta::milliseconds(1));
    app.actor(&alice.access_token).await.unwrap();
    app.clock().advance(TimeDelta::milliseconds(1));
    assert_eq!(app.refusal(&alice.access_token).await, "TOKEN_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_signs_while_tokens_of_the_old_one_stay_valid() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let old = part(&alice.access_token, 0)["kid"].clone();
    rotate_signing_key(&app.test.deps, &app.config)
        .await
        .unwrap();
    // The process that did not rotate finds out by itself.
    app.clock().advance(TimeDelta::minutes(2));
    let renewed = app.login("alice").await;
    assert_ne!(part(&renewed.access_token, 0)["kid"], old);
    app.actor(&alice.access_token).await.unwrap();
    assert_eq!(jwks(&app).await.len(), 2);
    // When everything that it has signed has run out, the old key goes.
    app.clock().advance(TimeDelta::minutes(30));
    assert_eq!(app.refusal(&alice.access_token).await, "UNAUTHENTICATED");
    let keys = jwks(&app).await;
    assert_eq!(keys.len(), 1);
    assert_ne!(keys[0]["kid"], old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_has_not_heard_of_a_new_key_accepts_its_tokens_at_once() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.actor(&alice.access_token).await.unwrap();
    rotate_signing_key(&app.test.deps, &app.config)
        .await
        .unwrap();
    let rotated = subgraph(app.test.deps.clone(), app.config.clone());
    let login = async_graphql::Request::new(crate::app::LOGIN).variables(
        async_graphql::Variables::from_json(
            json!({ "input": { "login": "alice", "password": crate::app::PASSWORD } }),
        ),
    );
    let data = rotated
        .service
        .execute(login)
        .await
        .data
        .into_json()
        .unwrap();
    let token = data["authLogin"]["tokens"]["accessToken"].as_str().unwrap();
    assert_ne!(part(token, 0)["kid"], part(&alice.access_token, 0)["kid"]);
    app.actor(token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_have_signed_for_long_enough_are_replaced_by_the_sweep() {
    let mut app = App::new().await;
    app.register("alice").await;
    app.clock().advance(TimeDelta::days(31));
    app.start();
    app.eventually("signing_key WHERE retired_at IS NOT NULL", 1)
        .await;
    app.eventually("signing_key WHERE retired_at IS NULL", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_share_one_key() {
    let app = App::new().await;
    let graphs: Vec<_> = (0..6)
        .map(|_| subgraph(app.test.deps.clone(), app.config.clone()))
        .collect();
    let asks = graphs.into_iter().map(|graph| {
        graph.routes.oneshot(
            Request::get("/.well-known/jwks.json")
                .body(Body::empty())
                .unwrap(),
        )
    });
    for response in futures::future::join_all(asks).await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(app.count("signing_key").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_keys_are_sealed_in_the_database() {
    let app = App::new().await;
    app.register("alice").await;
    assert_eq!(app.count("signing_key WHERE position('\\x302e020100300506032b6570'::bytea IN sealed_private_key) > 0").await, 0);
    assert_eq!(app.count("signing_key").await, 1);
    // With another secret they cannot be opened: nothing is signed, nothing is taken for valid.
    let other = subgraph(app.test.deps.clone(), AccountsConfig::new([8; 32]));
    let answer = other
        .routes
        .oneshot(
            Request::get("/.well-known/jwks.json")
                .body(Body::empty())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
