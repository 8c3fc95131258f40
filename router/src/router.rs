//! The router: takes requests, runs them through the stages, swaps snapshots.

mod builder;
mod clients;
mod refused;
mod shared;
mod stages;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use self::builder::{BuildError, RouterBuilder};
use self::clients::Clients;
use self::refused::{Refused, refuse};
use self::shared::ClientFlights;
use crate::config::RouterConfig;
use crate::error::{GraphqlError, code};
use crate::event_streams::EventStreams;
use crate::execute;
use crate::identity::{Caller, Identify, IdentifyError};
use crate::operation::PreparedOperation;
use crate::quota::{Budget, ClientQuotas};
use crate::request::{ClientRequest, Outcome, ResponseStatus};
use crate::snapshot::Snapshot;
use crate::subgraph::{Propagate, RequestContext, SubgraphClient};
use crate::supergraph::Supergraph;

/// Makes the router's own identity.
type Own = Arc<dyn Fn() -> Result<Caller, IdentifyError> + Send + Sync>;

/// A running router; clones share everything.
#[derive(Clone)]
pub struct Router {
    inner: Arc<Inner>,
}

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    config: Arc<RouterConfig>,
    clients: Clients,
    /// Identical queries under way, when they are to be shared.
    shared: Option<ClientFlights>,
    feeds: execute::Feeds,
    identify: Arc<dyn Identify>,
    propagate: Option<Propagate>,
    own: Own,
    streams: EventStreams,
    quotas: ClientQuotas,
    budget: Budget,
    /// Only this machine can connect.
    is_local: AtomicBool,
    draining: CancellationToken,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("supergraph", &self.snapshot().supergraph)
            .finish()
    }
}

impl Router {
    /// Starts building a router for `supergraph`.
    pub fn builder(supergraph: Supergraph) -> RouterBuilder {
        RouterBuilder::new(supergraph)
    }

    /// Serves another supergraph from now on. Requests that are under way finish
    /// on the old one; subscriptions go on by new plans.
    ///
    /// # Errors
    /// When a subgraph of it cannot be reached in any way; the old one stays.
    pub fn reload(&self, supergraph: Supergraph) -> Result<(), BuildError> {
        let snapshot = self.next_snapshot(supergraph)?;
        self.swap(snapshot);
        Ok(())
    }

    /// A snapshot of `supergraph` that is not served yet.
    pub(crate) fn next_snapshot(&self, supergraph: Supergraph) -> Result<Snapshot, BuildError> {
        let old = self.snapshot();
        let subgraphs = self.inner.clients.of(&supergraph, Some(&old))?;
        Ok(Snapshot::new(
            Arc::new(supergraph),
            subgraphs,
            Arc::clone(&self.inner.config),
        ))
    }

    /// Serves `snapshot` from now on.
    pub(crate) fn swap(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.inner.snapshot.store(Arc::clone(&snapshot));
        self.inner.feeds.reloaded(snapshot);
        tracing::info!(target: "atelier_router", "supergraph reloaded");
    }

    /// Ends subscriptions and refuses new requests; those under way finish.
    pub fn drain(&self) {
        self.inner.draining.cancel();
    }

    /// True once [`Router::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.is_cancelled()
    }

    /// The supergraph being served.
    pub fn supergraph(&self) -> Arc<Supergraph> {
        Arc::clone(&self.snapshot().supergraph)
    }

    /// Bytes of memory that parsed documents and their plans take, as estimated.
    pub fn cached_bytes(&self) -> u64 {
        self.snapshot().kept_bytes()
    }

    /// Bytes of answers that wait for their clients to take them.
    pub fn buffered_bytes(&self) -> usize {
        self.inner.budget.held()
    }

    /// The client of a subgraph, for commands between domains: they reach it the
    /// way queries do.
    pub fn subgraph(&self, name: &str) -> Option<Arc<dyn SubgraphClient>> {
        self.snapshot().subgraphs.get(name).map(Arc::clone)
    }

    /// For requests that no client made.
    pub(crate) fn own_context(&self, id: &str) -> Result<RequestContext, IdentifyError> {
        let caller = (self.inner.own)()?;
        Ok(RequestContext {
            propagate: self.inner.propagate.clone(),
            ..RequestContext::new(id, Arc::new(caller))
        })
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }

    /// The distinct operations of open subscriptions.
    pub(crate) fn followed(&self) -> Vec<Arc<PreparedOperation>> {
        self.inner.feeds.operations()
    }

    pub(crate) fn config(&self) -> &RouterConfig {
        &self.inner.config
    }

    pub(crate) fn identify(&self) -> &dyn Identify {
        &*self.inner.identify
    }

    pub(crate) fn streams(&self) -> &EventStreams {
        &self.inner.streams
    }

    pub(crate) fn quotas(&self) -> &ClientQuotas {
        &self.inner.quotas
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.inner.budget
    }

    /// Where clients reach it. Requests without a listener are this program's own.
    pub(crate) fn listens_on(&self, address: IpAddr) {
        let local = address.to_canonical().is_loopback();
        self.inner.is_local.fetch_and(local, Ordering::Relaxed);
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.inner.draining
    }

    /// Answers a request. Never fails: what goes wrong is in the answer.
    pub async fn execute(&self, request: ClientRequest) -> Outcome {
        let request_id = Arc::clone(&request.request_id);
        let limit = Duration::from_millis(self.config().timeouts.request_ms);
        if self.is_draining() {
            let error = GraphqlError::new("The server is shutting down.").with_code(code::INTERNAL);
            return refuse(&[error], ResponseStatus::Draining, &request_id);
        }
        if self.inner.budget.is_spent() {
            let message = "The server holds more answers than its clients take; try again later.";
            let error = GraphqlError::new(message).with_code(code::OVERLOADED);
            return refuse(&[error], ResponseStatus::Overloaded, &request_id);
        }
        let span = tracing::info_span!(
            target: "atelier_router",
            "router.request",
            request.id = %request_id,
            graphql.operation = tracing::field::Empty,
            graphql.kind = tracing::field::Empty,
        );
        // A bug in a stage costs one answer, not the connection.
        let stages = AssertUnwindSafe(self.answer(request))
            .catch_unwind()
            .instrument(span);
        match tokio::time::timeout(limit, stages).await {
            Ok(Ok(Ok(outcome))) => outcome,
            Ok(Ok(Err(refused))) => refuse(&refused.errors, refused.status, &request_id),
            Ok(Err(_)) => {
                let error = GraphqlError::new("Something went wrong inside of the router.")
                    .with_code(code::INTERNAL);
                refuse(&[error], ResponseStatus::Failed, &request_id)
            }
            Err(_) => {
                let error = GraphqlError::new("The request took too long.")
                    .with_code(code::REQUEST_TIMEOUT);
                refuse(&[error], ResponseStatus::TimedOut, &request_id)
            }
        }
    }
}
