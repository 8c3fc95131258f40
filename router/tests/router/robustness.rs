//! Random documents: whatever they are, an answer comes and nothing breaks.

use proptest::prelude::*;
use serde_json::Value;

use crate::harness::{ask_with, in_process};

/// Pieces that make documents which get far.
const PIECES: [&str; 36] = [
    "{",
    "}",
    "(",
    ")",
    "query",
    "mutation",
    "fragment F on User",
    "...F",
    "... on Product",
    "... on Category",
    "me",
    "name",
    "users",
    "topProducts",
    "(first: 2)",
    "(first: $n)",
    "query ($n: Int)",
    "inStock",
    "reviews",
    "author",
    "product",
    "(upc: \"1\")",
    "body",
    "a:",
    "__typename",
    "@skip(if: $b)",
    "@include(if: true)",
    "search",
    "named",
    "dimensions",
    "width",
    "__schema { types { name } }",
    "shelf",
    "fails",
    "\"",
    "$",
];

fn document() -> impl Strategy<Value = String> {
    let soup = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
        .prop_map(|pieces| pieces.join(" "));
    let field =
        prop::sample::select(&["name", "id", "inStock", "shelf", "label", "__typename"][..])
            .prop_map(str::to_owned);
    let tree = field.prop_recursive(5, 40, 4, |inner| {
        let parents = [
            "me",
            "users",
            "topProducts",
            "reviews",
            "author",
            "product",
            "search",
            "named",
            "... on Product",
            "... on User",
            "... on Category",
            "x: reviews",
        ];
        (
            prop::sample::select(parents.to_vec()),
            prop::collection::vec(inner, 1..4),
        )
            .prop_map(|(parent, children)| format!("{parent} {{ {} }}", children.join(" ")))
    });
    let trees =
        prop::collection::vec(tree, 1..4).prop_map(|trees| format!("{{ {} }}", trees.join(" ")));
    prop_oneof![soup, trees, any::<String>()]
}

fn well_formed(answer: &Value) {
    let errors = answer.get("errors").and_then(Value::as_array);
    assert!(
        answer.get("data").is_some() || errors.is_some_and(|e| !e.is_empty()),
        "{answer}"
    );
    for error in errors.into_iter().flatten() {
        let message = error["message"].as_str().unwrap();
        assert_ne!(message, "Something went wrong inside of the router.");
        assert_ne!(message, "The operation cannot be planned.");
        assert!(error["extensions"]["code"].is_string(), "{answer}");
    }
}

#[test]
fn random_documents_get_an_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let shop = runtime.block_on(async { in_process() });
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let variables = serde_json::json!({"n": 1, "b": true});
    let checked = runner.run(&document(), |text| {
        let answer = runtime.block_on(ask_with(&shop.router, &text, variables.clone()));
        well_formed(&answer);
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}
