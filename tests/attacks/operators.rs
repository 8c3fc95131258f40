//! What is for operators, and what is for those who may.

use serde_json::json;

use crate::target::{Target, attacks, code};

#[tokio::test(flavor = "multi_thread")]
async fn operators_alone_see_how_it_is() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target; metrics_are_not_public, health_is_a_status_and_nothing_else, the_schema_is_not_for_everybody])
        .await;
}

async fn metrics_are_not_public(target: Target) {
    for path in [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/METRICS",
        "/graphql/../metrics",
        "/metrics?x=1",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answers = crate::wire::exchange(&target, request.as_bytes()).await;
        assert!(
            !answers.text.contains("# TYPE") && !answers.text.contains("_total"),
            "{path}: {answers:.300?}"
        );
    }
}

async fn health_is_a_status_and_nothing_else(target: Target) {
    let url = format!("{}/health/ready", target.client.base);
    let text = target
        .client
        .http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    for inside in ["postgresql", "redis", "object_store", "latency", "checks"] {
        assert!(!text.contains(inside), "{text}");
    }
}

async fn the_schema_is_not_for_everybody(target: Target) {
    // On loopback it is, so this asks a system that listens to others.
    drop(target);
    let public = Target::up_with(&[], &[], "[introspection]\nallow = \"nobody\"\n").await;
    for query in [
        "{ __schema { queryType { name } } }",
        "{ __type(name: \"Query\") { name } }",
        "query A { ...F } fragment F on Query { __schema { types { name } } }",
    ] {
        let answer = public
            .client
            .send(query, json!({}))
            .await
            .expect("an answer");
        assert_eq!(
            code(&answer),
            Some("INTROSPECTION_DISABLED"),
            "{query}: {answer:#}"
        );
    }
    // Nor by what errors propose.
    let answer = public
        .client
        .send("{ viewr { id } }", json!({}))
        .await
        .expect("an answer");
    assert!(!answer.to_string().contains("viewer"), "{answer:#}");
}
