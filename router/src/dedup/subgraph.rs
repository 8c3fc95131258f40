//! Identical queries to one subgraph.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::{Epoch, Flights, same_headers};
use crate::identity::same_caller;
use crate::operation::Kind;
use crate::subgraph::{
    RequestContext, SdlError, SubgraphClient, SubgraphError, SubgraphOperation, SubgraphRequest,
    SubgraphResponse,
};

type Answer = Result<SubgraphResponse, SubgraphError>;

/// A subgraph that is asked the same thing once, however many ask at the same time.
pub(crate) struct Deduplicated {
    inner: Arc<dyn SubgraphClient>,
    flights: Flights<Key, Answer>,
    epoch: Epoch,
}

struct Key {
    operation: Arc<SubgraphOperation>,
    variables: Bytes,
    context: Arc<RequestContext>,
    epoch: u64,
}

impl Deduplicated {
    pub(crate) fn new(inner: Arc<dyn SubgraphClient>, epoch: Epoch) -> Self {
        Self {
            inner,
            flights: Flights::default(),
            epoch,
        }
    }
}

/// True when the subgraph would answer both the same.
pub(crate) fn same_request(
    operation: (&Arc<SubgraphOperation>, &Arc<SubgraphOperation>),
    context: (&Arc<RequestContext>, &Arc<RequestContext>),
) -> bool {
    let (a, b) = operation;
    (Arc::ptr_eq(a, b) || a.text() == b.text())
        && (Arc::ptr_eq(context.0, context.1)
            || same_caller(&context.0.caller, &context.1.caller)
                && same_headers(&context.0.headers, &context.1.headers))
}

#[async_trait]
impl SubgraphClient for Deduplicated {
    async fn execute(&self, request: SubgraphRequest) -> Answer {
        if request.operation.kind() != Kind::Query {
            let _changes = self.epoch.mutation();
            return self.inner.execute(request).await;
        }
        let epoch = self.epoch.now();
        let hash = self.flights.hash((
            request.operation.text_hash(),
            &*request.variables,
            request.context.caller.fingerprint,
            epoch,
        ));
        let key = Key {
            operation: Arc::clone(&request.operation),
            variables: request.variables.clone(),
            context: Arc::clone(&request.context),
            epoch,
        };
        let (operation, variables, context) = (
            Arc::clone(&key.operation),
            key.variables.clone(),
            Arc::clone(&key.context),
        );
        let same = |known: &Key| {
            known.epoch == epoch
                && known.variables == variables
                && same_request((&known.operation, &operation), (&known.context, &context))
        };
        self.flights
            .join(hash, same, || key, || self.inner.execute(request))
            .await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Answer>, SubgraphError> {
        self.inner.subscribe(request).await
    }

    async fn sdl(&self, context: Arc<RequestContext>) -> Result<String, SdlError> {
        self.inner.sdl(context).await
    }
}
