//! Doing the domains' background tasks in this process.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use atelier_kit::{delivery::Relay, jobs::Handler, supervise::Supervisor};
use atelier_tasks::{Engine, Worker, WorkerConfig};

use crate::domains::{DOMAINS, Domain, Shared};

/// What a worker is to do.
pub struct Wanted {
    /// Its queues; all that this binary has handlers for, if there is none.
    pub queues: Vec<String>,
    /// Tasks done at the same time, if not as configured.
    pub concurrency: Option<usize>,
    /// After this time the tasks of a worker that died are given to others, if not as configured.
    pub lease: Option<Duration>,
}

/// The domains that a worker has to do with: those whose tasks it does, and the one that hands tasks
/// out. It needs no database and no secret of the others.
pub fn domains() -> impl Iterator<Item = &'static Domain> {
    DOMAINS
        .iter()
        .filter(|domain| !domain.queues.is_empty() || domain.name == atelier_tasks::NAME)
}

/// Starts a worker on the wanted queues, or on all queues that this binary has handlers for. It gives back
/// what it has not finished when the process stops.
///
/// # Errors
/// If a domain's surroundings cannot be made, or no handler serves the queues.
pub fn start(shared: &Shared, wanted: Wanted, supervisor: &Supervisor) -> anyhow::Result<()> {
    let mut handlers: Vec<Arc<dyn Handler>> = Vec::new();
    for domain in domains() {
        handlers.extend((domain.handlers)(&shared.deps(domain.name)?, shared));
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
    let engine = Engine::new(
        shared.deps(atelier_tasks::NAME)?,
        shared.config().tasks.engine.clone(),
    );
    let configured = shared.config().worker.clone();
    let config = WorkerConfig {
        queues,
        concurrency: wanted.concurrency.unwrap_or(configured.concurrency),
        lease: wanted.lease.unwrap_or(configured.lease),
        ..configured
    };
    supervisor.keep("worker".to_owned(), move |stop| {
        Worker::run(engine.clone(), handlers.clone(), config.clone(), stop)
    });
    Ok(())
}

/// In whose names the handlers speak to other domains.
pub fn issuers() -> Vec<&'static str> {
    domains()
        .filter(|domain| !domain.queues.is_empty())
        .map(|domain| domain.name)
        .collect()
}

/// Publishes what handlers write to their domains' outboxes; a worker that serves no subgraph has
/// nobody else to do it at once.
///
/// # Errors
/// If a domain's surroundings cannot be made.
pub fn relays(shared: &Shared, supervisor: &Supervisor) -> anyhow::Result<()> {
    for domain in domains() {
        let deps = shared.deps(domain.name)?;
        supervisor.keep(format!("{}.relay", domain.name), move |stop| {
            Relay::new(deps.clone()).run(stop)
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use atelier_kit::peers::LocalPeers;

    use super::*;
    use crate::settings::Servers;

    /// Whose queue is not named leaves it to external workers, and is not worked for.
    #[tokio::test]
    async fn every_domain_names_the_queues_that_it_works_on() {
        let servers = Servers::nowhere().unwrap();
        let shared = Shared::new(&servers, Arc::new(LocalPeers::default())).unwrap();
        for domain in DOMAINS {
            let handlers = (domain.handlers)(&shared.deps(domain.name).unwrap(), &shared);
            let worked_on: BTreeSet<_> = handlers.iter().map(|own| own.queue()).collect();
            let named: BTreeSet<_> = domain.queues.iter().copied().collect();
            assert_eq!(worked_on, named, "{}", domain.name);
        }
    }
}
