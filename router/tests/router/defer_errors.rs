//! `@defer` when something goes wrong: errors belong to their piece.

use atelier_router::RouterConfig;
use serde_json::{Value, json};

use crate::gates::{all, gated, gated_with, pieces};

fn entries(messages: &[Value]) -> Vec<Value> {
    let of = |message: &Value| {
        message["incremental"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    messages.iter().flat_map(of).collect()
}

#[tokio::test]
async fn an_error_in_a_fragment_comes_with_it_and_names_its_whole_path() {
    let graph = gated();
    let query = "{ topProducts { upc ... @defer { label } } }";
    let messages = all(&graph.router, query).await;
    assert_eq!(messages[0].get("errors"), None);
    let entries = entries(&messages);
    assert_eq!(entries.len(), 3);
    assert_eq!(
        entries[0],
        json!({"data": {"label": "label-1"}, "path": ["topProducts", 0]})
    );
    assert_eq!(entries[1]["data"], json!({"label": null}));
    assert_eq!(entries[1]["errors"].as_array().unwrap().len(), 1);
    assert_eq!(entries[1]["errors"][0]["message"], "No label.");
    assert_eq!(
        entries[1]["errors"][0]["path"],
        json!(["topProducts", 1, "label"])
    );
    assert_eq!(
        entries[1]["errors"][0]["extensions"]["service"],
        "inventory"
    );
    assert_eq!(entries[2].get("errors"), None);
}

#[tokio::test]
async fn a_null_in_a_forbidden_place_ends_at_the_fragment() {
    let graph = gated();
    let query = "{ topProducts { upc name ... @defer { upc shelf } } }";
    let messages = all(&graph.router, query).await;
    assert_eq!(
        messages[0]["data"]["topProducts"][1],
        json!({"upc": "2", "name": "Couch"})
    );
    let entries = entries(&messages);
    assert_eq!(entries[0]["data"], json!({"upc": "1", "shelf": "shelf-1"}));
    assert_eq!(entries[1]["data"], json!(null));
    assert_eq!(entries[1]["path"], json!(["topProducts", 1]));
    assert_eq!(
        entries[1]["errors"][0]["path"],
        json!(["topProducts", 1, "shelf"])
    );
    assert_eq!(entries[1]["errors"].as_array().unwrap().len(), 1);
    assert_eq!(entries[2]["data"]["shelf"], "shelf-3");
}

#[tokio::test]
async fn a_subgraph_that_fails_is_told_in_each_piece_it_was_to_give() {
    let graph = gated();
    graph.inventory.break_down();
    let query =
        "{ topProducts(first: 2) { name ... @defer { inStock } ... @defer { reviews { id } } } }";
    let messages = all(&graph.router, query).await;
    assert_eq!(messages[0].get("errors"), None);
    let mut failed = 0;
    for entry in entries(&messages) {
        if entry["data"].get("reviews").is_some() {
            assert_eq!(entry.get("errors"), None);
            continue;
        }
        failed += 1;
        assert_eq!(entry["data"], json!({"inStock": null}));
        assert_eq!(entry["errors"][0]["path"], entry["path"]);
        assert_eq!(
            entry["errors"][0]["extensions"]["code"],
            "SUBGRAPH_UNAVAILABLE"
        );
    }
    assert_eq!(failed, 2);
}

#[tokio::test]
async fn an_error_of_the_first_answer_stays_there() {
    let graph = gated();
    let query = r#"{ fails product(upc: "2") { label ... @defer { inStock reviews { id } } } }"#;
    let messages = all(&graph.router, query).await;
    let errors = messages[0]["errors"].as_array().unwrap();
    let mut paths: Vec<String> = errors.iter().map(|e| e["path"].to_string()).collect();
    paths.sort();
    assert_eq!(paths, [r#"["fails"]"#, r#"["product","label"]"#]);
    assert!(
        entries(&messages)
            .iter()
            .all(|entry| entry.get("errors").is_none())
    );
}

#[tokio::test]
async fn deferred_fragments_of_an_object_that_becomes_null_are_dropped() {
    let graph = gated();
    let query = r#"{ product(upc: "2") { shelf dimensions { ... @defer { width } } ... @defer { reviews { id } } } me { id ... @defer { reviews { id } } } }"#;
    let messages = all(&graph.router, query).await;
    assert_eq!(
        messages[0]["data"],
        json!({"product": null, "me": {"id": "1"}})
    );
    let entries = entries(&messages);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["path"], json!(["me"]));
}

#[tokio::test]
async fn what_is_not_there_when_time_is_up_is_null_and_says_so() {
    let config = RouterConfig::from_toml("[timeouts]\nrequest_ms = 2000\n").unwrap();
    let graph = gated_with(config);
    graph.reviews.close();
    let query = r#"{ me { name ... @defer(label: "late") { reviews { id } } } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"]["me"]["name"], "Ada");
    let last = answer.rest().await;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["hasNext"], false);
    let piece = &last[0]["incremental"][0];
    assert_eq!(piece["data"], json!(null));
    assert_eq!(piece["label"], "late");
    assert_eq!(piece["errors"][0]["extensions"]["code"], "REQUEST_TIMEOUT");
    graph.reviews.has_under_way(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work() {
    let graph = gated();
    graph.reviews.close();
    let query = "{ me { name ... @defer { reviews { id } } } }";
    let mut answer = pieces(&graph.router, query).await;
    answer.next().await;
    let reading = tokio::spawn(answer.rest());
    graph.reviews.has_under_way(1).await;
    reading.abort();
    graph.reviews.has_under_way(0).await;
}

#[tokio::test]
async fn a_router_that_shuts_down_finishes_what_it_started() {
    let graph = gated();
    graph.reviews.close();
    let query = "{ me { name ... @defer { reviews { id } } } }";
    let mut answer = pieces(&graph.router, query).await;
    answer.next().await;
    graph.router.drain();
    graph.reviews.open();
    assert_eq!(
        answer.rest().await[0]["incremental"][0]["data"]["reviews"][0]["id"],
        "r1"
    );
}
