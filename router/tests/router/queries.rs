//! Queries and mutations across subgraphs.

use serde_json::json;

use crate::harness::{Graph, ask, ask_with, in_process, serve_schema, supergraph};
use atelier_router::Router;

const THREE_SUBGRAPHS: &str = "{
  me { name reviews { body product { price inStock shippingEstimate } } }
}";

fn three_subgraphs() -> serde_json::Value {
    json!({"data": {"me": {"name": "Ada", "reviews": [
        {"body": "Love it!", "product": {"price": 899, "inStock": true, "shippingEstimate": 50}},
        {"body": "Too expensive.", "product": {"price": 1299, "inStock": null, "shippingEstimate": 0}},
    ]}}})
}

#[tokio::test]
async fn answers_from_all_subgraphs_in_process() {
    let shop = in_process();
    assert_eq!(ask(&shop.router, THREE_SUBGRAPHS).await, three_subgraphs());
}

#[tokio::test]
async fn answers_the_same_over_http() {
    let graph = Graph::new();
    let urls = [
        serve_schema(graph.accounts.clone()).await,
        serve_schema(graph.products.clone()).await,
        serve_schema(graph.inventory.clone()).await,
        serve_schema(graph.reviews.clone()).await,
    ];
    let sdls = graph.sdls([&urls[0], &urls[1], &urls[2], &urls[3]]);
    let router = Router::builder(supergraph(&sdls)).build().unwrap();
    assert_eq!(ask(&router, THREE_SUBGRAPHS).await, three_subgraphs());
}

#[tokio::test]
async fn keeps_the_clients_order_and_aliases() {
    let shop = in_process();
    let answer = match shop
        .router
        .execute(atelier_router::ClientRequest::new(
            "{ z: topProducts(first: 1) { stock: inStock b: name upc a: name __typename } }",
        ))
        .await
    {
        atelier_router::Outcome::Single(response) => response.body,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        &answer[..],
        br#"{"data":{"z":[{"stock":true,"b":"Table","upc":"1","a":"Table","__typename":"Product"}]}}"#
    );
}

#[tokio::test]
async fn asks_for_each_entity_once() {
    let shop = in_process();
    let answer = ask(&shop.router, "{ latestReviews { author { username } } }").await;
    let author = |name: Option<&str>| json!({"author": {"username": name}});
    assert_eq!(
        answer,
        json!({"data": {"latestReviews": [
            author(Some("ada")), author(Some("ada")), author(None), author(None),
        ]}})
    );
    assert_eq!(shop.accounts.calls(), 1);
    let asked = shop.accounts.variables.lock()[0]["representations"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(asked, 3, "four reviews by three authors");
}

#[tokio::test]
async fn takes_variables_and_input_objects() {
    let shop = in_process();
    let answer = ask_with(
        &shop.router,
        "query ($f: ProductFilter!) { productsWhere(filter: $f) { name kind } }",
        json!({"f": {"kind": "FURNITURE", "maxPrice": 1000}}),
    )
    .await;
    assert_eq!(
        answer,
        json!({"data": {"productsWhere": [{"name": "Table", "kind": "FURNITURE"}]}})
    );
}

#[tokio::test]
async fn runs_mutations_in_series() {
    let shop = in_process();
    let answer = ask(
        &shop.router,
        "mutation { a: append(text: \"x\") b: append(text: \"y\") c: append(text: \"z\") \
         productRename(upc: \"1\", name: \"Desk\") { name inStock } }",
    )
    .await;
    assert_eq!(
        answer,
        json!({"data": {"a": 1, "b": 2, "c": 3, "productRename": {"name": "Desk", "inStock": true}}})
    );
}

#[tokio::test]
async fn decides_conditions_by_variable() {
    let shop = in_process();
    let query = "query ($yes: Boolean!, $no: Boolean = false) {
        topProducts(first: 1) {
          name @include(if: $yes)
          price @skip(if: $yes)
          ... @include(if: $no) { upc }
          inStock @include(if: $yes) @skip(if: $no)
        }
      }";
    let with = ask_with(&shop.router, query, json!({"yes": true})).await;
    assert_eq!(
        with,
        json!({"data": {"topProducts": [{"name": "Table", "inStock": true}]}})
    );
    let without = ask_with(&shop.router, query, json!({"yes": false, "no": true})).await;
    assert_eq!(
        without,
        json!({"data": {"topProducts": [{"price": 899, "upc": "1"}]}})
    );
}

#[tokio::test]
async fn distributes_unions_and_interfaces() {
    let shop = in_process();
    let answer = ask(
        &shop.router,
        "{ search { __typename ... on Product { name inStock } ... on Category { slug } }
           named { name ... on Product { reviews { id } } } }",
    )
    .await;
    assert_eq!(
        answer,
        json!({"data": {
            "search": [
                {"__typename": "Product", "name": "Table", "inStock": true},
                {"__typename": "Category", "slug": "home"},
            ],
            "named": [{"name": "Home"}, {"name": "Couch", "reviews": [{"id": "r2"}]}],
        }})
    );
}

#[tokio::test]
async fn domains_reach_each_other_the_way_the_router_does() {
    use atelier_router::{OperationKind, RequestContext, SubgraphOperation, SubgraphRequest};
    use std::sync::Arc;
    let shop = in_process();
    let text = "mutation ($text: String!) { append(text: $text) }".to_owned();
    let operation = Arc::new(SubgraphOperation::new(text, OperationKind::Mutation));
    let caller = Arc::new(atelier_router::Caller::default());
    let request = SubgraphRequest {
        operation,
        variables: json!({"text": "x"}).to_string().into(),
        context: Arc::new(RequestContext::new("command-1", caller)),
    };
    let client = shop.router.subgraph("products").unwrap();
    let response = client.execute(request).await.unwrap().into_json().unwrap();
    assert_eq!(response, json!({"data": {"append": 1}}));
    assert!(shop.router.subgraph("nothing").is_none());
}
