//! The graph: which subgraphs the router reaches, and how.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Context;
use async_graphql::Request;
use async_trait::async_trait;
use atelier_kit::{
    actor::Actor,
    graphql::{Direct, Operation, Service},
    telemetry,
};
use atelier_router::{
    Identify, LocalSubgraph, OperationKind, RequestContext, Router, RouterConfig, SdlError,
    SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse, Supergraph,
    config::SubscriptionIdentity,
};
use futures::stream::BoxStream;

use crate::{identity::Verifier, nodes};

/// The composed schema of this version, made by `make generate`.
pub const SUPERGRAPH: &str = include_str!("../schema/supergraph.graphql");

/// The address of [`nodes`] in the composed schema, which stands for no place.
const NODES_URL: &str = "http://node/graphql";

/// Reads a configuration file of the router alone.
///
/// # Errors
/// Names the file and the key that is wrong.
pub fn config(path: &Path) -> anyhow::Result<RouterConfig> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    RouterConfig::from_toml(&text).with_context(|| path.display().to_string())
}

/// A router over subgraphs in this process.
///
/// # Errors
/// If the supergraph names a subgraph that is not there.
pub fn in_process(
    services: &HashMap<String, Service>,
    identify: Arc<dyn Identify>,
    config: RouterConfig,
) -> anyhow::Result<Router> {
    let mut builder = Router::builder(Supergraph::parse(SUPERGRAPH)?)
        .config(config)
        .identify(identify);
    for (name, service) in services {
        builder = builder.subgraph(name.clone(), Arc::new(InProcess::new(name, service)));
    }
    builder = builder.subgraph(
        nodes::NAME,
        Arc::new(InProcess::new(nodes::NAME, &nodes::service())),
    );
    Ok(builder.build()?)
}

/// A router over subgraphs at `urls`, which verifies callers and proves itself by `verifier`.
///
/// # Errors
/// If the supergraph is not one, or a subgraph has no URL.
pub fn over_http(
    supergraph: &str,
    urls: &HashMap<String, String>,
    verifier: Option<Arc<Verifier>>,
    mut config: RouterConfig,
) -> anyhow::Result<Router> {
    for (name, url) in urls {
        let subgraph = config.subgraphs.entry(name.clone()).or_default();
        subgraph.url = Some(url.clone());
        if verifier.is_some() {
            // Ours take many callers over one connection; proofs of callers are short-lived.
            let own = &mut subgraph.subscription_identity;
            *own = own.or(Some(SubscriptionIdentity::Operation));
        }
    }
    let supergraph = Supergraph::parse(supergraph)?;
    // Where ids lead needs no process of its own, unless somebody gave it one.
    let given = config.subgraphs.get(nodes::NAME);
    let here = given.is_none_or(|given| given.url.is_none())
        && supergraph
            .subgraphs()
            .iter()
            .any(|subgraph| subgraph.name == nodes::NAME && subgraph.url == NODES_URL);
    let mut builder = Router::builder(supergraph)
        .config(config)
        .propagate(telemetry::propagate::inject);
    if here {
        builder = builder.subgraph(
            nodes::NAME,
            Arc::new(InProcess::new(nodes::NAME, &nodes::service())),
        );
    }
    if let Some(verifier) = verifier {
        builder = builder.identify(Arc::clone(&verifier) as _);
        builder = builder.own(move || verifier.own());
    }
    Ok(builder.build()?)
}

/// A subgraph in this process. A query that panics at its root runs once more with a guard around
/// the resolvers there, so that it loses one field and not the whole answer.
pub(crate) struct InProcess {
    direct: LocalSubgraph<Direct>,
    guarded: LocalSubgraph<Direct>,
    sdl: Arc<str>,
}

impl InProcess {
    pub(crate) fn new(name: &str, service: &Service) -> Self {
        Self {
            direct: LocalSubgraph::new(service.direct(), inject),
            guarded: LocalSubgraph::new(service.guarded(), inject),
            sdl: sdl(name, service),
        }
    }
}

/// A subgraph's schema as it is composed, which is not quite as async-graphql exports it.
pub(crate) fn sdl(name: &str, service: &Service) -> Arc<str> {
    let exported = service.sdl();
    match atelier_codegen::prepare_subgraph(name, &exported) {
        Ok(sdl) => sdl.into(),
        Err(error) => {
            tracing::error!(target: "atelier", subgraph = name, detail = %error, "the schema cannot be prepared for composition");
            exported.into()
        }
    }
}

/// Hands the verified caller over as a value.
fn inject(context: &RequestContext, request: &mut Request) {
    let actor = context
        .caller
        .extensions
        .get::<Arc<Actor>>()
        .cloned()
        .unwrap_or_default();
    if let Some(operation) = Operation::of(&actor, &context.request_id) {
        request.data.insert(operation);
    }
    request.data.insert(actor);
}

#[async_trait]
impl SubgraphClient for InProcess {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let query = request.operation.kind() == OperationKind::Query;
        match self.direct.execute(request.clone()).await {
            Err(SubgraphError::Panicked) if query => self.guarded.execute(request).await,
            answered => answered,
        }
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        self.direct.subscribe(request).await
    }

    async fn sdl(&self, _: Arc<RequestContext>) -> Result<String, SdlError> {
        Ok(self.sdl.to_string())
    }
}
