//! What clients see when something goes wrong in a subgraph.

use serde_json::{Value, json};

use crate::harness::{ask, in_process};

fn without_ids(mut answer: Value) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        let id = error["extensions"]
            .as_object_mut()
            .unwrap()
            .remove("requestId");
        assert!(
            id.is_some_and(|id| id.is_string()),
            "every error has the request's id"
        );
    }
    answer
}

#[tokio::test]
async fn a_subgraphs_error_keeps_its_extensions_and_gets_the_clients_path() {
    let shop = in_process();
    let answer = without_ids(ask(&shop.router, "{ a: fails me { name } }").await);
    assert_eq!(
        answer,
        json!({
            "data": {"a": null, "me": {"name": "Ada"}},
            "errors": [{
                "message": "It failed.",
                "path": ["a"],
                "extensions": {"code": "TEAPOT", "detail": 418, "service": "products"},
            }],
        })
    );
}

#[tokio::test]
async fn one_bad_entity_nulls_one_field() {
    let shop = in_process();
    let answer = without_ids(ask(&shop.router, "{ p: topProducts { name l: label } }").await);
    assert_eq!(
        answer,
        json!({
            "data": {"p": [
                {"name": "Table", "l": "label-1"},
                {"name": "Couch", "l": null},
                {"name": "Kite", "l": "label-3"},
            ]},
            "errors": [{
                "message": "No label.",
                "path": ["p", 1, "l"],
                "extensions": {"code": "INTERNAL", "service": "inventory"},
            }],
        })
    );
}

#[tokio::test]
async fn an_error_is_told_for_every_place_the_entity_is_at() {
    let shop = in_process();
    let query = "{ product(upc: \"2\") { label } topProducts { label } }";
    let answer = without_ids(ask(&shop.router, query).await);
    let mut paths: Vec<String> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].to_string())
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        [r#"["product","label"]"#, r#"["topProducts",1,"label"]"#]
    );
}

#[tokio::test]
async fn an_unknown_entity_is_null_without_an_error_where_that_is_allowed() {
    let shop = in_process();
    let answer = ask(&shop.router, "{ latestReviews { id author { username } } }").await;
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(
        answer["data"]["latestReviews"][3],
        json!({"id": "r4", "author": {"username": null}})
    );
}

#[tokio::test]
async fn a_panic_loses_one_field() {
    let shop = in_process();
    let answer = without_ids(ask(&shop.router, "{ me { name broken } users { name } }").await);
    assert_eq!(
        answer["data"],
        json!({"me": {"name": "Ada", "broken": null}, "users": [{"name": "Ada"}, {"name": "Bo"}]})
    );
    assert_eq!(answer["errors"][0]["path"], json!(["me", "broken"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
}
