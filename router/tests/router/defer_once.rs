//! Answers in pieces told by id (`incrementalSpec=v0.2`): every field comes once.

use atelier_router::{IncrementalFormat, Router, RouterConfig};
use serde_json::{Value, json};

use crate::gates::{Pieces, gated, gated_with, pieces_of, request};
use crate::harness::run;

async fn by_id(router: &Router, query: &str) -> Pieces {
    let mut request = request(query, Value::Null);
    request.incremental = Some(IncrementalFormat::ById);
    pieces_of(router, request).await
}

#[tokio::test]
async fn what_the_first_answer_has_does_not_come_again() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ product(upc: "1") {
        reviews { body }
        ... @defer { reviews { body author { name } } name inStock }
    } }"#;
    let mut answer = by_id(&graph.router, query).await;
    assert_eq!(
        answer.next().await,
        json!({
            "data": {"product": {
                "reviews": [{"body": "Love it!"}, {"body": "Prefer something else."}]
            }},
            "pending": [{"id": "0", "path": ["product"]}],
            "hasNext": true
        })
    );
    graph.inventory.open();
    let author = |at: usize, name: &str| json!({"id": "0", "subPath": ["reviews", at], "data": {"author": {"name": name}}});
    assert_eq!(
        answer.rest().await,
        [json!({
            "incremental": [
                {"id": "0", "data": {"name": "Table", "inStock": true}},
                author(0, "Ada"),
                author(1, "Bo")
            ],
            "completed": [{"id": "0"}],
            "hasNext": false
        })]
    );
}

#[tokio::test]
async fn a_fragment_with_nothing_of_its_own_is_not_announced() {
    let graph = gated();
    let mut taken = request(
        "{ me { id name ... @defer { name ... @defer { id } } } }",
        Value::Null,
    );
    taken.incremental = Some(IncrementalFormat::ById);
    let whole = run(&graph.router, taken).await;
    assert_eq!(whole, json!({"data": {"me": {"id": "1", "name": "Ada"}}}));
    // What is in it takes its place.
    let query = r#"{ me { name ... @defer(label: "empty") {
        name ... @defer(label: "inner") { reviews { id } }
    } } }"#;
    let first = by_id(&graph.router, query).await.next().await;
    assert_eq!(
        first["pending"],
        json!([{"id": "0", "path": ["me"], "label": "inner"}])
    );
}

#[tokio::test]
async fn what_two_fragments_ask_for_comes_with_the_first_of_them() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ product(upc: "1") { upc
        ... @defer(label: "slow") { inStock reviews { id product { name } } }
        ... @defer(label: "fast") { reviews { id body } }
    } }"#;
    let mut answer = by_id(&graph.router, query).await;
    assert_eq!(
        answer.next().await["pending"],
        json!([
            {"id": "0", "path": ["product"], "label": "slow"},
            {"id": "1", "path": ["product"], "label": "fast"}
        ])
    );
    assert_eq!(
        answer.next().await,
        json!({
            "incremental": [
                {"id": "1", "data": {"reviews": [{"id": "r1"}, {"id": "r3"}]}},
                {"id": "1", "subPath": ["reviews", 0], "data": {"body": "Love it!"}},
                {"id": "1", "subPath": ["reviews", 1], "data": {"body": "Prefer something else."}}
            ],
            "completed": [{"id": "1"}],
            "hasNext": true
        })
    );
    graph.inventory.open();
    assert_eq!(
        answer.rest().await,
        [json!({
            "incremental": [
                {"id": "0", "data": {"inStock": true}},
                {"id": "0", "subPath": ["reviews", 0], "data": {"product": {"name": "Table"}}},
                {"id": "0", "subPath": ["reviews", 1], "data": {"product": {"name": "Table"}}}
            ],
            "completed": [{"id": "0"}],
            "hasNext": false
        })]
    );
}

#[tokio::test]
async fn fields_below_a_deferred_fragment_name_the_longest_path() {
    let graph = gated();
    graph.reviews.close();
    let query = r#"{ me { id } ... @defer(label: "root") { me { name reviews { id } } } }"#;
    let mut answer = by_id(&graph.router, query).await;
    assert_eq!(
        answer.next().await["pending"],
        json!([{"id": "0", "path": [], "label": "root"}])
    );
    graph.reviews.open();
    assert_eq!(
        answer.rest().await[0]["incremental"],
        json!([{
            "id": "0",
            "subPath": ["me"],
            "data": {"name": "Ada", "reviews": [{"id": "r1"}, {"id": "r2"}]}
        }])
    );
}

#[tokio::test]
async fn a_fragment_within_one_that_asks_for_the_same_has_the_rest() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ product(upc: "1") { upc ... @defer(label: "outer") {
        name reviews { id } ... @defer(label: "inner") { name inStock reviews { id body } }
    } } }"#;
    let mut answer = by_id(&graph.router, query).await;
    assert_eq!(
        answer.next().await["pending"],
        json!([{"id": "0", "path": ["product"], "label": "outer"}])
    );
    let outer = answer.next().await;
    assert_eq!(
        outer["pending"],
        json!([{"id": "1", "path": ["product"], "label": "inner"}])
    );
    assert_eq!(
        outer["incremental"],
        json!([{"id": "0", "data": {"name": "Table", "reviews": [{"id": "r1"}, {"id": "r3"}]}}])
    );
    assert_eq!(outer["completed"], json!([{"id": "0"}]));
    graph.inventory.open();
    let inner = answer.rest().await.remove(0);
    assert_eq!(inner["incremental"][0]["data"], json!({"inStock": true}));
    assert_eq!(inner["incremental"][1]["subPath"], json!(["reviews", 0]));
    assert_eq!(inner["incremental"][1]["data"], json!({"body": "Love it!"}));
    assert_eq!(inner["completed"], json!([{"id": "1"}]));
}

#[tokio::test]
async fn a_null_in_a_forbidden_place_fails_all_fragments_that_ask_for_it() {
    let graph = gated();
    let query = r#"{ product(upc: "2") { upc
        ... @defer(label: "a") { shelf name ... @defer(label: "in a") { reviews { id } } }
        ... @defer(label: "b") { shelf price }
        ... @defer(label: "c") { tags }
    } }"#;
    let messages = by_id(&graph.router, query).await.rest().await;
    let label = |at: usize| messages[0]["pending"][at]["label"].clone();
    assert_eq!([label(0), label(1), label(2)], ["a", "b", "c"]);
    let mut data = Vec::new();
    let mut completed = Vec::new();
    for message in &messages[1..] {
        assert_eq!(message.get("pending"), None, "{message}");
        data.extend(
            message["incremental"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
        );
        completed.extend(message["completed"].as_array().cloned().unwrap_or_default());
    }
    assert_eq!(
        data,
        [json!({"id": "2", "data": {"tags": ["tag-2", "all \"quoted\""]}})]
    );
    completed.sort_by_key(|entry| entry["id"].to_string());
    assert_eq!(completed.len(), 3);
    for failed in &completed[..2] {
        let errors = failed["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{failed}");
        assert_eq!(errors[0]["message"], "No shelf.");
        assert_eq!(errors[0]["path"], json!(["product", "shelf"]));
    }
    assert_eq!(completed[2], json!({"id": "2"}));
}

#[tokio::test]
async fn an_error_is_told_once_with_the_data_it_is_about() {
    let graph = gated();
    let query = r#"{ topProducts { upc } ... @defer(label: "a") { topProducts { label } }
        ... @defer(label: "b") { topProducts { label inStock } } }"#;
    let messages = by_id(&graph.router, query).await.rest().await;
    assert_eq!(messages[0].get("errors"), None);
    let entries: Vec<&Value> = messages[1..]
        .iter()
        .flat_map(|message| message["incremental"].as_array().unwrap())
        .collect();
    let failed: Vec<&&Value> = entries
        .iter()
        .filter(|entry| entry.get("errors").is_some())
        .collect();
    assert_eq!(failed.len(), 1, "{entries:?}");
    assert_eq!(failed[0]["data"], json!({"label": null}));
    assert_eq!(failed[0]["subPath"], json!(["topProducts", 1]));
    assert_eq!(failed[0]["errors"].as_array().unwrap().len(), 1);
    assert_eq!(
        failed[0]["errors"][0]["path"],
        json!(["topProducts", 1, "label"])
    );
}

#[tokio::test]
async fn a_subgraph_that_is_down_is_told_with_what_it_was_to_give() {
    let graph = gated();
    graph.reviews.break_down();
    let query = "{ me { name } ... @defer { me { username reviews { id } } } }";
    let messages = by_id(&graph.router, query).await.rest().await;
    assert_eq!(messages[0]["data"], json!({"me": {"name": "Ada"}}));
    let completed = &messages[1]["completed"][0];
    assert_eq!(completed["id"], "0");
    assert_eq!(
        completed["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    assert_eq!(messages[1].get("incremental"), None);
    assert_eq!(messages[1]["hasNext"], false);
}

#[tokio::test]
async fn what_is_not_there_when_time_is_up_has_failed() {
    let config = RouterConfig::from_toml("[timeouts]\nrequest_ms = 2000\n").unwrap();
    let graph = gated_with(config);
    graph.reviews.close();
    let query = "{ me { name ... @defer { reviews { id ... @defer { body } } } } }";
    let mut answer = by_id(&graph.router, query).await;
    assert_eq!(answer.next().await["data"]["me"]["name"], "Ada");
    let last = answer.rest().await;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["hasNext"], false);
    let completed = last[0]["completed"].as_array().unwrap();
    assert_eq!(completed.len(), 1);
    assert_eq!(
        completed[0]["errors"][0]["extensions"]["code"],
        "REQUEST_TIMEOUT"
    );
}
