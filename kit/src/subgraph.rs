//! A domain, as the binary sees it: a schema, migrations, and what runs in the background.

use std::{future::Future, pin::Pin, sync::Arc};

use diesel_migrations::EmbeddedMigrations;
use tokio_util::sync::CancellationToken;

use crate::{
    Deps,
    error::Error,
    event::{Consumer, Relay, run_consumers},
    graphql::Service,
    jobs::Handler,
};

/// Work of a domain that runs for as long as the process: a sweep, a scheduler.
pub type Background =
    Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A domain, ready to be served.
pub struct Subgraph {
    /// The domain's name, which is also its PostgreSQL schema.
    pub name: &'static str,
    /// What the domain works with.
    pub deps: Deps,
    /// The executable schema.
    pub service: Service,
    /// Plain HTTP routes beside GraphQL (a JWKS document, webhooks).
    pub routes: axum::Router,
    /// Handles events of other domains.
    pub consumers: Vec<Arc<dyn Consumer>>,
    /// Does the domain's background tasks.
    pub handlers: Vec<Arc<dyn Handler>>,
    /// Runs beside the schema.
    pub background: Vec<Background>,
}

/// The tables that every domain's schema holds.
pub static KIT_MIGRATIONS: EmbeddedMigrations =
    diesel_migrations::embed_migrations!("../migrations/kit");

/// Applies what is pending of the kit's and the domain's migrations.
///
/// # Errors
/// As [`crate::db::migrate`].
pub async fn migrate(
    url: &str,
    domain: &str,
    migrations: &'static EmbeddedMigrations,
) -> Result<Vec<String>, Error> {
    crate::db::migrate(url, domain, &[&KIT_MIGRATIONS, migrations]).await
}

/// The names of migrations that are not applied yet.
///
/// # Errors
/// As [`crate::db::pending`].
pub async fn pending(
    url: &str,
    domain: &str,
    migrations: &'static EmbeddedMigrations,
) -> Result<Vec<String>, Error> {
    crate::db::pending(url, domain, &[&KIT_MIGRATIONS, migrations]).await
}

impl Subgraph {
    /// Starts the outbox relay, the consumers and the background work. `domains` names every domain
    /// whose events may concern this one. The tasks end soon after `stop`.
    pub fn start(
        &mut self,
        domains: &[String],
        stop: &CancellationToken,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let mut running = vec![tokio::spawn(
            Relay::new(self.deps.clone()).run(stop.clone()),
        )];
        for consumer in &self.consumers {
            let (deps, consumer, domains, stop) = (
                self.deps.clone(),
                Arc::clone(consumer),
                domains.to_vec(),
                stop.clone(),
            );
            running.push(tokio::spawn(async move {
                run_consumers(deps, consumer, &domains, stop).await
            }));
        }
        for background in self.background.drain(..) {
            running.push(tokio::spawn(background(stop.clone())));
        }
        running
    }
}
