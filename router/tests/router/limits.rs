//! Documents that are refused before they cost anything.

use atelier_router::RouterConfig;
use atelier_router::config::Limits;
use serde_json::{Value, json};

use crate::harness::{ask, ask_with, in_process, in_process_with};

async fn refused(query: &str, code: &str) -> Value {
    let shop = in_process();
    let answer = ask(&shop.router, query).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    assert_eq!(answer.get("data"), None, "{answer}");
    assert_eq!(
        shop.products.calls() + shop.accounts.calls(),
        0,
        "nothing was fetched"
    );
    answer
}

const TOO_LARGE: &str = "OPERATION_TOO_LARGE";

#[tokio::test]
async fn ten_thousand_levels() {
    let deep = format!("{}{}", "{ me ".repeat(10_000), "}".repeat(10_000));
    refused(&deep, TOO_LARGE).await;
    let brackets = format!("{{ product(upc: {}) {{ name }} }}", "[".repeat(10_000));
    refused(&brackets, TOO_LARGE).await;
}

#[tokio::test]
async fn more_levels_than_allowed_also_through_fragments() {
    let deep = format!(
        "{{ me {} name {} }}",
        "{ reviews { author ".repeat(20),
        "} }".repeat(20)
    );
    refused(&deep, TOO_LARGE).await;
    let mut document = "{ me { ...F0 } }".to_owned();
    for at in 0..20 {
        let next = if at == 19 {
            "name".to_owned()
        } else {
            format!("...F{}", at + 1)
        };
        document.push_str(&format!(
            " fragment F{at} on User {{ reviews {{ author {{ {next} }} }} }}"
        ));
    }
    refused(&document, TOO_LARGE).await;
}

#[tokio::test]
async fn fragments_that_double() {
    let mut document = "{ me { ...F0 } }".to_owned();
    for at in 0..25 {
        let next = if at == 24 {
            "name".to_owned()
        } else {
            format!("...F{0} ...F{0}", at + 1)
        };
        document.push_str(&format!(" fragment F{at} on User {{ {next} }}"));
    }
    refused(&document, TOO_LARGE).await;
}

#[tokio::test]
async fn fragments_that_contain_themselves() {
    refused(
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }",
        "GRAPHQL_VALIDATION_FAILED",
    )
    .await;
    refused(
        "{ me { name } } fragment A on User { ...A }",
        "GRAPHQL_VALIDATION_FAILED",
    )
    .await;
}

#[tokio::test]
async fn aliases_root_fields_tokens_and_selections() {
    let aliases: String = (0..300).map(|at| format!("a{at}: name ")).collect();
    refused(&format!("{{ me {{ {aliases} }} }}"), TOO_LARGE).await;
    let roots: String = (0..60).map(|_| "me { name } ").collect();
    refused(&format!("{{ {roots} }}"), TOO_LARGE).await;
    let fields = "name ".repeat(5_000);
    refused(&format!("{{ me {{ {fields} }} }}"), TOO_LARGE).await;
    refused(
        &format!("{{ me {{ {} }} }}", "name ".repeat(9_000)),
        TOO_LARGE,
    )
    .await;
    refused(&"{".repeat(200_000), TOO_LARGE).await;
}

/// With graphql-tools' own rule this takes seconds; here it is one of many tests.
#[tokio::test]
async fn fields_that_overlap_thousands_of_times() {
    let shop = in_process_with(RouterConfig {
        limits: Limits {
            max_tokens: 1_000_000,
            max_selections: 100_000,
            ..Limits::default()
        },
        ..RouterConfig::default()
    });
    let repeated = format!("{{ me {{ {} }} }}", "reviews { id }".repeat(5_000));
    let answer = ask(&shop.router, &repeated).await;
    assert_eq!(answer["data"]["me"]["reviews"][0], json!({"id": "r1"}));
}

#[tokio::test]
async fn conflicting_fields() {
    for query in [
        "{ me { a: name a: id } }",
        "{ product(upc: \"1\") { name } product(upc: \"2\") { name } }",
        "{ search { ... on Product { x: price } ... on Category { x: name } } }",
        "{ me { ...A ...B } } fragment A on User { x: name } fragment B on User { x: id }",
    ] {
        refused(query, "GRAPHQL_VALIDATION_FAILED").await;
    }
    let shop = in_process();
    let fine = "{ search { ... on Product { x: name } ... on Category { x: slug y: name } } }";
    // Both are strings or ids, but not the same type.
    let answer = ask(&shop.router, fine).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
    let fine = "{ search { ... on Product { x: name } ... on Category { x: name } } }";
    assert_eq!(
        ask(&shop.router, fine).await,
        json!({"data": {"search": [{"x": "Table"}, {"x": "Home"}]}})
    );
}

#[tokio::test]
async fn introspection_that_nests_lists() {
    let mut query = "name".to_owned();
    for _ in 0..5 {
        query = format!("fields {{ type {{ {query} }} }}");
    }
    refused(
        &format!("{{ __schema {{ types {{ {query} }} }} }}"),
        TOO_LARGE,
    )
    .await;
}

#[tokio::test]
async fn introspection_that_repeats_the_schema() {
    refused(
        "{ a: __schema { queryType { name } } b: __schema { queryType { name } } }",
        TOO_LARGE,
    )
    .await;
    refused(
        "{ ...F x: __schema { types { name } } } fragment F on Query { __schema { types { name } } }",
        TOO_LARGE,
    )
    .await;
    let types: String = (0..50)
        .map(|at| format!("t{at}: types {{ fields {{ name }} }} "))
        .collect();
    refused(&format!("{{ __schema {{ {types} }} }}"), TOO_LARGE).await;
    let fields: String = (0..50)
        .map(|at| format!("f{at}: fields {{ name }} "))
        .collect();
    refused(
        &format!("{{ __type(name: \"Product\") {{ {fields} }} }}"),
        TOO_LARGE,
    )
    .await;
}

#[tokio::test]
async fn variables_of_wrong_types() {
    let shop = in_process();
    let query = "query ($f: ProductFilter!, $n: Int) { productsWhere(filter: $f) { name } topProducts(first: $n) { name } }";
    let good = json!({"maxPrice": 1});
    for (variables, word) in [
        (json!({}), "was not provided"),
        (json!({"f": null}), "must not be null"),
        (json!({"f": []}), "must be an object"),
        (json!({"f": {}}), "$f.maxPrice is required"),
        (json!({"f": {"maxPrice": "1"}}), "32-bit integer"),
        (
            json!({"f": {"maxPrice": 3_000_000_000_u32}}),
            "32-bit integer",
        ),
        (
            json!({"f": {"maxPrice": 1, "kind": "BOAT"}}),
            "enum \"ProductKind\"",
        ),
        (
            json!({"f": {"maxPrice": 1, "color": "red"}}),
            "has no field \"color\"",
        ),
        (json!({"f": good, "n": 1.5}), "$n"),
    ] {
        let answer = ask_with(&shop.router, query, variables.clone()).await;
        let error = &answer["errors"][0];
        assert_eq!(
            error["extensions"]["code"], "BAD_USER_INPUT",
            "{variables}: {answer}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(word),
            "{variables}: {answer}"
        );
    }
    assert_eq!(shop.products.calls(), 0);
    let answer = ask_with(
        &shop.router,
        query,
        json!({"f": good, "n": 1, "unused": true}),
    )
    .await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
}

#[tokio::test]
async fn unknown_configuration_keys_are_refused() {
    let error = RouterConfig::from_toml("[limits]\nmax_dept = 3\n").unwrap_err();
    assert!(error.to_string().contains("max_dept"), "{error}");
    assert!(RouterConfig::from_toml("[timeouts]\nrequest_ms = 0\n").is_err());
    let config = RouterConfig::from_toml(
        "[limits]\nmax_depth = 3\n[subgraphs.media]\nurl = \"http://localhost:1/\"\ntimeout_ms = 5\n",
    )
    .unwrap();
    assert_eq!(config.limits.max_depth, 3);
    assert_eq!(config.subgraph("media").timeout_ms, 5);
    assert_eq!(config.subgraph("other").timeout_ms, 30_000);
}
