//! GraphQL over HTTP as clients, browsers and proxies meet it.

use atelier_router::RouterConfig;
use atelier_router::config::{Introspect, Introspection, Limits};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, http, in_process, in_process_with, serve_router};

pub async fn edge(config: RouterConfig) -> String {
    serve_router(in_process_with(config).router).await
}

pub async fn post(base: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(format!("{base}/graphql"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http(request.body(body.to_owned()).unwrap()).await
}

pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const STRICT: (&str, &str) = ("accept", "application/graphql-response+json");

pub fn query(text: &str) -> String {
    json!({"query": text}).to_string()
}

pub async fn get(base: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(format!("{base}/graphql?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http(request.body(String::new()).unwrap()).await
}

#[tokio::test]
async fn post_and_get_answer_in_the_accepted_media_type() {
    let base = edge(RouterConfig::default()).await;
    let answer = post(&base, &[JSON], &query("{ me { name } }")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(answer.json(), json!({"data": {"me": {"name": "Ada"}}}));
    let answer = get(&base, "query=%7Bme%7Bname%7D%7D", &[STRICT]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/graphql-response+json; charset=utf-8"
    );
    let answer = get(
        &base,
        "query=%7Bme%7Bname%7D%7D",
        &[("accept", "image/png")],
    )
    .await;
    assert_eq!(answer.status, 406);
}

#[tokio::test]
async fn status_codes_follow_the_specification() {
    let base = edge(RouterConfig::default()).await;
    let cases = [
        ("not json", 400, 400, "BAD_REQUEST"),
        ("[]", 400, 400, "BAD_REQUEST"),
        ("{}", 400, 400, "BAD_REQUEST"),
        (r#"{"query": 1}"#, 400, 400, "BAD_REQUEST"),
        (
            r#"{"query": "{me{name}}", "variables": []}"#,
            400,
            400,
            "BAD_REQUEST",
        ),
        (r#"{"query": "{"}"#, 200, 400, "GRAPHQL_PARSE_FAILED"),
        (
            r#"{"query": "{ nothing }"}"#,
            200,
            400,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            r#"{"query": "query A { me { name } } query B { me { name } }"}"#,
            400,
            400,
            "BAD_REQUEST",
        ),
        (
            r#"{"query": "query ($u: ID!) { product(upc: $u) { name } }"}"#,
            200,
            400,
            "BAD_USER_INPUT",
        ),
    ];
    for (body, json_status, strict_status, code) in cases {
        let answer = post(&base, &[JSON], body).await;
        assert_eq!(answer.status, json_status, "{body}: {}", answer.body);
        let strict = post(&base, &[JSON, STRICT], body).await;
        assert_eq!(strict.status, strict_status, "{body}: {}", strict.body);
        assert_eq!(
            strict.json()["errors"][0]["extensions"]["code"],
            code,
            "{body}"
        );
        assert_eq!(strict.json().get("data"), None, "{body}");
    }
}

#[tokio::test]
async fn mutations_are_refused_on_get() {
    let shop = in_process();
    let base = serve_router(shop.router.clone()).await;
    let answer = get(&base, "query=mutation%7Bappend(text%3A%22x%22)%7D", &[]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), "POST");
    let events = [("accept", "text/event-stream")];
    let answer = get(&base, "query=mutation%7Bappend(text%3A%22x%22)%7D", &events).await;
    assert_eq!(answer.status, 405);
    assert_eq!(shop.products.calls(), 0, "nothing ran");
}

#[tokio::test]
async fn only_json_bodies_are_taken() {
    let base = edge(RouterConfig::default()).await;
    let body = query("{ me { name } }");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
    ] {
        let answer = post(&base, &[("content-type", kind)], &body).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    assert_eq!(post(&base, &[], &body).await.status, 415);
    let upload = post(
        &base,
        &[("content-type", "multipart/form-data; boundary=x")],
        "--x",
    )
    .await;
    assert_eq!(upload.status, 415);
    let message = upload.json()["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("presigned upload"), "{message}");
}

#[tokio::test]
async fn request_ids_go_in_and_out() {
    let base = edge(RouterConfig::default()).await;
    let given = post(
        &base,
        &[JSON, ("x-request-id", "abc-1")],
        &query("{ nothing }"),
    )
    .await;
    assert_eq!(given.header("x-request-id"), "abc-1");
    assert_eq!(
        given.json()["errors"][0]["extensions"]["requestId"],
        "abc-1"
    );
    let made = post(&base, &[JSON], &query("{ me { name } }")).await;
    assert_eq!(made.header("x-request-id").len(), 32);
    let long = "x".repeat(500);
    let replaced = post(
        &base,
        &[JSON, ("x-request-id", &long)],
        &query("{ me { name } }"),
    )
    .await;
    assert_eq!(replaced.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let config = RouterConfig {
        limits: Limits {
            max_body_bytes: 1000,
            ..Limits::default()
        },
        ..RouterConfig::default()
    };
    let base = edge(config).await;
    let body = query(&format!("{{ me {{ name }} }} #{}", "x".repeat(2000)));
    assert_eq!(post(&base, &[JSON], &body).await.status, 413);
    // Without a length the body is counted as it comes.
    let chunks = futures::stream::iter([body].map(Ok::<_, std::convert::Infallible>));
    let stream = axum::body::Body::from_stream(chunks);
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http();
    let request = Request::post(format!("{base}/graphql"))
        .header(JSON.0, JSON.1)
        .body(stream)
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn subscriptions_need_a_transport_that_streams() {
    let base = edge(RouterConfig::default()).await;
    let answer = post(&base, &[JSON], &query("subscription { countTo(n: 1) }")).await;
    assert_eq!(answer.status, 406);
}

#[tokio::test]
async fn the_root_shows_a_page() {
    let base = edge(RouterConfig::default()).await;
    let answer = http(Request::get(&base).body(String::new()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.body.contains("<html"));
    let missing = http(
        Request::get(format!("{base}/none"))
            .body(String::new())
            .unwrap(),
    )
    .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn introspection_shows_the_public_schema_only() {
    let shop = in_process();
    let base = serve_router(shop.router).await;
    let body = query("{ __schema { types { name } queryType { name } } }");
    let answer = post(&base, &[JSON], &body).await.json();
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let types = answer["data"]["__schema"]["types"].as_array().unwrap();
    let names: Vec<&str> = types
        .iter()
        .map(|ty| ty["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"Product") && names.contains(&"__Type"),
        "{names:?}"
    );
    assert!(
        !names
            .iter()
            .any(|name| name.contains("join__") || name.starts_with("_S")),
        "{names:?}"
    );
    let query_of = query(
        "query ($n: String!) { __type(name: $n) { kind name fields(includeDeprecated: true) \
         { name type { kind ofType { name kind } } args { name defaultValue } } } }",
    );
    let mut body: Value = serde_json::from_str(&query_of).unwrap();
    body["variables"] = json!({"n": "Query"});
    let answer = post(&base, &[JSON], &body.to_string()).await.json();
    let fields = answer["data"]["__type"]["fields"].as_array().unwrap();
    let top = fields
        .iter()
        .find(|field| field["name"] == "topProducts")
        .unwrap();
    assert_eq!(
        top["type"],
        json!({"kind": "NON_NULL", "ofType": {"name": null, "kind": "LIST"}})
    );
    assert_eq!(top["args"], json!([{"name": "first", "defaultValue": "3"}]));
    assert!(!fields.iter().any(|field| field["name"] == "_entities"));
}

#[tokio::test]
async fn introspection_can_be_switched_off() {
    let base = edge(RouterConfig {
        introspection: Introspection {
            allow: Introspect::Nobody,
            ..Introspection::default()
        },
        ..RouterConfig::default()
    })
    .await;
    for text in [
        "{ __schema { types { name } } }",
        "{ ...F } fragment F on Query { __type(name: \"A\") { name } }",
    ] {
        let answer = post(&base, &[JSON], &query(text)).await.json();
        assert_eq!(
            answer["errors"][0]["extensions"]["code"],
            "INTROSPECTION_DISABLED"
        );
    }
    let answer = post(&base, &[JSON], &query("{ __typename me { __typename } }"))
        .await
        .json();
    assert_eq!(
        answer,
        json!({"data": {"__typename": "Query", "me": {"__typename": "User"}}})
    );
}
