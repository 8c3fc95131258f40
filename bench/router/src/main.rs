//! `router-bench compare` measures routers side by side; the other commands are
//! its parts, for a profiler or a closer look.

mod commands;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

// So that what is served by this program allocates as `router-alone` does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures routers over the shop's four subgraphs")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs routers in alternating rounds and prints tables.
    Compare(commands::compare::Arguments),
    /// Serves the four subgraphs and writes their supergraph.
    Subgraphs(commands::serve::SubgraphsArguments),
    /// Serves router and subgraphs in this one process.
    OneProcess(commands::serve::OneProcessArguments),
    /// Sends one query to a router that is running.
    Load(LoadArguments),
    /// Measures operations that no router has a plan for yet.
    Cold(commands::cold::Arguments),
    /// Compares router and subgraphs in one process with the same over HTTP.
    Parts(commands::parts::Arguments),
    /// Writes the subgraph requests of a query's plan, for the floor program.
    Record(commands::record::Arguments),
}

#[derive(Args)]
struct LoadArguments {
    /// The router's port on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// light, medium or heavy.
    #[arg(long)]
    query: String,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Requests per second in an open loop; a closed loop without.
    #[arg(long)]
    rate: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match Cli::parse().command {
        Command::Compare(arguments) => on(&runtime, commands::compare::run(arguments)),
        Command::Subgraphs(arguments) => commands::serve::subgraphs(&arguments),
        Command::OneProcess(arguments) => commands::serve::one_process(&arguments),
        Command::Load(arguments) => on(&runtime, load(arguments)),
        Command::Cold(arguments) => on(&runtime, commands::cold::run(arguments)),
        Command::Parts(arguments) => on(&runtime, commands::parts::run(arguments)),
        Command::Record(arguments) => on(&runtime, commands::record::run(arguments)),
    }
}

fn on<T>(runtime: &tokio::runtime::Runtime, future: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().block_on(runtime, future)
}

async fn load(arguments: LoadArguments) -> anyhow::Result<()> {
    let measured = commands::Measured::named(&arguments.query).await?;
    let address = ([127, 0, 0, 1], arguments.port).into();
    let target = measured.target(address, arguments.connections);
    let time = Duration::from_secs_f64(arguments.seconds);
    let outcome = match arguments.rate {
        Some(rate) => atelier_router_bench::load::open(&target, &measured.oracle, rate, time).await,
        None => atelier_router_bench::load::closed(&target, &measured.oracle, time).await,
    };
    println!(
        "{} answers, {} failures, {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        outcome.answers,
        outcome.failures,
        outcome.rate(),
        outcome.percentile(0.5),
        outcome.percentile(0.99)
    );
    if let Some(wrong) = measured.oracle.wrong() {
        anyhow::bail!("a wrong answer: {wrong}");
    }
    Ok(())
}

/// Writes a file as a whole, so that who waits for it never reads a part.
fn write_whole(path: &PathBuf, text: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, text)?;
    std::fs::rename(&part, path)?;
    Ok(())
}
