//! Which client reaches which subgraph of a supergraph.

use std::collections::HashMap;
use std::sync::Arc;

use super::BuildError;
use crate::config::RouterConfig;
use crate::dedup::{Deduplicated, Epoch};
use crate::snapshot::{Snapshot, Subgraphs};
use crate::subgraph::{HttpSubgraph, SubgraphClient};
use crate::supergraph::{SubgraphInfo, Supergraph};

/// Makes clients, and keeps those that fit the next supergraph too.
pub(crate) struct Clients {
    /// Clients given instead of URLs.
    given: HashMap<String, Arc<dyn SubgraphClient>>,
    config: Arc<RouterConfig>,
    epoch: Epoch,
}

impl Clients {
    pub(crate) fn new(
        given: HashMap<String, Arc<dyn SubgraphClient>>,
        config: Arc<RouterConfig>,
        epoch: Epoch,
    ) -> Self {
        let mut clients = Self {
            given: HashMap::new(),
            config,
            epoch,
        };
        for (name, client) in given {
            let client = clients.wrapped(client);
            clients.given.insert(name, client);
        }
        clients
    }

    fn wrapped(&self, client: Arc<dyn SubgraphClient>) -> Arc<dyn SubgraphClient> {
        if self.config.dedup.subgraph_requests {
            Arc::new(Deduplicated::new(client, self.epoch.clone()))
        } else {
            client
        }
    }

    /// The clients of `supergraph`: given ones first, those of `before` when
    /// their URL did not change (they keep their connections), new ones otherwise.
    pub(crate) fn of(
        &self,
        supergraph: &Supergraph,
        before: Option<&Snapshot>,
    ) -> Result<Subgraphs, BuildError> {
        let mut all = Subgraphs::new();
        for subgraph in supergraph.subgraphs() {
            let client = match self.given.get(&subgraph.name) {
                Some(client) => Arc::clone(client),
                None => match before.and_then(|before| self.kept(subgraph, before)) {
                    Some(client) => client,
                    None => self.http(subgraph)?,
                },
            };
            all.insert(subgraph.name.as_str().into(), client);
        }
        Ok(all)
    }

    fn url(&self, subgraph: &SubgraphInfo) -> String {
        let configured = self.config.subgraphs.get(&subgraph.name);
        configured
            .and_then(|own| own.url.clone())
            .unwrap_or_else(|| subgraph.url.clone())
    }

    fn kept(&self, subgraph: &SubgraphInfo, before: &Snapshot) -> Option<Arc<dyn SubgraphClient>> {
        let known = before.supergraph.subgraphs();
        let known = known.iter().find(|known| known.name == subgraph.name)?;
        (self.url(known) == self.url(subgraph))
            .then(|| before.subgraphs.get(subgraph.name.as_str()).cloned())
            .flatten()
    }

    fn http(&self, subgraph: &SubgraphInfo) -> Result<Arc<dyn SubgraphClient>, BuildError> {
        let settings = self.config.subgraph(&subgraph.name);
        let http = HttpSubgraph::new(&subgraph.name, &self.url(subgraph), &settings);
        let http = http.map_err(|problem| BuildError::Subgraph {
            name: subgraph.name.clone(),
            problem,
        })?;
        Ok(self.wrapped(Arc::new(http)))
    }
}
