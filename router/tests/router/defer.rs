//! `@defer`: what comes first and what comes when.

use atelier_router::IncrementalFormat;
use serde_json::{Value, json};

use crate::gates::{all, gated, gated_over_http, pieces, pieces_of, request};
use crate::harness::{ask, ask_with, run};

const SLOW_REVIEWS: &str = r#"{ me { name ... @defer(label: "r") { reviews { body } } } }"#;

#[tokio::test]
async fn the_first_answer_does_not_wait_for_a_deferred_fragment() {
    for graph in [gated(), gated_over_http().await] {
        graph.reviews.close();
        let mut answer = pieces(&graph.router, SLOW_REVIEWS).await;
        assert_eq!(
            answer.next().await,
            json!({"data": {"me": {"name": "Ada"}}, "hasNext": true})
        );
        graph.reviews.open();
        let reviews = json!([{"body": "Love it!"}, {"body": "Too expensive."}]);
        assert_eq!(
            answer.rest().await,
            [json!({
                "incremental": [{"data": {"reviews": reviews}, "path": ["me"], "label": "r"}],
                "hasNext": false
            })]
        );
    }
}

#[tokio::test]
async fn a_client_that_takes_one_answer_gets_one() {
    let graph = gated();
    let plain = SLOW_REVIEWS.replace(r#"@defer(label: "r")"#, "");
    let deferred = ask(&graph.router, SLOW_REVIEWS).await;
    assert_eq!(deferred, ask(&graph.router, &plain).await);
    assert_eq!(deferred["data"]["me"]["reviews"][0]["body"], "Love it!");
    // Neither variant of the plan is taken for the other.
    assert_eq!(all(&graph.router, SLOW_REVIEWS).await.len(), 2);
    assert_eq!(ask(&graph.router, SLOW_REVIEWS).await, deferred);
}

#[tokio::test]
async fn the_argument_if_decides() {
    let graph = gated();
    let fixed = "{ me { name ... @defer(if: false) { reviews { body } } } }";
    let whole = run(&graph.router, request(fixed, Value::Null)).await;
    assert_eq!(whole["data"]["me"]["reviews"][1]["body"], "Too expensive.");
    assert_eq!(whole.get("hasNext"), None);
    let query = "query($later: Boolean! = true) {
        me { name ... @defer(if: $later) { reviews { body } } }
    }";
    let now = run(&graph.router, request(query, json!({"later": false}))).await;
    assert_eq!(now, whole);
    for variables in [json!({"later": true}), json!({})] {
        let answer = pieces_of(&graph.router, request(query, variables)).await;
        assert_eq!(answer.rest().await[0]["hasNext"], true);
    }
}

#[tokio::test]
async fn skipped_fragments_are_not_deferred() {
    let graph = gated();
    let query = "query($no: Boolean!) {
        me { name ... @defer @skip(if: $no) { reviews { body } } ... @include(if: $no) { id } }
    }";
    let whole = run(&graph.router, request(query, json!({"no": true}))).await;
    assert_eq!(whole, json!({"data": {"me": {"name": "Ada", "id": "1"}}}));
    let answer = pieces_of(&graph.router, request(query, json!({"no": false}))).await;
    let messages = answer.rest().await;
    assert_eq!(messages[0]["data"], json!({"me": {"name": "Ada"}}));
    assert_eq!(messages[1]["incremental"][0]["path"], json!(["me"]));
}

#[tokio::test]
async fn each_item_of_a_list_has_its_own_piece() {
    let graph = gated();
    graph.inventory.close();
    let query = "{ topProducts { name ... @defer { stock: inStock } } }";
    let mut answer = pieces(&graph.router, query).await;
    let names = json!([{"name": "Table"}, {"name": "Couch"}, {"name": "Kite"}]);
    assert_eq!(answer.next().await["data"], json!({"topProducts": names}));
    graph.inventory.open();
    let piece =
        |at: usize, stock: Value| json!({"data": {"stock": stock}, "path": ["topProducts", at]});
    assert_eq!(
        answer.rest().await,
        [json!({
            "incremental": [
                piece(0, json!(true)),
                piece(1, json!(null)),
                piece(2, json!(true))
            ],
            "hasNext": false
        })]
    );
}

#[tokio::test]
async fn fragments_come_in_the_order_they_are_ready_in() {
    let graph = gated();
    graph.reviews.close();
    graph.inventory.close();
    let query = r#"{ product(upc: "1") {
        name
        ...Reviews @defer(label: "reviews")
        ... @defer(label: "stock") { inStock }
    } }
    fragment Reviews on Product { reviews { body } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["product"],
        json!({"name": "Table"})
    );
    graph.inventory.open();
    let second = answer.next().await;
    assert_eq!(second["incremental"][0]["label"], "stock");
    assert_eq!(second["hasNext"], true);
    graph.reviews.open();
    let third = answer.rest().await;
    assert_eq!(third.len(), 1);
    assert_eq!(third[0]["incremental"][0]["label"], "reviews");
    assert_eq!(third[0]["hasNext"], false);
}

#[tokio::test]
async fn a_fragment_inside_a_deferred_one_comes_after_it() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ me { name ... @defer(label: "outer") { reviews {
        body
        product { upc ... @defer(label: "inner") { inStock } }
    } } } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"], json!({"me": {"name": "Ada"}}));
    let outer = answer.next().await;
    assert_eq!(outer["incremental"][0]["label"], "outer");
    assert_eq!(
        outer["incremental"][0]["data"]["reviews"][0],
        json!({"body": "Love it!", "product": {"upc": "1"}})
    );
    graph.inventory.open();
    let inner = answer.rest().await;
    assert_eq!(
        inner[0]["incremental"][0],
        json!({"data": {"inStock": true}, "path": ["me", "reviews", 0, "product"], "label": "inner"})
    );
    assert_eq!(
        inner[0]["incremental"][1]["path"],
        json!(["me", "reviews", 1, "product"])
    );
}

#[tokio::test]
async fn a_field_that_is_also_selected_outside_comes_first() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ product(upc: "1") {
        reviews { body }
        ... @defer { name reviews { id author { name } } inStock }
    } }"#;
    let mut answer = pieces(&graph.router, query).await;
    let first = answer.next().await;
    assert_eq!(
        first["data"]["product"],
        json!({"reviews": [{"body": "Love it!"}, {"body": "Prefer something else."}]})
    );
    graph.inventory.open();
    // The piece has all the fragment asks for, so that it can be read alone.
    assert_eq!(
        answer.rest().await[0]["incremental"][0]["data"],
        json!({
            "name": "Table",
            "reviews": [
                {"id": "r1", "author": {"name": "Ada"}},
                {"id": "r3", "author": {"name": "Bo"}}
            ],
            "inStock": true
        })
    );
}

#[tokio::test]
async fn two_fragments_may_ask_for_the_same() {
    let graph = gated();
    let query = r#"{ me { id
        ... @defer(label: "a") { n: name reviews { body } }
        ... @defer(label: "b") { n: name reviews { id } }
    } }"#;
    let messages = all(&graph.router, query).await;
    let mut pieces: Vec<&Value> = messages[1..]
        .iter()
        .flat_map(|message| message["incremental"].as_array().unwrap())
        .collect();
    pieces.sort_by_key(|piece| piece["label"].to_string());
    assert_eq!(pieces.len(), 2);
    assert_eq!(pieces[0]["data"]["n"], "Ada");
    assert_eq!(pieces[0]["data"]["reviews"][0], json!({"body": "Love it!"}));
    assert_eq!(pieces[1]["data"]["reviews"][0], json!({"id": "r1"}));
}

#[tokio::test]
async fn fragments_on_types_are_deferred_for_their_objects_only() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"{ search {
        __typename
        ... on Category { slug }
        ... on Product @defer(label: "p") { name inStock }
    } named { name ... on Product { upc ... @defer(label: "n") { inStock } } } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"],
        json!({
            "search": [{"__typename": "Product"}, {"__typename": "Category", "slug": "home"}],
            "named": [{"name": "Home"}, {"name": "Couch", "upc": "2"}]
        })
    );
    graph.inventory.open();
    let mut found: Vec<Value> = Vec::new();
    for message in answer.rest().await {
        found.extend(message["incremental"].as_array().unwrap().iter().cloned());
    }
    found.sort_by_key(|piece| piece["label"].to_string());
    assert_eq!(
        found,
        [
            json!({"data": {"inStock": null}, "path": ["named", 1], "label": "n"}),
            json!({"data": {"name": "Table", "inStock": true}, "path": ["search", 0], "label": "p"})
        ]
    );
}

#[tokio::test]
async fn root_fields_can_be_deferred() {
    let graph = gated();
    graph.products.close();
    let query = "{ me { name } ... @defer { topProducts(first: 1) { name } __schema { queryType { name } } } }";
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(answer.next().await["data"], json!({"me": {"name": "Ada"}}));
    graph.products.open();
    assert_eq!(
        answer.rest().await[0]["incremental"],
        json!([{
            "data": {
                "topProducts": [{"name": "Table"}],
                "__schema": {"queryType": {"name": "Query"}}
            },
            "path": []
        }])
    );
}

#[tokio::test]
async fn what_a_fragment_needs_from_other_subgraphs_is_fetched_for_it() {
    let graph = gated();
    // The estimate needs price and weight of another subgraph.
    graph.inventory.close();
    let query = r#"{ me { reviews { body product { upc ... @defer { shippingEstimate } } } } }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"]["me"]["reviews"][0],
        json!({"body": "Love it!", "product": {"upc": "1"}})
    );
    graph.inventory.open();
    let rest = answer.rest().await;
    assert_eq!(
        rest[0]["incremental"][0]["data"],
        json!({"shippingEstimate": 50})
    );
}

#[tokio::test]
async fn nothing_deferred_means_one_answer() {
    let graph = gated();
    let missing = r#"{ product(upc: "none") { name ... @defer { inStock } } }"#;
    let whole = run(&graph.router, request(missing, Value::Null)).await;
    assert_eq!(whole, json!({"data": {"product": null}}));
    let none = "{ topProducts(first: 0) { name ... @defer { inStock } } }";
    let whole = run(&graph.router, request(none, Value::Null)).await;
    assert_eq!(whole, json!({"data": {"topProducts": []}}));
}

#[tokio::test]
async fn a_mutation_may_defer_what_it_reads() {
    let graph = gated();
    graph.inventory.close();
    let query = r#"mutation {
        productRename(upc: "1", name: "Desk") { name ... @defer { inStock } }
        second: append(text: "x")
    }"#;
    let mut answer = pieces(&graph.router, query).await;
    assert_eq!(
        answer.next().await["data"],
        json!({"productRename": {"name": "Desk"}, "second": 1})
    );
    graph.inventory.open();
    let rest = answer.rest().await;
    assert_eq!(rest[0]["incremental"][0]["data"], json!({"inStock": true}));
}

#[tokio::test]
async fn subgraphs_never_see_the_directive() {
    let graph = gated();
    all(&graph.router, SLOW_REVIEWS).await;
    let asked: Vec<String> = [&graph.accounts, &graph.reviews]
        .iter()
        .flat_map(|gate| gate.asked.lock().clone())
        .collect();
    assert_eq!(asked.len(), 2);
    assert!(
        asked.iter().all(|text| !text.contains("defer")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn pieces_by_id_are_announced_and_completed() {
    let graph = gated();
    graph.inventory.close();
    let mut by_id = request(
        r#"{ me { name ... @defer(label: "o") { reviews { product {
            upc ... @defer(label: "i") { inStock shelf }
        } } } } }"#,
        Value::Null,
    );
    by_id.incremental = Some(IncrementalFormat::ById);
    let mut answer = pieces_of(&graph.router, by_id).await;
    assert_eq!(
        answer.next().await,
        json!({
            "data": {"me": {"name": "Ada"}},
            "pending": [{"id": "0", "path": ["me"], "label": "o"}],
            "hasNext": true
        })
    );
    let product = |upc: &str| json!({"product": {"upc": upc}});
    let inner = |id: &str, at: usize| json!({"id": id, "path": ["me", "reviews", at, "product"], "label": "i"});
    assert_eq!(
        answer.next().await,
        json!({
            "incremental": [{"id": "0", "data": {"reviews": [product("1"), product("2")]}}],
            "pending": [inner("1", 0), inner("2", 1)],
            "completed": [{"id": "0"}],
            "hasNext": true
        })
    );
    graph.inventory.open();
    let mut last = answer.rest().await.remove(0);
    let errors = last["completed"][1]["errors"].take();
    assert_eq!(
        errors[0]["path"],
        json!(["me", "reviews", 1, "product", "shelf"])
    );
    assert_eq!(
        last,
        json!({
            "incremental": [{"id": "1", "data": {"inStock": true, "shelf": "shelf-1"}}],
            "completed": [{"id": "1"}, {"id": "2", "errors": null}],
            "hasNext": false
        })
    );
}

#[tokio::test]
async fn operations_without_defer_are_answered_as_ever() {
    let graph = gated();
    let query = "query($upc: ID!) { product(upc: $upc) { name inStock } }";
    let plain = ask_with(&graph.router, query, json!({"upc": "1"})).await;
    let taken = run(&graph.router, request(query, json!({"upc": "1"}))).await;
    assert_eq!(plain, taken);
}

#[tokio::test]
async fn answers_in_pieces_are_not_shared_between_clients() {
    let config = "[dedup]\nclient_requests = true\n";
    let config = atelier_router::RouterConfig::from_toml(config).unwrap();
    let graph = crate::gates::gated_with(config);
    graph.reviews.close();
    let mut first = pieces(&graph.router, SLOW_REVIEWS).await;
    let mut second = pieces(&graph.router, SLOW_REVIEWS).await;
    assert_eq!(first.next().await, second.next().await);
    graph.reviews.open();
    assert_eq!(first.rest().await, second.rest().await);
}
