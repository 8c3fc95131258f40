//! Identical queries of clients: one is planned and run, all get its bytes.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::stages::choose;
use super::{Refused, Router};
use crate::cache_usage::Owner;
use crate::dedup::{Epoch, Flights, same_headers};
use crate::identity::{Caller, same_caller};
use crate::operation::Kind;
use crate::operation::document::Operation;
use crate::request::{
    Accepts, ClientRequest, ClientResponse, GraphqlParams, IncrementalFormat, Outcome,
};

/// Answers under way. `None` is an answer that others cannot have: one with
/// errors, which carry the id of their request, or a stream.
#[derive(Default)]
pub(crate) struct ClientFlights {
    flights: Flights<Key, Option<ClientResponse>>,
    epoch: Epoch,
}

struct Key {
    params: GraphqlParams,
    caller: Arc<Caller>,
    headers: HeaderMap,
    accepts: Accepts,
    incremental: Option<IncrementalFormat>,
    generation: u64,
    epoch: u64,
}

impl ClientFlights {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            flights: Flights::default(),
            epoch,
        }
    }
}

impl Key {
    fn is(&self, request: &ClientRequest, generation: u64, epoch: u64) -> bool {
        (self.generation, self.epoch, self.accepts) == (generation, epoch, request.accepts)
            && self.incremental == request.incremental
            && self.params.query == request.params.query
            && self.params.operation_name == request.params.operation_name
            && same_maps(&self.params.variables, &request.params.variables)
            && same_maps(&self.params.extensions, &request.params.extensions)
            && same_headers(&self.headers, &request.headers)
            && same_caller(&self.caller, &request.caller)
    }
}

/// No map is the same as an empty one.
fn same_maps(a: &Option<Map<String, Value>>, b: &Option<Map<String, Value>>) -> bool {
    let filled = |map: &Option<Map<String, Value>>| map.as_ref().is_some_and(|map| !map.is_empty());
    match (filled(a), filled(b)) {
        (false, false) => true,
        (true, true) => a == b,
        _ => false,
    }
}

impl Router {
    /// Runs the stages, or waits for an identical query that runs already.
    /// The caller is known here, so access rules hold for what is shared.
    pub(super) async fn shared_stages(
        &self,
        flights: &ClientFlights,
        request: ClientRequest,
    ) -> Result<Outcome, Refused> {
        let snapshot = self.snapshot();
        let Some(text) = request.params.query.as_deref() else {
            return self.stages(request).await;
        };
        let who = Owner::of(&request.caller, request.address);
        let entry = snapshot.document(text, who).await;
        let entry = entry.map_err(Refused::request)?;
        let chosen = choose(&entry.document, request.params.operation_name.as_deref());
        let in_pieces =
            |operation: &Operation| request.incremental.is_some() && operation.defers.possibly();
        match chosen.map(|(_, operation)| (operation.kind, in_pieces(operation))) {
            Ok((Kind::Query, false)) => {}
            // An answer in pieces is one client's own.
            Ok((Kind::Query, true)) => return self.stages(request).await,
            Ok((Kind::Mutation, _)) => {
                let _changes = flights.epoch.mutation();
                return self.stages(request).await;
            }
            Ok((Kind::Subscription, _)) | Err(_) => return self.stages(request).await,
        }
        let (generation, epoch) = (snapshot.generation, flights.epoch.now());
        let hash = flights.flights.hash((
            text,
            &request.params.operation_name,
            &request.params.variables,
            request.caller.fingerprint,
            epoch,
        ));
        self.join(flights, hash, request, generation, epoch).await
    }

    async fn join(
        &self,
        flights: &ClientFlights,
        hash: u64,
        request: ClientRequest,
        generation: u64,
        epoch: u64,
    ) -> Result<Outcome, Refused> {
        let mut own = None;
        let (asked, answered) = (&request, &mut own);
        let key = || Key {
            params: request.params.clone(),
            caller: Arc::clone(&request.caller),
            headers: request.headers.clone(),
            accepts: request.accepts,
            incremental: request.incremental,
            generation,
            epoch,
        };
        let work = || async move {
            let outcome = self.stages(asked.clone()).await;
            let shared = match &outcome {
                Ok(Outcome::Single(response)) if response.summary.errors == 0 => {
                    Some(response.clone())
                }
                _ => None,
            };
            *answered = Some(outcome);
            shared
        };
        let same = |known: &Key| known.is(&request, generation, epoch);
        let shared = flights.flights.join(hash, same, key, work).await;
        match (own, shared) {
            (Some(outcome), _) => outcome,
            (None, Some(response)) => {
                metrics::counter!("graphql_requests_shared_total").increment(1);
                Ok(Outcome::Single(response))
            }
            (None, None) => self.stages(request).await,
        }
    }
}
