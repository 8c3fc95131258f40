//! `atelier up`: everything in one process, servers included.

use std::{collections::HashMap, sync::Arc, time::Instant};

use anyhow::Context;
use atelier_kit::{Subgraph, graphql::Service, peers::LocalPeers, supervise::Supervisor};
use atelier_local::DataDir;
use atelier_telemetry::metrics;
use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Admin,
    cli::UpArgs,
    config::Config,
    domains::{self, DOMAINS, Shared},
    graph, health,
    identity::Verifier,
    lifecycle,
    local_servers::LocalServers,
    open_files, serve,
    settings::Settings,
    worker,
};

/// Runs until a signal.
///
/// # Errors
/// Whatever is missing or in the way, with what to do about it.
pub async fn run(args: UpArgs, settings: Settings, config: Config) -> anyhow::Result<()> {
    let started = Instant::now();
    let stop = lifecycle::stop_on_signal()?;
    refuse_open_demo(&args)?;
    // First what costs nothing to find out: the port, the data directory.
    let listener = serve::listen(args.listen, "--listen").await?;
    let operators = Admin::listen(settings.admin_listen).await?;
    let mut router = config.router(args.router_config.as_deref())?;
    open_files::fit(&mut router.connections);
    let data = DataDir::lock(&settings.data_dir)?;
    let metrics = metrics::install();
    let (local, servers) = LocalServers::start(&data, config).await?;
    let applied = domains::migrate(&servers.databases).await?;
    tracing::debug!(target: "atelier", migrations = ?applied, "the databases are up to date");

    let peers = LocalPeers::default();
    let shared = Shared::new(&servers, Arc::new(peers.clone()))?;
    shared.connect(&DOMAINS.iter().collect::<Vec<_>>()).await?;
    shared.storage.ensure_bucket().await?;
    let mut subgraphs = build(&shared)?;
    let services: HashMap<String, Service> = subgraphs
        .iter()
        .map(|subgraph| (subgraph.name.to_owned(), subgraph.service.clone()))
        .collect();
    peers.set(services.clone());
    let admin = crate::seed::run(&subgraphs, &shared, args.demo).await?;

    let verifier = Arc::new(Verifier::new(Arc::new(peers), None));
    let router = graph::in_process(&services, Arc::clone(&verifier) as _, router)?;
    let databases = subgraphs.iter().map(|subgraph| subgraph.deps.db.clone());
    let supervisor = Supervisor::new(stop.clone());
    let health = health::checks(databases.collect(), &shared, &supervisor);
    let server = router
        .clone()
        .server()
        .here()
        .merge(subgraphs.iter().fold(Router::new(), |routes, subgraph| {
            routes.merge(subgraph.routes.clone())
        }))
        .merge(health.public_router());
    let server = serve::knowing_clients(server, settings.trusted_proxies);

    let names = domains::names();
    for subgraph in &mut subgraphs {
        subgraph.start(&names, &supervisor);
    }
    let operators_at = operators.as_ref().map(|operators| operators.address);
    let operators = operators.map(|operators| operators.serve(&health, metrics, stop.clone()));
    verifier.follow_changes_in(&supervisor, shared.redis.clone());
    if !args.no_worker {
        let wanted = worker::Wanted {
            queues: Vec::new(),
            concurrency: args.concurrency,
            lease: None,
        };
        worker::start(&shared, wanted, &supervisor)?;
    }
    let draining = stop.clone();
    tokio::spawn(async move {
        draining.cancelled().await;
        health.drain();
        router.drain();
    });

    crate::report::ready(
        &args,
        &settings,
        &servers,
        operators_at,
        admin.as_ref(),
        started.elapsed(),
    );
    // The servers outlive everything that uses them.
    let servers_stop = CancellationToken::new();
    let supervised = tokio::spawn(local.supervise(servers_stop.clone()));
    let served = server.serve(listener, stop.clone()).await;
    stop.cancel();
    lifecycle::finish(&supervisor, operators).await;
    servers_stop.cancel();
    lifecycle::ended(supervised).await;
    served.context("the listener broke")
}

/// Everybody knows the demo user's password, so strangers must not reach it.
fn refuse_open_demo(args: &UpArgs) -> anyhow::Result<()> {
    if args.demo && !args.demo_for_strangers && !args.listen.ip().is_loopback() {
        anyhow::bail!(
            "--demo adds a user whose password everybody knows, and {} can be reached from other machines. Listen on 127.0.0.1, or add --demo-for-strangers if that is what you want",
            args.listen
        );
    }
    Ok(())
}

/// All subgraphs of this binary.
fn build(shared: &Shared) -> anyhow::Result<Vec<Subgraph>> {
    DOMAINS
        .iter()
        .map(|domain| (domain.build)(shared.deps(domain.name)?, shared))
        .collect()
}
