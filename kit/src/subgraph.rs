//! A domain, as the binary sees it: its schema, its migrations and its background work.

use std::time::Duration;

use diesel_migrations::EmbeddedMigrations;
use tokio_util::sync::CancellationToken;

use crate::{
    Deps,
    delivery::{Consume, Consumer, Relay, run_consumer},
    error::Error,
    event::Fact,
    graphql::Service,
    supervise::Supervisor,
};

/// Starts background work.
type Background = Box<dyn FnOnce(&Supervisor) + Send>;

/// A domain, ready to be served.
pub struct Subgraph {
    /// The domain's name, which is also its PostgreSQL schema.
    pub name: &'static str,
    /// The domain's dependencies.
    pub deps: Deps,
    /// The executable schema.
    pub service: Service,
    /// HTTP routes besides GraphQL, such as a JWKS document or webhooks.
    pub routes: axum::Router,
    consumers: Vec<Consumer>,
    background: Vec<Background>,
}

/// The migrations for the tables that every domain's schema has.
pub static KIT_MIGRATIONS: EmbeddedMigrations =
    diesel_migrations::embed_migrations!("../migrations/kit");

/// Applies the pending migrations of the kit and of the domain.
///
/// # Errors
/// Those of [`crate::db::migrate`].
pub async fn migrate(
    url: &str,
    domain: &str,
    migrations: &'static EmbeddedMigrations,
) -> Result<Vec<String>, Error> {
    crate::db::migrate(url, domain, &[&KIT_MIGRATIONS, migrations]).await
}

/// Returns the names of pending migrations.
///
/// # Errors
/// Those of [`crate::db::pending`].
pub async fn pending(
    url: &str,
    domain: &str,
    migrations: &'static EmbeddedMigrations,
) -> Result<Vec<String>, Error> {
    crate::db::pending(url, domain, &[&KIT_MIGRATIONS, migrations]).await
}

impl Subgraph {
    /// Creates a domain with a schema and nothing else.
    pub fn new(name: &'static str, deps: Deps, service: Service) -> Self {
        Self {
            name,
            deps,
            service,
            routes: axum::Router::new(),
            consumers: Vec::new(),
            background: Vec::new(),
        }
    }

    /// Adds HTTP routes besides GraphQL.
    #[must_use]
    pub fn routes(mut self, routes: axum::Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Registers a consumer for facts of other domains. What it has handled is recorded under
    /// `name`, which must be unique in the domain and must never change.
    #[must_use]
    pub fn on<F: Fact>(mut self, name: &'static str, consume: impl Consume<F>) -> Self {
        self.consumers.push(Consumer::new(name, consume));
        self
    }

    /// Runs `work` periodically, each time `period` after its last run has ended.
    #[must_use]
    pub fn every<F>(
        mut self,
        period: Duration,
        name: &'static str,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let name = format!("{}.{name}", self.name);
        self.background.push(Box::new(move |supervisor| {
            supervisor.every(period, name, work)
        }));
        self
    }

    /// Runs `work` for as long as the process runs; see [`Supervisor::keep`].
    #[must_use]
    pub fn keep<F>(
        mut self,
        name: &'static str,
        work: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = format!("{}.{name}", self.name);
        self.background
            .push(Box::new(move |supervisor| supervisor.keep(name, work)));
        self
    }

    /// Returns the consumers of other domains' facts.
    pub fn consumers(&self) -> &[Consumer] {
        &self.consumers
    }

    /// Starts the outbox relay, the consumers and the background work. `domains` names all domains
    /// that may emit facts.
    pub fn start(&mut self, domains: &[String], supervisor: &Supervisor) {
        let deps = self.deps.clone();
        supervisor.keep(format!("{}.relay", self.name), move |stop| {
            Relay::new(deps.clone()).run(stop)
        });
        for consumer in &self.consumers {
            let (deps, consumer, domains) = (self.deps.clone(), consumer.clone(), domains.to_vec());
            supervisor.keep(format!("{}.{}", self.name, consumer.name()), move |stop| {
                run_consumer(deps.clone(), consumer.clone(), domains.clone(), stop)
            });
        }
        for start in self.background.drain(..) {
            start(supervisor);
        }
    }
}
