//! Subscriptions: each event of the subgraph runs the rest of the plan.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use super::{Run, Source, refusal, response};
use crate::error::GraphqlError;
use crate::operation::PreparedOperation;
use crate::plan::OperationPlan;
use crate::snapshot::Snapshot;
use crate::subgraph::{RequestContext, SubgraphError, SubgraphResponse};

/// Everything one subscription needs for each of its events.
struct Subscription {
    snapshot: Arc<Snapshot>,
    plan: Arc<OperationPlan>,
    operation: Arc<PreparedOperation>,
    variables: Map<String, Value>,
    context: Arc<RequestContext>,
}

/// Starts a subscription and gives its answers, one per event.
///
/// # Errors
/// When the subgraph refuses or cannot be reached.
pub(crate) async fn events(
    snapshot: Arc<Snapshot>,
    plan: Arc<OperationPlan>,
    operation: Arc<PreparedOperation>,
    variables: Map<String, Value>,
    context: Arc<RequestContext>,
) -> Result<BoxStream<'static, Bytes>, GraphqlError> {
    let subscription = Subscription {
        snapshot,
        plan,
        operation,
        variables,
        context,
    };
    let Some(at) = subscription.plan.subscription else {
        return Err(
            GraphqlError::new("The subscription selects nothing you may see.")
                .with_code(crate::error::code::FORBIDDEN),
        );
    };
    let upstream = subscription.start(at).await?;
    let subscription = Arc::new(subscription);
    // One event at a time: the client sees them in the subgraph's order.
    let events = upstream.then(move |event| {
        let subscription = Arc::clone(&subscription);
        async move { subscription.answer(at, event).await }
    });
    Ok(events.boxed())
}

type Upstream = BoxStream<'static, Result<SubgraphResponse, SubgraphError>>;

impl Subscription {
    async fn start(&self, at: usize) -> Result<Upstream, GraphqlError> {
        let fetch = &self.plan.fetches[at];
        let run = self.run();
        let failed = |error: &SubgraphError| {
            GraphqlError::new(error.public_message())
                .with_code(error.code())
                .with("service", &*fetch.subgraph)
        };
        let client = self.snapshot.subgraphs.get(&fetch.subgraph);
        let (Some((request, _)), Some(client)) = (run.request(fetch), client) else {
            return Err(failed(&SubgraphError::Unavailable(
                "no client for it".into(),
            )));
        };
        client.subscribe(request).await.map_err(|error| {
            tracing::warn!(
                target: "atelier_router::fetch",
                subgraph = %fetch.subgraph,
                request.id = %self.context.request_id,
                code = error.code(),
                detail = %error,
                "subscription could not be started"
            );
            failed(&error)
        })
    }

    fn run(&self) -> Run<'_> {
        Run::new(
            &self.plan,
            &self.snapshot.subgraphs,
            &self.variables,
            Arc::clone(&self.context),
        )
    }

    async fn answer(&self, at: usize, event: Result<SubgraphResponse, SubgraphError>) -> Bytes {
        let fetch = &self.plan.fetches[at];
        let mut run = self.run();
        if let Err(error) = &event {
            run.fail(fetch, error);
            return refusal(&run.errors, &self.context.request_id);
        }
        run.take(fetch, &[], event);
        run.all(Some(at)).await;
        let Run { store, errors, .. } = run;
        let source = Source {
            plan: &self.plan,
            operation: &self.operation,
            schema: &self.snapshot.supergraph.schema,
            store: &store,
            variables: &self.variables,
        };
        response(&source, errors, &self.context.request_id).0
    }
}
