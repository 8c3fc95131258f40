//! Collects what a router needs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::{ClientFlights, Clients, Inner, Own, Router};
use crate::config::{ConfigError, RouterConfig};
use crate::dedup::Epoch;
use crate::event_streams::EventStreams;
use crate::execute;
use crate::identity::{Anonymous, Caller, Identify, IdentifyError};
use crate::quota::{Budget, ClientQuotas};
use crate::snapshot::Snapshot;
use crate::subgraph::{Propagate, SubgraphClient};
use crate::supergraph::Supergraph;

/// Why a router cannot be built or reloaded.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A subgraph can be reached neither in process nor by URL.
    #[error("subgraph {name}: {problem}")]
    Subgraph {
        /// Its name in the supergraph.
        name: String,
        /// What is missing.
        problem: String,
    },
}

/// Collects what a router needs.
pub struct RouterBuilder {
    supergraph: Supergraph,
    config: RouterConfig,
    clients: HashMap<String, Arc<dyn SubgraphClient>>,
    identify: Arc<dyn Identify>,
    propagate: Option<Propagate>,
    own: Own,
}

impl std::fmt::Debug for RouterBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouterBuilder")
            .field("supergraph", &self.supergraph)
            .finish_non_exhaustive()
    }
}

impl RouterBuilder {
    pub(super) fn new(supergraph: Supergraph) -> Self {
        Self {
            supergraph,
            config: RouterConfig::default(),
            clients: HashMap::new(),
            identify: Arc::new(Anonymous),
            propagate: None,
            own: Arc::new(|| Ok(Caller::default())),
        }
    }

    /// Sets the configuration.
    #[must_use]
    pub fn config(mut self, config: RouterConfig) -> Self {
        self.config = config;
        self
    }

    /// Reaches a subgraph by `client` instead of by its URL.
    #[must_use]
    pub fn subgraph(mut self, name: impl Into<String>, client: Arc<dyn SubgraphClient>) -> Self {
        self.clients.insert(name.into(), client);
        self
    }

    /// Verifies callers by `identify`. By default everybody is anonymous.
    #[must_use]
    pub fn identify(mut self, identify: Arc<dyn Identify>) -> Self {
        self.identify = identify;
        self
    }

    /// Lets `propagate` add headers to each request to an HTTP subgraph. It is
    /// called inside the request's span, so it can write that span's trace
    /// context (`traceparent`).
    #[must_use]
    pub fn propagate(
        mut self,
        propagate: impl Fn(&mut http::HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.propagate = Some(Propagate(Arc::new(propagate)));
        self
    }

    /// Who the router is itself, for what no client asks of subgraphs: their
    /// schemas. By default nobody.
    #[must_use]
    pub fn own(
        mut self,
        own: impl Fn() -> Result<Caller, IdentifyError> + Send + Sync + 'static,
    ) -> Self {
        self.own = Arc::new(own);
        self
    }

    /// Builds the router.
    ///
    /// # Errors
    /// When the configuration makes no sense or a subgraph cannot be reached in any way.
    pub fn build(self) -> Result<Router, BuildError> {
        self.config.check()?;
        let config = Arc::new(self.config);
        let epoch = Epoch::default();
        let shared = config
            .dedup
            .client_requests
            .then(|| ClientFlights::new(epoch.clone()));
        let clients = Clients::new(self.clients, Arc::clone(&config), epoch);
        let subgraphs = clients.of(&self.supergraph, None)?;
        let snapshot = Snapshot::new(Arc::new(self.supergraph), subgraphs, Arc::clone(&config));
        let snapshot = Arc::new(snapshot);
        Ok(Router {
            inner: Arc::new(Inner {
                feeds: execute::Feeds::new(Arc::clone(&config), Arc::clone(&snapshot)),
                snapshot: ArcSwap::new(snapshot),
                quotas: ClientQuotas::new(&config.quotas),
                budget: Budget::new(config.connections.buffered_bytes),
                is_local: AtomicBool::new(true),
                config,
                clients,
                shared,
                identify: self.identify,
                propagate: self.propagate,
                own: self.own,
                streams: EventStreams::default(),
                draining: CancellationToken::new(),
            }),
        })
    }
}
