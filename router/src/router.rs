//! The router: takes requests, runs them through the stages, swaps snapshots.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::{ConfigError, RouterConfig};
use crate::dedup::{ClientFlights, Epoch};
use crate::error::{GraphqlError, code};
use crate::execute::{self, Incremental, Message, Run, Source};
use crate::identity::{Anonymous, Identify};
use crate::operation::authorize::Decisions;
use crate::operation::document::Operation;
use crate::operation::{Document, Kind, PreparedOperation, variables};
use crate::request::{Accepts, ClientRequest, ClientResponse, Outcome, ResponseStatus, Summary};
use crate::snapshot::{Snapshot, Variant};
use crate::subgraph::{Clients, Propagate, RequestContext, SubgraphClient};
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
}

impl std::fmt::Debug for RouterBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouterBuilder")
            .field("supergraph", &self.supergraph)
            .finish_non_exhaustive()
    }
}

impl RouterBuilder {
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
        Ok(Router {
            inner: Arc::new(Inner {
                snapshot: ArcSwap::from_pointee(snapshot),
                feeds: execute::Feeds::new(Arc::clone(&config)),
                config,
                clients,
                shared,
                identify: self.identify,
                propagate: self.propagate,
                streams: crate::http::Streams::default(),
                draining: CancellationToken::new(),
            }),
        })
    }
}

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
    streams: crate::http::Streams,
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
        RouterBuilder {
            supergraph,
            config: RouterConfig::default(),
            clients: HashMap::new(),
            identify: Arc::new(Anonymous),
            propagate: None,
        }
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

    /// The client of a subgraph, for commands between domains: they reach it the
    /// way queries do.
    pub fn subgraph(&self, name: &str) -> Option<Arc<dyn SubgraphClient>> {
        self.snapshot().subgraphs.get(name).map(Arc::clone)
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

    pub(crate) fn streams(&self) -> &crate::http::Streams {
        &self.inner.streams
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

    async fn answer(&self, request: ClientRequest) -> Result<Outcome, Refused> {
        match &self.inner.shared {
            Some(shared) => self.shared_stages(shared, request).await,
            None => self.stages(request).await,
        }
    }

    /// The stages of a request, in order.
    pub(crate) async fn stages(&self, request: ClientRequest) -> Result<Outcome, Refused> {
        let snapshot = self.snapshot();
        let params = request.params;
        let text = params.query.as_deref().ok_or_else(Refused::no_query)?;

        // 1. Parse, limit and validate the document (cached by text).
        let entry = snapshot.document(text).await.map_err(Refused::request)?;
        // 2. Choose the operation and see that the transport can carry it.
        let name = params.operation_name.as_deref();
        let (index, operation) = choose(&entry.document, name)?;
        let span = tracing::Span::current();
        span.record("graphql.kind", operation.kind.as_str());
        if let Some(name) = &operation.name {
            span.record("graphql.operation", name.as_str());
        }
        check_transport(operation, request.accepts)?;
        self.check_introspection(&entry.document, operation)?;
        // 3. Check variables against the schema.
        let schema = &snapshot.supergraph.schema;
        let given = params.variables.unwrap_or_default();
        let variables = variables::coerce(schema, operation, given).map_err(Refused::request)?;
        // 4. Decide conditions and permissions.
        let conditions = variables::conditions(operation, &variables);
        let decisions = Decisions::new(&operation.rules, &request.caller);
        let format = request
            .incremental
            .filter(|_| operation.kind != Kind::Subscription);
        let deferral = format.and_then(|_| operation.defers.decide(operation, &variables));
        // 5. Plan (cached by normalised operation).
        let planned = snapshot
            .variant(&entry, index, conditions, decisions, deferral)
            .await;
        let variant = planned.map_err(Refused::failed)?;
        // 6. Fetch, merge, and write the answer.
        let context = Arc::new(RequestContext {
            request_id: request.request_id,
            caller: request.caller,
            headers: request.headers,
            propagate: self.inner.propagate.clone(),
            deadline: Some(
                Instant::now() + Duration::from_millis(self.config().timeouts.request_ms),
            ),
        });
        let mut summary = Summary {
            operation: entry.document.operations[index]
                .name
                .as_deref()
                .map(Arc::from),
            kind: Some(variant.plan.kind),
            fetches: variant.plan.fetches.len(),
            errors: 0,
            position: None,
        };
        if variant.operation.kind == Kind::Subscription {
            let subscription = execute::Subscription {
                snapshot,
                variant,
                variables,
                context,
                after: request.last_event_id.map(serde_json::Value::from),
            };
            let (events, position) = execute::events(&self.inner.feeds, subscription)
                .await
                .map_err(|error| Refused::executed(vec![error]))?;
            summary.position = Some(position);
            return Ok(Outcome::Stream(events, summary));
        }
        let Variant { operation, plan } = variant;
        if let (Some(format), Some(_)) = (format, &plan.deferral) {
            let work = Incremental {
                snapshot,
                plan,
                operation,
                variables,
                context,
                format,
            };
            return Ok(in_pieces(work, summary).await);
        }
        let mut run = Run::new(&plan, &snapshot.subgraphs, &variables, Arc::clone(&context));
        run.all(None).await;
        let Run { store, errors, .. } = run;
        let source = Source {
            plan: &plan,
            operation: &operation,
            schema,
            store: &store,
            variables: &variables,
        };
        let (body, errors) = execute::response(&source, errors, &context.request_id);
        summary.errors = errors;
        Ok(Outcome::Single(ClientResponse {
            body,
            status: ResponseStatus::Executed,
            summary,
        }))
    }

    fn check_introspection(
        &self,
        document: &Document,
        operation: &Operation,
    ) -> Result<(), Refused> {
        if self.config().introspection.enabled || !document.introspects(operation) {
            return Ok(());
        }
        let error = GraphqlError::new("Introspection is switched off.")
            .with_code(code::INTROSPECTION_DISABLED);
        Err(Refused::request(vec![error]))
    }
}

/// A request that did not run.
pub(crate) struct Refused {
    errors: Vec<GraphqlError>,
    status: ResponseStatus,
}

impl Refused {
    pub(crate) fn request(errors: Vec<GraphqlError>) -> Self {
        Self {
            errors,
            status: ResponseStatus::Refused,
        }
    }

    fn failed(error: GraphqlError) -> Self {
        let status = match error.code() {
            Some(code::OPERATION_TOO_LARGE) => ResponseStatus::Refused,
            _ => ResponseStatus::Failed,
        };
        Self {
            errors: vec![error],
            status,
        }
    }

    fn executed(errors: Vec<GraphqlError>) -> Self {
        Self {
            errors,
            status: ResponseStatus::Executed,
        }
    }

    fn bad(message: String) -> Self {
        let error = GraphqlError::new(message).with_code(code::BAD_REQUEST);
        Self {
            errors: vec![error],
            status: ResponseStatus::BadRequest,
        }
    }

    fn no_query() -> Self {
        Self::bad("The request has no \"query\".".into())
    }
}

fn refuse(errors: &[GraphqlError], status: ResponseStatus, request_id: &str) -> Outcome {
    let summary = Summary {
        errors: errors.len(),
        ..Summary::default()
    };
    Outcome::Single(ClientResponse {
        body: execute::refusal(errors, request_id),
        status,
        summary,
    })
}

/// Answers in pieces, once the first one is there.
async fn in_pieces(work: Incremental, mut summary: Summary) -> Outcome {
    let request_id = Arc::clone(&work.context.request_id);
    let mut messages = work.messages();
    let single = |body, status, summary| {
        Outcome::Single(ClientResponse {
            body,
            status,
            summary,
        })
    };
    match messages.next().await {
        Some(Message::Whole(body, errors)) => {
            summary.errors = errors;
            single(body, ResponseStatus::Executed, summary)
        }
        Some(Message::First(body, errors)) => {
            summary.errors = errors;
            let first = futures::stream::once(std::future::ready(body));
            let rest = messages.map(Message::into_bytes);
            Outcome::Incremental(first.chain(rest).boxed(), summary)
        }
        Some(Message::Next(_) | Message::Failed(_)) | None => {
            let error = GraphqlError::new("Something went wrong inside of the router.")
                .with_code(code::INTERNAL);
            refuse(&[error], ResponseStatus::Failed, &request_id)
        }
    }
}

pub(crate) fn choose<'a>(
    document: &'a Document,
    name: Option<&str>,
) -> Result<(usize, &'a Operation), Refused> {
    let bad = Refused::bad;
    match name.filter(|name| !name.is_empty()) {
        Some(name) => document
            .operations
            .iter()
            .enumerate()
            .find(|(_, operation)| operation.name.as_deref() == Some(name))
            .ok_or_else(|| bad(format!("The document has no operation named \"{name}\"."))),
        None => match document.operations.as_slice() {
            [only] => Ok((0, only)),
            [] => Err(bad("The document has no operation.".into())),
            _ => Err(bad(
                "Say which operation to run: \"operationName\" is missing.".into(),
            )),
        },
    }
}

fn check_transport(operation: &Operation, accepts: Accepts) -> Result<(), Refused> {
    let refused = |message: &str, status| {
        Err(Refused {
            errors: vec![GraphqlError::new(message).with_code(code::BAD_REQUEST)],
            status,
        })
    };
    match (operation.kind, accepts) {
        (Kind::Query, _)
        | (Kind::Mutation, Accepts::Single | Accepts::Everything)
        | (Kind::Subscription, Accepts::QueriesAndStreams | Accepts::Everything) => Ok(()),
        (Kind::Mutation, Accepts::Queries | Accepts::QueriesAndStreams) => refused(
            "Mutations are not taken by GET; use POST.",
            ResponseStatus::MethodNotAllowed,
        ),
        (Kind::Subscription, _) => refused(
            "Subscriptions need a WebSocket, or \"Accept: text/event-stream\".",
            ResponseStatus::NotAcceptable,
        ),
    }
}
