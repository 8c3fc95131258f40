//! What composes, plans: the query planner of the router takes our supergraphs.

use std::time::Duration;

use atelier_composition::{SubgraphSdl, compose};
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::graph::PlannerOverrideContext;
use hive_router_query_planner::planner::{Planner, QueryPlannerOptions};
use hive_router_query_planner::utils::cancellation::CancellationToken;
use hive_router_query_planner::utils::parsing::{safe_parse_operation, safe_parse_schema};

const FEDERATION: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@external", "@requires", "@provides", "@override", "@inaccessible", "@tag", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy", "@cost", "@listSize", "@context", "@fromContext", "@composeDirective"])"#;

fn subgraph(name: &str, sdl: &str) -> SubgraphSdl {
    SubgraphSdl::new(
        name,
        format!("http://{name}"),
        format!("{FEDERATION}\n{sdl}"),
    )
}

/// Composes, plans the operation, and returns the names of the subgraphs that
/// the plan fetches from.
fn plan(subgraphs: &[SubgraphSdl], operation: &str) -> String {
    let composed = compose(subgraphs).unwrap_or_else(|errors| panic!("{errors}"));
    let document = safe_parse_schema(&composed.supergraph_sdl).expect("the supergraph parses");
    let planner = Planner::new_from_supergraph(&document, QueryPlannerOptions::default())
        .expect("the planner takes the supergraph");
    let operation = safe_parse_operation(operation).expect("the operation parses");
    let normalized =
        normalize_operation(&planner.supergraph, &operation, None).expect("normalized");
    let plan = planner
        .plan_from_normalized_operation(
            &normalized.operation,
            PlannerOverrideContext::default(),
            &CancellationToken::with_timeout(Duration::from_secs(30)),
        )
        .expect("there is a plan");
    plan.to_string()
}

fn shop() -> Vec<SubgraphSdl> {
    vec![
        subgraph(
            "accounts",
            r#"
            type Query { me: User }
            type User @key(fields: "id") { id: ID! name: String! }
            "#,
        ),
        subgraph(
            "inventory",
            r#"
            type Product @key(fields: "upc") {
              upc: String!
              weight: Int @external
              price: Int @external
              shippingEstimate: Int @requires(fields: "price weight")
            }
            "#,
        ),
        subgraph(
            "products",
            r#"
            type Query { topProducts(first: Int = 5): [Product] }
            type Subscription { productChanged: Product }
            type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }
            "#,
        ),
        subgraph(
            "reviews",
            r#"
            type Review @key(fields: "id") { id: ID! body: String author: User @provides(fields: "name") }
            type User @key(fields: "id") { id: ID! name: String! @external reviews: [Review] }
            "#,
        ),
    ]
}

#[test]
fn entities_are_fetched_from_the_subgraphs_that_have_them() {
    let plan = plan(&shop(), "{ me { name reviews { body author { name } } } }");
    assert!(
        plan.contains("accounts") && plan.contains("reviews"),
        "{plan}"
    );
}

#[test]
fn required_fields_are_fetched_first() {
    let plan = plan(&shop(), "{ topProducts { upc shippingEstimate } }");
    let products = plan.find("products").expect("asks products");
    let inventory = plan.find("inventory").expect("asks inventory");
    assert!(products < inventory, "{plan}");
    assert!(plan.contains("weight"), "{plan}");
}

#[test]
fn subscriptions_are_planned() {
    let plan = plan(
        &shop(),
        "subscription { productChanged { name shippingEstimate } }",
    );
    assert!(plan.contains("Subscription"), "{plan}");
}

#[test]
fn interface_objects_are_planned() {
    let subgraphs = [
        subgraph(
            "media",
            r#"
            type Query { all: [Media] }
            interface Media @key(fields: "id") { id: ID! title: String }
            type Book implements Media @key(fields: "id") { id: ID! title: String pages: Int }
            "#,
        ),
        subgraph(
            "reviews",
            r#"type Media @key(fields: "id") @interfaceObject { id: ID! stars: Int }"#,
        ),
    ];
    let plan = plan(
        &subgraphs,
        "{ all { title stars ... on Book { pages stars } } }",
    );
    assert!(plan.contains("reviews"), "{plan}");
}
