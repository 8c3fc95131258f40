//! Atelier: an open-source backend for creator communities, as one federated GraphQL API.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod cli;
mod config;
mod doctor;
mod domains;
mod graph;
mod health;
mod identity;
mod keys;
mod lifecycle;
mod local_servers;
mod nodes;
mod open_files;
mod parts;
mod report;
mod say;
mod schema;
mod seed;
mod serve;
mod settings;
mod subgraph_server;
mod tables;
mod up;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::Config;

// Answers are made of many short-lived buffers on several threads; `bench/router` measures the
// router with the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::PictureWorker { order } = &cli.command {
        // Before there is a second thread, and without anything else that this program can do.
        return atelier_media::run_picture_worker(order);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => return fail(&cause.into()),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let service = match &cli.command {
        Command::Up(_) => "atelier",
        Command::Router(_) => "atelier-router",
        Command::Subgraph(_) => "atelier-subgraph",
        Command::Worker(_) => "atelier-worker",
        Command::Schema(command) => return schema::run(command).await,
        Command::Keys(command) => return keys::run(command),
        Command::Config(args) => return config::run(cli.settings.config.as_deref(), args.format),
        Command::Doctor => return doctor::run(&cli.settings).await,
        Command::PictureWorker { .. } => return Ok(()),
        Command::Migrate => "atelier-migrate",
    };
    let (config, _) = Config::load(cli.settings.config.as_deref())?;
    open_files::raise();
    let telemetry = atelier_telemetry::init(&cli.settings.telemetry(service))?;
    let done = match cli.command {
        Command::Up(args) => up::run(args, cli.settings, config).await,
        Command::Router(args) => parts::router(args, cli.settings, config).await,
        Command::Subgraph(args) => parts::subgraphs(args, cli.settings, config).await,
        Command::Worker(args) => parts::worker(args, cli.settings, config).await,
        Command::Migrate => parts::migrate().await,
        Command::Schema(_)
        | Command::Keys(_)
        | Command::Config(_)
        | Command::Doctor
        | Command::PictureWorker { .. } => Ok(()),
    };
    telemetry.shutdown().await;
    done
}

fn fail(error: &anyhow::Error) -> ExitCode {
    say::complain(format_args!("atelier: {error:#}"));
    ExitCode::FAILURE
}
