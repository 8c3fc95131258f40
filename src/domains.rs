//! Which domains there are, and how each is built. A new subgraph is one entry here.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use atelier_kit::{
    Deps, Subgraph,
    clock::SystemRandom,
    db::{Database, DatabaseConfig},
    error::CodeSpec,
    jobs::Handler,
    page::CursorSealer,
    peers::Peers,
    redis::Redis,
    stream::Hub,
};
use atelier_storage::Storage;
use diesel_migrations::EmbeddedMigrations;

use crate::{
    config::Config,
    settings::{Databases, Servers},
};

/// What all domains of a process share.
#[derive(Clone)]
pub struct Shared {
    servers: Servers,
    /// Redis.
    pub redis: Redis,
    hub: Hub,
    /// The object store.
    pub storage: Storage,
    peers: Arc<dyn Peers>,
    /// One for each domain and process: a domain's writers wake the relay of the same surroundings.
    deps: Arc<Mutex<HashMap<&'static str, Deps>>>,
}

impl Shared {
    /// Connects to the servers; PostgreSQL is reached when it is first needed.
    ///
    /// # Errors
    /// If a server's address cannot be used.
    pub fn new(servers: &Servers, peers: Arc<dyn Peers>) -> anyhow::Result<Self> {
        let redis = Redis::lazy(servers.redis.clone()).context("ATELIER_REDIS_URL")?;
        Ok(Self {
            hub: Hub::new(redis.clone()),
            redis,
            storage: Storage::new(&servers.storage).context("ATELIER_S3_ENDPOINT")?,
            peers,
            deps: Arc::default(),
            servers: servers.clone(),
        })
    }

    /// What the operator has set.
    pub fn config(&self) -> &Config {
        &self.servers.config
    }

    /// A domain's surroundings.
    ///
    /// # Errors
    /// If the domain's database address cannot be used.
    pub fn deps(&self, domain: &'static str) -> anyhow::Result<Deps> {
        let mut known = self.deps.lock().unwrap_or_else(PoisonError::into_inner);
        match known.entry(domain) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(self.make_deps(domain)?).clone()),
        }
    }

    /// Connects to the databases of `domains`, so that their time is known before anything goes by it.
    ///
    /// # Errors
    /// Names the domain whose database does not answer, or takes no writes.
    pub async fn connect(&self, domains: &[&Domain]) -> anyhow::Result<()> {
        let pings = domains.iter().map(async |domain| {
            let pinged = self.deps(domain.name)?.db.ping().await;
            pinged.map_err(|error| told(domain.name, &error))
        });
        futures::future::try_join_all(pings).await.map(drop)
    }

    fn make_deps(&self, domain: &'static str) -> anyhow::Result<Deps> {
        let database = DatabaseConfig::new(self.servers.databases.of(domain)?);
        let secret = self.servers.secrets.of(domain)?;
        let db = Database::new(&database)
            .map_err(|error| anyhow::anyhow!("the database of {domain}: {error}"))?;
        Ok(Deps {
            domain,
            clock: Arc::new(db.clock()),
            db,
            redis: self.redis.clone(),
            hub: self.hub.clone(),
            peers: Arc::clone(&self.peers),
            random: Arc::new(SystemRandom),
            cursors: CursorSealer::new(&secret.derive("cursors")),
        })
    }
}

/// A domain that this binary can serve.
pub struct Domain {
    /// Its name in the graph, in URLs and in PostgreSQL.
    pub name: &'static str,
    /// Its tables.
    pub migrations: &'static EmbeddedMigrations,
    /// Builds its subgraph.
    pub build: fn(Deps, &Shared) -> anyhow::Result<Subgraph>,
    /// The queues of its background tasks: no external worker's, unless the operator says so.
    pub queues: &'static [&'static str],
    /// Builds what does its background tasks, without its schema.
    pub handlers: fn(&Deps, &Shared) -> Vec<Arc<dyn Handler>>,
    /// Its expected failures, for the reference.
    pub codes: fn() -> Vec<&'static CodeSpec>,
}

/// Every domain, in the order of the schema.
pub static DOMAINS: &[Domain] = &[
    Domain {
        name: atelier_accounts::NAME,
        migrations: &atelier_accounts::MIGRATIONS,
        queues: &[],
        codes: || {
            atelier_accounts::AccountsErrorCode::ALL
                .iter()
                .map(|code| code.spec())
                .collect()
        },
        build: |deps, shared| {
            let config = accounts_config(shared)?;
            Ok(atelier_accounts::subgraph(deps, config))
        },
        handlers: |_, _| Vec::new(),
    },
    Domain {
        name: atelier_media::NAME,
        migrations: &atelier_media::MIGRATIONS,
        queues: &[atelier_media::QUEUE],
        codes: || {
            atelier_media::MediaErrorCode::ALL
                .iter()
                .map(|code| code.spec())
                .collect()
        },
        build: |deps, shared| {
            let (storage, config) = (shared.storage.clone(), shared.config().media.clone());
            Ok(atelier_media::subgraph(deps, storage, config))
        },
        handlers: |deps, shared| {
            let (storage, config) = (shared.storage.clone(), shared.config().media.clone());
            atelier_media::handlers(deps.clone(), storage, config)
        },
    },
    Domain {
        name: atelier_tasks::NAME,
        migrations: &atelier_tasks::MIGRATIONS,
        queues: &[],
        codes: || {
            atelier_tasks::TaskErrorCode::ALL
                .iter()
                .map(|code| code.spec())
                .collect()
        },
        build: |deps, shared| Ok(atelier_tasks::subgraph(deps, tasks_config(shared))),
        handlers: |_, _| Vec::new(),
    },
];

/// The domains called `names`.
///
/// # Errors
/// For a name that no domain has.
pub fn find(names: &[String]) -> anyhow::Result<Vec<&'static Domain>> {
    let known = || {
        DOMAINS
            .iter()
            .map(|domain| domain.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    names
        .iter()
        .map(|name| {
            DOMAINS
                .iter()
                .find(|domain| domain.name == name)
                .with_context(|| format!("there is no subgraph {name:?}; there are: {}", known()))
        })
        .collect()
}

/// The names of all domains.
pub fn names() -> Vec<String> {
    DOMAINS
        .iter()
        .map(|domain| domain.name.to_owned())
        .collect()
}

/// Applies pending migrations of all domains, each in its own database.
///
/// # Errors
/// If a database cannot be reached or a migration fails.
pub async fn migrate(databases: &Databases) -> anyhow::Result<HashMap<&'static str, Vec<String>>> {
    let mut runs = tokio::task::JoinSet::new();
    for domain in DOMAINS {
        let url = databases.of(domain.name)?;
        // A migration blocks the thread of its task, so each domain has one of its own.
        runs.spawn(async move {
            let applied = atelier_kit::migrate(&url, domain.name, domain.migrations).await;
            applied
                .map(|applied| (domain.name, applied))
                .map_err(|error| told(domain.name, &error))
        });
    }
    let mut all = HashMap::new();
    while let Some(run) = runs.join_next().await {
        all.extend([run??]);
    }
    Ok(all)
}

/// Refuses to go on while migrations are pending.
///
/// # Errors
/// Names what is pending and the command that applies it.
pub async fn require_migrated(databases: &Databases, domains: &[&Domain]) -> anyhow::Result<()> {
    for domain in domains {
        let url = databases.of(domain.name)?;
        let pending = atelier_kit::pending(&url, domain.name, domain.migrations)
            .await
            .map_err(|error| told(domain.name, &error))?;
        if !pending.is_empty() {
            anyhow::bail!(
                "the database of {} lacks {} migration(s): {}. Apply them with: atelier migrate",
                domain.name,
                pending.len(),
                pending.join(", ")
            );
        }
    }
    Ok(())
}

fn told(domain: &str, error: &atelier_kit::error::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "the database of {domain}: {}",
        error.cause_chain().unwrap_or_else(|| error.to_string())
    )
}

/// What tasks needs beside its surroundings: the queues that this binary works on are no external
/// worker's, unless the operator says so.
fn tasks_config(shared: &Shared) -> atelier_tasks::TasksConfig {
    let mut config = shared.config().tasks.clone();
    let queues = DOMAINS.iter().flat_map(|domain| domain.queues);
    config.engine.own_queues = queues
        .map(|queue| (*queue).to_owned())
        .filter(|queue| !shared.servers.external_queues.contains(queue))
        .collect();
    config
}

/// What accounts needs beside its surroundings.
///
/// # Errors
/// If accounts has no secret.
pub fn accounts_config(shared: &Shared) -> anyhow::Result<atelier_accounts::AccountsConfig> {
    let secret = shared.servers.secrets.of(atelier_accounts::NAME)?;
    Ok(atelier_accounts::AccountsConfig {
        key: secret.derive("accounts"),
        ..shared.config().accounts.clone()
    })
}

#[cfg(test)]
mod tests;
