//! Doing the domains' background tasks in this process.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use atelier_kit::{event::Relay, jobs::Handler};
use atelier_tasks::{Engine, EngineConfig, Worker, WorkerConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domains::{DOMAINS, Shared};

/// What a worker is to do.
pub struct Wanted {
    /// Its queues; all that this binary has handlers for, if there is none.
    pub queues: Vec<String>,
    /// Tasks done at the same time.
    pub concurrency: usize,
    /// After this time the tasks of a worker that died are given to others.
    pub lease: Duration,
}

/// Starts a worker on the wanted queues, or on all queues that this binary has handlers for. It gives back
/// what it has not finished when `stop` comes.
///
/// # Errors
/// If a domain's surroundings cannot be made, or no handler serves the queues.
pub fn spawn(
    shared: &Shared,
    wanted: Wanted,
    stop: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let mut handlers: Vec<Arc<dyn Handler>> = Vec::new();
    for domain in DOMAINS {
        let own = (domain.handlers)(&shared.deps(domain.name)?, shared);
        // Who does not say so leaves its queue to external workers.
        if let Some(hidden) = own.iter().find(|own| !domain.queues.contains(&own.queue())) {
            let (name, queue) = (domain.name, hidden.queue());
            anyhow::bail!("the domain {name} works on the queue {queue:?} and does not say so");
        }
        handlers.extend(own);
    }
    let served: BTreeSet<String> = handlers
        .iter()
        .map(|handler| handler.queue().to_owned())
        .collect();
    let queues = if wanted.queues.is_empty() {
        served.iter().cloned().collect()
    } else {
        wanted.queues
    };
    if let Some(unknown) = queues.iter().find(|queue| !served.contains(*queue)) {
        anyhow::bail!(
            "nothing in this binary works on the queue {unknown:?}; the queues are: {}",
            served.iter().cloned().collect::<Vec<_>>().join(", ")
        );
    }
    let engine = Engine::new(shared.deps(atelier_tasks::NAME)?, EngineConfig::default());
    let config = WorkerConfig {
        queues,
        concurrency: wanted.concurrency,
        lease: wanted.lease,
        ..WorkerConfig::default()
    };
    Ok(tokio::spawn(Worker::run(
        engine,
        handlers,
        config,
        stop.clone(),
    )))
}

/// In whose names the handlers speak to other domains.
///
/// # Errors
/// If a domain's surroundings cannot be made.
pub fn issuers(shared: &Shared) -> anyhow::Result<Vec<&'static str>> {
    let mut issuers = Vec::new();
    for domain in DOMAINS {
        if !(domain.handlers)(&shared.deps(domain.name)?, shared).is_empty() {
            issuers.push(domain.name);
        }
    }
    Ok(issuers)
}

/// Publishes what handlers write to their domains' outboxes; a worker that serves no subgraph has
/// nobody else to do it at once.
///
/// # Errors
/// If a domain's surroundings cannot be made.
pub fn relays(shared: &Shared, stop: &CancellationToken) -> anyhow::Result<Vec<JoinHandle<()>>> {
    DOMAINS
        .iter()
        .map(|domain| {
            Ok(tokio::spawn(
                Relay::new(shared.deps(domain.name)?).run(stop.clone()),
            ))
        })
        .collect()
}
