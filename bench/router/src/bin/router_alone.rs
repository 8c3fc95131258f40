//! The router and nothing else, over any supergraph: what is measured as "ours".
//!
//! `router-alone --supergraph FILE --port N [--config FILE]`

use std::path::PathBuf;

use anyhow::Context;
use atelier_router::{Router, RouterConfig, Supergraph};
use clap::Parser;
use tokio_util::sync::CancellationToken;

// The allocator of `atelier` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// The composed schema.
    #[arg(long)]
    supergraph: PathBuf,
    /// Where to listen on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// The router's configuration; defaults without.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sdl = read(&arguments.supergraph)?;
    let config = match &arguments.config {
        Some(path) => RouterConfig::from_toml(&read(path)?)?,
        None => RouterConfig::default(),
    };
    serve(sdl, config, arguments.port)
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Serves as `atelier router` does: one thread per core.
fn serve(sdl: String, config: RouterConfig, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let router = Router::builder(Supergraph::parse(&sdl)?)
            .config(config)
            .build()?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        router
            .server()
            .serve(listener, CancellationToken::new())
            .await?;
        Ok(())
    })
}
