//! The parts of Atelier, each in a process of its own; `atelier up` is all of them in one.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use atelier_kit::{
    actor::{ActorSigner, KeyFolder, ROUTER},
    health::Health,
    peers::{HttpPeers, Peers},
    redis::Redis,
    supervise::Supervisor,
};
use atelier_router::{Reloader, Server, config::Connections};
use atelier_telemetry::metrics;
use axum::Router;

use crate::{
    admin::Admin,
    cli::{RouterArgs, SubgraphArgs, WorkerArgs},
    config::Config,
    domains::{self, Shared},
    graph, health,
    identity::Verifier,
    lifecycle, open_files,
    say::say,
    serve,
    settings::{self, Servers, Settings},
    subgraph_server, worker,
};

fn http_peers(pairs: &[String], keys: &KeyFolder) -> anyhow::Result<Arc<dyn Peers>> {
    let peers = HttpPeers::new(settings::urls(pairs)?, ActorSigner::new(keys.clone()));
    Ok(Arc::new(peers.map_err(|error| anyhow::anyhow!("{error}"))?))
}

/// `atelier router`.
///
/// # Errors
/// Whatever is missing or in the way, with what to do about it.
pub async fn router(args: RouterArgs, settings: Settings, config: Config) -> anyhow::Result<()> {
    let mut config = config.router(args.router_config.as_deref())?;
    if args.check_config {
        say("The configuration is fine.");
        return Ok(());
    }
    let stop = lifecycle::stop_on_signal()?;
    let listen = args
        .port
        .map_or(args.listen, |port| SocketAddr::from(([127, 0, 0, 1], port)));
    let listener = serve::listen(listen, "--listen").await?;
    let operators = Admin::listen(settings.admin_listen).await?;
    open_files::fit(&mut config.connections);
    let metrics = metrics::install();
    let urls = settings::urls(&args.subgraphs)?;
    let (router, health) = match &args.supergraph {
        Some(path) => {
            let supergraph = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            (
                graph::over_http(&supergraph, &urls, None, config)?,
                Health::new(),
            )
        }
        None => {
            let keys = settings::keys_from_env()?;
            keys.require(&[ROUTER])?;
            let peers = http_peers(&args.subgraphs, &keys)?;
            let redis = Redis::lazy(settings::redis(settings::required("ATELIER_REDIS_URL")?)?)?;
            let signer = ActorSigner::new(keys.clone());
            let verifier = Arc::new(Verifier::new(peers, Some(signer)));
            let supervisor = Supervisor::new(stop.clone());
            Arc::clone(&verifier).follow_changes_in(&supervisor, redis.clone());
            let health = health::of_router(keys, Arc::clone(&verifier), redis);
            (
                graph::over_http(graph::SUPERGRAPH, &urls, Some(verifier), config)?,
                health,
            )
        }
    };
    let reloader = Reloader::new(router.clone(), args.supergraph.clone());
    lifecycle::on_hangup(reloader.trigger(), &stop)?;
    tokio::spawn(reloader.run(stop.clone()));
    let server = router.clone().server().merge(health.public_router());
    let server = serve::knowing_clients(server, settings.trusted_proxies);
    if let Some(operators) = operators {
        operators.serve(&health, metrics, stop.clone());
    }
    let draining = stop.clone();
    tokio::spawn(async move {
        draining.cancelled().await;
        health.drain();
        router.drain();
    });
    say(format_args!(
        "The router listens on http://{listen}/graphql"
    ));
    let served = server.serve(listener, stop).await;
    served.context("the listener broke")
}

/// `atelier subgraph NAME…`.
///
/// # Errors
/// Whatever is missing or in the way, with what to do about it.
pub async fn subgraphs(
    args: SubgraphArgs,
    settings: Settings,
    config: Config,
) -> anyhow::Result<()> {
    let chosen = domains::find(&args.names)?;
    let stop = lifecycle::stop_on_signal()?;
    let listener = serve::listen(args.listen, "--listen").await?;
    let operators = Admin::listen(settings.admin_listen).await?;
    let metrics = metrics::install();
    let servers = Servers::from_env(config)?;
    let keys = settings::keys_from_env()?;
    keys.require(&args.names)?;
    keys.require_trusted()?;
    domains::require_migrated(&servers.databases, &chosen).await?;
    let shared = Shared::new(&servers, http_peers(&args.peers, &keys)?)?;
    shared.connect(&chosen).await?;
    let mut subgraphs = Vec::new();
    for domain in chosen {
        subgraphs.push((domain.build)(shared.deps(domain.name)?, &shared)?);
    }
    let databases = subgraphs.iter().map(|subgraph| subgraph.deps.db.clone());
    let supervisor = Supervisor::new(stop.clone());
    let health = health::checks(databases.collect(), &shared, &supervisor);
    let health = health::with_trust(health, keys.clone());
    let app = subgraphs
        .iter()
        .fold(Router::new(), |app, subgraph| {
            app.merge(subgraph_server::routes(subgraph, &keys))
        })
        .merge(health.public_router());
    let names = domains::names();
    for subgraph in &mut subgraphs {
        subgraph.start(&names, &supervisor);
    }
    let operators = operators.map(|operators| operators.serve(&health, metrics, stop.clone()));
    for subgraph in &subgraphs {
        say(format_args!(
            "The subgraph {0} listens on http://{1}/{0}/graphql",
            subgraph.name, args.listen
        ));
    }
    let draining = stop.clone();
    tokio::spawn(async move {
        draining.cancelled().await;
        health.drain();
    });
    // Its clients are a few routers with many connections each.
    let mut limits = Connections {
        max_per_address: usize::MAX,
        ..Connections::default()
    };
    open_files::fit(&mut limits);
    let server = serve::knowing_clients(Server::of(app, limits), settings.trusted_proxies);
    let served = server.serve(listener, stop.clone()).await;
    stop.cancel();
    lifecycle::finish(&supervisor, operators).await;
    served.context("the listener broke")
}

/// `atelier worker`.
///
/// # Errors
/// Whatever is missing or in the way, with what to do about it.
pub async fn worker(args: WorkerArgs, settings: Settings, config: Config) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signal()?;
    let operators = Admin::listen(settings.admin_listen).await?;
    let metrics = metrics::install();
    let servers = Servers::from_env(config)?;
    let keys = settings::keys_from_env()?;
    keys.require(&worker::issuers())?;
    let needed: Vec<_> = worker::domains().collect();
    domains::require_migrated(&servers.databases, &needed).await?;
    let shared = Shared::new(&servers, http_peers(&args.peers, &keys)?)?;
    shared.connect(&needed).await?;
    let supervisor = Supervisor::new(stop.clone());
    worker::relays(&shared, &supervisor)?;
    let wanted = worker::Wanted {
        queues: args.queues,
        concurrency: args.concurrency,
        lease: args.lease.map(Duration::from_secs),
    };
    worker::start(&shared, wanted, &supervisor)?;
    let databases = needed.iter();
    let databases = databases.map(|domain| Ok(shared.deps(domain.name)?.db));
    let health = health::checks(
        databases.collect::<anyhow::Result<_>>()?,
        &shared,
        &supervisor,
    );
    let operators = operators.map(|operators| operators.serve(&health, metrics, stop.clone()));
    say("The worker is at work.");
    stop.cancelled().await;
    lifecycle::finish(&supervisor, operators).await;
    Ok(())
}

/// `atelier migrate`.
///
/// # Errors
/// If a database cannot be reached or a migration fails.
pub async fn migrate() -> anyhow::Result<()> {
    let databases = settings::Databases::from_env()?;
    let applied: HashMap<_, _> = domains::migrate(&databases).await?;
    for domain in domains::DOMAINS {
        match applied.get(domain.name).filter(|names| !names.is_empty()) {
            Some(names) => say(format_args!(
                "{}: applied {}",
                domain.name,
                names.join(", ")
            )),
            None => say(format_args!("{}: up to date", domain.name)),
        }
    }
    Ok(())
}
