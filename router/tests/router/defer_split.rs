//! `@defer` on fields of the subgraph that also gives the first answer.

use serde_json::{Value, json};

use crate::gates::{Gate, all, gated, pieces, pieces_of, request};
use crate::harness::ask;

/// What the first answer's request and the others asked.
fn asked(gate: &Gate) -> Vec<String> {
    gate.asked.lock().clone()
}

#[tokio::test]
async fn a_slow_field_of_the_same_subgraph_does_not_hold_up_the_first_answer() {
    let graph = gated();
    graph.accounts.hold("username");
    let query = "{ me { name ... @defer { username } } }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"], json!({"me": {"name": "Ada"}}));
    graph.accounts.open();
    assert_eq!(
        answer.rest().await,
        [json!({
            "incremental": [{"data": {"username": "ada"}, "path": ["me"]}],
            "hasNext": false
        })]
    );
    // Without the directive one request does it.
    graph.accounts.asked.lock().clear();
    ask(&graph.router, query).await;
    assert_eq!(asked(&graph.accounts).len(), 1);
}

#[tokio::test]
async fn objects_in_lists_are_asked_for_together() {
    let graph = gated();
    graph.products.hold("price");
    let query = "{ topProducts(first: 2) { name ... @defer { price upc } } }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["topProducts"],
        json!([{"name": "Table"}, {"name": "Couch"}])
    );
    graph.products.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"][0]["data"],
        json!({"price": 899, "upc": "1"})
    );
    assert_eq!(
        last[0]["incremental"][1]["data"],
        json!({"price": 1299, "upc": "2"})
    );
    assert_eq!(asked(&graph.products).len(), 2);
}

#[tokio::test]
async fn root_fields_of_the_same_subgraph_are_asked_for_apart() {
    let graph = gated();
    graph.products.hold("topProducts");
    let query = r#"query($n: Int!, $upc: ID!) {
        product(upc: $upc) { name }
        ... @defer { list: topProducts(first: $n) { name } }
    }"#;
    let mut answer = pieces_of(&graph.router, request(query, json!({"n": 1, "upc": "2"}))).await;
    assert_eq!(
        answer.next().await["data"],
        json!({"product": {"name": "Couch"}})
    );
    graph.products.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"][0]["data"],
        json!({"list": [{"name": "Table"}]})
    );
}

#[tokio::test]
async fn fields_of_joined_entities_are_asked_for_apart() {
    let graph = gated();
    graph.inventory.hold("label");
    let query = "{ topProducts(first: 1) { inStock ... @defer { label shippingEstimate } } }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["topProducts"],
        json!([{"inStock": true}])
    );
    graph.inventory.open();
    let last = answer.rest().await;
    assert_eq!(
        last.last().unwrap()["incremental"][0]["data"],
        json!({"label": "label-1", "shippingEstimate": 50})
    );
}

#[tokio::test]
async fn fragments_of_one_subgraph_do_not_wait_for_each_other() {
    let graph = gated();
    graph.accounts.hold("username");
    let query = r#"{ me { id
        ... @defer(label: "slow") { username reviews { id } }
        ... @defer(label: "fast") { name }
    } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"], json!({"me": {"id": "1"}}));
    assert_eq!(answer.next().await["incremental"][0]["label"], "fast");
    graph.accounts.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"][0]["data"],
        json!({"username": "ada", "reviews": [{"id": "r1"}, {"id": "r2"}]})
    );
}

#[tokio::test]
async fn members_of_unions_are_asked_for_by_their_own_key() {
    let graph = gated();
    graph.products.hold("price");
    let query = "{ search { ... on Product { name ...P @defer } ... on Category { name } } } fragment P on Product { price }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["search"],
        json!([{"name": "Table"}, {"name": "Home"}])
    );
    graph.products.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"],
        json!([{"data": {"price": 899}, "path": ["search", 0]}])
    );
}

#[tokio::test]
async fn what_hangs_on_a_moved_field_is_still_found() {
    let graph = gated();
    let query =
        r#"{ latestReviews { id ... @defer { body product { name inStock } author { id } } } }"#;
    let messages = all(&graph.router, query).await;
    let whole = ask(&graph.router, query).await;
    for piece in messages[1..]
        .iter()
        .flat_map(|m| m["incremental"].as_array().unwrap())
    {
        let at = piece["path"][1].as_u64().unwrap() as usize;
        let mut expected = whole["data"]["latestReviews"][at].clone();
        expected.as_object_mut().unwrap().remove("id");
        assert_eq!(piece["data"], expected);
    }
}

#[tokio::test]
async fn an_alias_in_the_way_of_a_key_does_not_matter() {
    let graph = gated();
    graph.accounts.hold("username");
    let query = "{ me { id: name ... @defer { username } } }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"], json!({"me": {"id": "Ada"}}));
    graph.accounts.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"][0]["data"],
        json!({"username": "ada"})
    );
}

#[tokio::test]
async fn an_object_without_a_key_is_asked_for_again() {
    let graph = gated();
    graph.products.hold("width");
    let query = r#"query($upc: ID!) { found: product(upc: $upc) {
        dimensions { height ... @defer { width } }
    } }"#;
    let mut answer = pieces_of(&graph.router, request(query, json!({"upc": "1"}))).await;
    assert_eq!(
        answer.next().await["data"]["found"],
        json!({"dimensions": {"height": 2}})
    );
    graph.products.open();
    let last = answer.rest().await;
    assert_eq!(
        last[0]["incremental"],
        json!([{"data": {"width": 899}, "path": ["found", "dimensions"]}])
    );
}

#[tokio::test]
async fn objects_without_a_key_in_lists_keep_the_request_whole() {
    let graph = gated();
    let query = "{ topProducts(first: 1) { dimensions { height ... @defer { width } } } }";
    let messages = all(&graph.router, query).await;
    assert_eq!(messages[1]["incremental"][0]["data"], json!({"width": 899}));
    assert_eq!(asked(&graph.products).len(), 1);
}

#[tokio::test]
async fn a_missing_object_asks_for_nothing_more() {
    let graph = gated();
    let query = r#"{ me { id } product(upc: "none") { name ... @defer { price } } }"#;
    let answer = crate::harness::run(&graph.router, request(query, Value::Null)).await;
    assert_eq!(
        answer,
        json!({"data": {"me": {"id": "1"}, "product": null}})
    );
    assert_eq!(asked(&graph.products).len(), 1);
}
