//! Subgraphs in a process of their own, and router and subgraphs in one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use atelier_router::{LocalSubgraph, Router, RouterConfig, SubgraphClient, Supergraph};
use atelier_router_bench::shop::{self, Subgraphs};
use atelier_router_bench::subgraphs;
use clap::Args;
use tokio_util::sync::CancellationToken;

#[derive(Args)]
pub struct SubgraphsArguments {
    /// The file that gets the supergraph with the subgraphs' URLs; written when they can be used.
    #[arg(long)]
    supergraph: PathBuf,
    /// Execute every request on axum, as ordinary subgraphs do, instead of keeping answers.
    #[arg(long)]
    execute: bool,
}

pub fn subgraphs(arguments: &SubgraphsArguments) -> anyhow::Result<()> {
    if arguments.execute {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(async {
            let (listeners, sdl, schemas) = prepare().await?;
            subgraphs::serve_executing(listeners, schemas);
            super::super::write_whole(&arguments.supergraph, sdl.as_bytes())?;
            std::future::pending().await
        });
    }
    // One thread is enough and cheaper than several.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (listeners, sdl, schemas) = prepare().await?;
        subgraphs::serve(listeners, schemas, None);
        super::super::write_whole(&arguments.supergraph, sdl.as_bytes())?;
        std::future::pending().await
    })
}

async fn prepare() -> anyhow::Result<([tokio::net::TcpListener; 4], String, Subgraphs)> {
    let (listeners, urls) = subgraphs::bind().await?;
    let schemas = Subgraphs::new();
    let sdl = schemas.supergraph(&urls)?;
    Ok((listeners, sdl, schemas))
}

#[derive(Args)]
pub struct OneProcessArguments {
    /// Where to listen on 127.0.0.1.
    #[arg(long)]
    port: u16,
}

pub fn one_process(arguments: &OneProcessArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let router = local_router().context("the router cannot be built")?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", arguments.port)).await?;
        router
            .server()
            .serve(listener, CancellationToken::new())
            .await?;
        Ok(())
    })
}

fn local_router() -> anyhow::Result<Router> {
    fn local<E: async_graphql::Executor>(executor: E) -> Arc<dyn SubgraphClient> {
        Arc::new(LocalSubgraph::new(executor, |_, _| {}))
    }
    let schemas = Subgraphs::in_process();
    let sdl = schemas.supergraph(&shop::NAMES.map(|_| String::new()))?;
    let router = Router::builder(Supergraph::parse(&sdl)?)
        .config(RouterConfig::default())
        .subgraph("accounts", local(schemas.accounts))
        .subgraph("inventory", local(schemas.inventory))
        .subgraph("products", local(schemas.products))
        .subgraph("reviews", local(schemas.reviews))
        .build()?;
    Ok(router)
}
