//! The shop of the tests behind a router, for clients in other languages:
//! `cargo run -p atelier-router --example shop [PORT]`. Prints its address.

#[path = "../tests/router/graph.rs"]
mod graph;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, SDLExportOptions};
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{LocalSubgraph, Router, RouterConfig, SubgraphClient, Supergraph};
use tokio::sync::broadcast;

fn local<E: Executor>(executor: E) -> Arc<dyn SubgraphClient> {
    Arc::new(LocalSubgraph::new(executor, |_, _| {}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let bus = broadcast::channel(64).0;
    let (accounts, products) = (graph::accounts(), graph::products(bus.clone()));
    let (inventory, reviews) = (graph::inventory(), graph::reviews_schema());
    let sdl = |name: &str, sdl: String| SubgraphSdl::new(name, "", sdl);
    let options = || SDLExportOptions::new().federation().compose_directive();
    let composed = compose(&[
        sdl("accounts", accounts.sdl_with_options(options())),
        sdl("products", products.sdl_with_options(options())),
        sdl("inventory", inventory.sdl_with_options(options())),
        sdl("reviews", reviews.sdl_with_options(options())),
    ])
    .map_err(|errors| format!("{errors:?}"))?;
    let config = RouterConfig::from_toml("[cors]\norigins = [\"*\"]\n")?;
    let router = Router::builder(Supergraph::parse(&composed.supergraph_sdl)?)
        .config(config)
        .subgraph("accounts", local(accounts))
        .subgraph("products", local(products))
        .subgraph("inventory", local(inventory))
        .subgraph("reviews", local(reviews))
        .build()?;
    // Products change all the time, so that subscribers have something to see.
    tokio::spawn(async move {
        for upc in ["1", "2", "3"].into_iter().cycle() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = bus.send(upc.to_owned());
        }
    });
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/graphql", listener.local_addr()?);
    let stop = tokio_util::sync::CancellationToken::new();
    router.server().here().serve(listener, stop).await?;
    Ok(())
}
