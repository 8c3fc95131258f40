//! Events from subgraphs over the network.

use atelier_router::config::{SubgraphDefaults, SubscriptionProtocol};
use atelier_router::{Router, RouterConfig};
use serde_json::{Value, json};

use crate::harness::{self, Graph, serve_router, supergraph};
use crate::socket::Socket;
use crate::subscriptions::{CHANGED, changed, publish};

async fn over_the_network(protocol: SubscriptionProtocol) -> (Graph, Router) {
    let graph = Graph::new();
    // A router over the products subgraph alone serves its events in both protocols.
    let sdls = graph.sdls(["", "", "", ""]);
    let alone = supergraph(&sdls[1..2]);
    let products = atelier_router::LocalSubgraph::new(graph.products.clone(), |_, _| {});
    let upstream = Router::builder(alone)
        .subgraph("products", std::sync::Arc::new(products))
        .build()
        .unwrap();
    let events = format!("{}/graphql", serve_router(upstream).await);
    let sdls = graph.sdls([
        &harness::serve_schema(graph.accounts.clone()).await,
        &events,
        &harness::serve_schema(graph.inventory.clone()).await,
        &harness::serve_schema(graph.reviews.clone()).await,
    ]);
    let config = RouterConfig {
        subgraph_defaults: SubgraphDefaults {
            subscriptions: protocol,
            ..SubgraphDefaults::default()
        },
        ..RouterConfig::default()
    };
    let router = Router::builder(supergraph(&sdls))
        .config(config)
        .build()
        .unwrap();
    (graph, router)
}

async fn events_arrive(protocol: SubscriptionProtocol) {
    let (graph, router) = over_the_network(protocol).await;
    let base = serve_router(router).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("a", CHANGED).await;
    socket
        .subscribe("n", "subscription { countTo(n: 1) }")
        .await;
    assert_eq!(
        socket.next().await["payload"],
        json!({"data": {"countTo": 1}})
    );
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "n"}));
    publish(&graph, "2").await;
    let reviews = json!([{"body": "Too expensive."}]);
    assert_eq!(
        socket.next().await,
        changed("a", "Couch", Value::Null, reviews)
    );
    publish(&graph, "end").await;
    assert_eq!(socket.next().await, json!({"type": "complete", "id": "a"}));
}

#[tokio::test]
async fn subgraphs_send_events_over_websockets() {
    events_arrive(SubscriptionProtocol::Websocket).await;
}

#[tokio::test]
async fn subgraphs_send_events_by_sse() {
    events_arrive(SubscriptionProtocol::Sse).await;
}

#[tokio::test]
async fn subgraphs_send_events_by_multipart() {
    events_arrive(SubscriptionProtocol::Multipart).await;
}
