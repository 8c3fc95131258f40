//! Asking subgraphs for their schemas, and composing anew when they differ from
//! what is served.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use atelier_composition::SubgraphSdl;
use futures::future::join_all;

use super::{ReloadError, meaning};
use crate::router::Router;
use crate::subgraph::{RequestContext, SdlError, SubgraphError};
use crate::supergraph::Supergraph;

/// What subgraphs have told of themselves.
#[derive(Debug)]
pub(super) struct Polls {
    sdls: HashMap<String, String>,
    /// Those that did not tell when asked last.
    silent: HashSet<String>,
    /// What they tell was not yet held against what is served.
    news: bool,
}

impl Default for Polls {
    fn default() -> Self {
        Self {
            sdls: HashMap::new(),
            silent: HashSet::new(),
            news: true,
        }
    }
}

impl Polls {
    /// Asks all subgraphs once; gives what became of it if anything was to be done.
    pub(super) async fn poll(&mut self, router: &Router) -> Option<Result<(), ReloadError>> {
        let supergraph = router.supergraph();
        let context = match router.own_context("reload") {
            Ok(context) => Arc::new(context),
            Err(error) => return Some(Err(error.into())),
        };
        let asked = supergraph.subgraphs().iter().map(|subgraph| {
            let (name, context) = (subgraph.name.as_str(), Arc::clone(&context));
            async move { (name, ask(router, name, context).await) }
        });
        for (name, told) in join_all(asked).await {
            self.hear(name, told);
        }
        let parts: Option<Vec<_>> = supergraph
            .subgraphs()
            .iter()
            .map(|subgraph| {
                let sdl = self.sdls.get(&subgraph.name)?;
                Some(SubgraphSdl::new(&subgraph.name, &subgraph.url, sdl))
            })
            .collect();
        // Until all have told there is nothing to compose.
        let parts = parts.filter(|_| self.news)?;
        self.news = false;
        match composed(&supergraph, parts).await {
            Ok(Some(sdl)) => Some(router.reload_warm(sdl).await),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn hear(&mut self, name: &str, told: Result<String, SdlError>) {
        match told {
            Ok(sdl) => {
                if self.silent.remove(name) {
                    tracing::info!(target: "atelier_router", subgraph = name, "a subgraph tells its schema again");
                }
                if self.sdls.get(name) != Some(&sdl) {
                    self.news = true;
                    self.sdls.insert(name.to_owned(), sdl);
                }
            }
            Err(error) => {
                // Once, not every few seconds.
                if self.silent.insert(name.to_owned()) {
                    tracing::warn!(
                        target: "atelier_router",
                        subgraph = name,
                        detail = %error,
                        "a subgraph does not tell its schema; what is served stays"
                    );
                }
            }
        }
    }
}

async fn ask(
    router: &Router,
    name: &str,
    context: Arc<RequestContext>,
) -> Result<String, SdlError> {
    let missing = || SubgraphError::Unavailable("no client for it".to_owned());
    let client = router.subgraph(name).ok_or_else(missing)?;
    client.sdl(context).await
}

/// The supergraph of `parts` if it is another one than `served`.
async fn composed(
    served: &Arc<Supergraph>,
    parts: Vec<SubgraphSdl>,
) -> Result<Option<String>, ReloadError> {
    let served = Arc::clone(served);
    // Large graphs take long enough to be in the way of requests.
    let composing = tokio::task::spawn_blocking(move || {
        let composed = atelier_composition::compose(&parts)?;
        let same = meaning::same(served.sdl(), &composed.supergraph_sdl);
        Ok((!same).then_some(composed.supergraph_sdl))
    });
    let composed = composing.await.map_err(|_| ReloadError::Panicked)?;
    composed.map_err(|errors: atelier_composition::CompositionErrors| {
        ReloadError::Composition(errors.to_string())
    })
}
