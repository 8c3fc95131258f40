//! `@defer` in validation and introspection.

use serde_json::Value;

use crate::gates::{gated, request};
use crate::harness::{ask, run};

async fn refused(query: &str) -> String {
    let graph = gated();
    let answer = run(&graph.router, request(query, Value::Null)).await;
    assert_eq!(answer.get("data"), None, "{answer}");
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    for gate in [
        &graph.accounts,
        &graph.products,
        &graph.inventory,
        &graph.reviews,
    ] {
        assert!(gate.asked.lock().is_empty());
    }
    answer["errors"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn labels_are_unique_and_static() {
    let twice = r#"{ me { ... @defer(label: "x") { name } ...F } }
        fragment F on User { ... @defer(label: "x") { id } }"#;
    assert_eq!(
        refused(twice).await,
        r#"The label "x" of @defer is used twice."#
    );
    let variable = "query($l: String) { me { ... @defer(label: $l) { name } } }";
    assert_eq!(
        refused(variable).await,
        "The label of @defer must be a string, not a variable."
    );
}

#[tokio::test]
async fn roots_of_mutations_and_subscriptions_are_not_deferred() {
    let mutation = r#"mutation { ... @defer { append(text: "x") } }"#;
    assert_eq!(
        refused(mutation).await,
        "@defer cannot be used at the root of a mutation."
    );
    let spread = r#"mutation { ...F @defer } fragment F on Mutation { append(text: "x") }"#;
    assert_eq!(
        refused(spread).await,
        "@defer cannot be used at the root of a mutation."
    );
    let subscription = "subscription { ... @defer { countTo(n: 1) } }";
    assert_eq!(
        refused(subscription).await,
        "@defer cannot be used at the root of a subscription."
    );
}

#[tokio::test]
async fn subscriptions_defer_nothing() {
    let inside =
        "subscription { productChanged { ...F } } fragment F on Product { ... @defer { name } }";
    assert!(
        refused(inside)
            .await
            .starts_with("@defer is not supported in subscriptions")
    );
}

#[tokio::test]
async fn the_directive_is_checked_like_any_other() {
    assert!(refused("{ me @defer { name } }").await.contains("defer"));
    assert!(
        refused("{ me { ... @defer(unless: true) { name } } }")
            .await
            .contains("unless")
    );
    assert!(
        refused("{ me { ... @defer @defer { name } } }")
            .await
            .contains("defer")
    );
    assert!(
        refused("query($x: Int!) { me { ... @defer(if: $x) { name } } }")
            .await
            .contains('x')
    );
    assert!(
        refused(r#"{ me { ... @defer(if: "yes") { name } } }"#)
            .await
            .contains("Boolean")
    );
}

#[tokio::test]
async fn introspection_shows_it() {
    let graph = gated();
    let query = "{ __schema { directives { name locations args { name defaultValue } } } }";
    let answer = ask(&graph.router, query).await;
    let directives = answer["data"]["__schema"]["directives"].as_array().unwrap();
    let defer = directives.iter().find(|d| d["name"] == "defer").unwrap();
    assert_eq!(
        *defer,
        serde_json::json!({
            "name": "defer",
            "locations": ["FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
            "args": [
                {"name": "if", "defaultValue": "true"},
                {"name": "label", "defaultValue": null}
            ]
        })
    );
}

#[tokio::test]
async fn there_are_only_so_many_deferred_fragments() {
    let graph = gated();
    // Expanded: the fragment has ten, and is spread eleven times.
    let spreads: String = (0..11).map(|at| format!("a{at}: me {{ ...F }} ")).collect();
    let ten = "... @defer { name } ".repeat(10);
    let query = format!("{{ {spreads} }} fragment F on User {{ {ten} }}");
    let answer = run(&graph.router, request(&query, Value::Null)).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "OPERATION_TOO_LARGE"
    );
    assert_eq!(
        answer["errors"][0]["message"],
        "The operation has 110 deferred fragments; 100 are allowed."
    );
    assert!(graph.accounts.asked.lock().is_empty());
}
