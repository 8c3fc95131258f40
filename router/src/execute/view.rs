//! A client's subscription as it follows events: the rest of its plan, and what
//! becomes of it when another supergraph is served.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::source::Source as Subscribed;
use super::store::Store;
use super::{Ceiling, Run, Source, refusal, response};
use crate::cache_usage::Owner;
use crate::error::{GraphqlError, code};
use crate::identity::Caller;
use crate::operation::authorize::Decisions;
use crate::operation::{PreparedOperation, variables};
use crate::plan::{Denial, OperationPlan, ValueProjection, Variants};
use crate::snapshot::{Snapshot, Subgraphs, Variant};
use crate::subgraph::{RequestContext, SubgraphError, SubgraphResponse};
use crate::supergraph::Supergraph;

/// See the module.
pub(super) struct View {
    supergraph: Arc<Supergraph>,
    /// Where the rest of each event is fetched.
    subgraphs: Arc<Subgraphs>,
    /// Of the newest snapshot the operation was held against.
    generation: u64,
    plan: Arc<OperationPlan>,
    operation: Arc<PreparedOperation>,
    variables: Map<String, Value>,
    /// Position of the subscription's fetch in the plan.
    at: usize,
    /// Bytes of an event.
    limit: usize,
}

/// What another supergraph makes of a view.
pub(super) enum Replanned {
    /// It follows these events by its new plan.
    Changed(Arc<View>, Arc<Subscribed>),
    /// There is no new plan; it keeps the old one.
    Kept,
    /// It may not or cannot go on.
    Ended(GraphqlError),
}

/// What a view makes of an event.
pub(super) enum Answer {
    /// The same bytes for everybody.
    Shared(Bytes),
    /// Errors carry the id of each request, so it is written for each.
    WithErrors(Store, Vec<GraphqlError>),
}

impl Answer {
    pub(super) fn body(&self, view: &View, request_id: &str) -> Bytes {
        match self {
            Self::Shared(body) => body.clone(),
            Self::WithErrors(store, errors) => view.write(store, errors.clone(), request_id).0,
        }
    }
}

impl View {
    /// A view, and what it follows.
    ///
    /// # Errors
    /// When nothing is left of the operation to ask a subgraph for.
    pub(super) fn new(
        snapshot: &Snapshot,
        variant: Variant,
        variables: Map<String, Value>,
    ) -> Result<(Self, Subscribed), GraphqlError> {
        let Variant { operation, plan } = variant;
        let Some(at) = plan.subscription else {
            return Err(nothing_to_see(&plan));
        };
        let source = Subscribed::new(&plan.fetches[at], &variables, operation.resumption.as_ref());
        let view = Self {
            supergraph: Arc::clone(&snapshot.supergraph),
            subgraphs: Arc::clone(&snapshot.subgraphs),
            generation: snapshot.generation,
            plan,
            operation,
            variables,
            at,
            limit: snapshot.config.limits.max_response_bytes,
        };
        Ok((view, source))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn subgraphs(&self) -> &Subgraphs {
        &self.subgraphs
    }

    pub(super) fn variables(&self) -> &Map<String, Value> {
        &self.variables
    }

    pub(super) fn operation(&self) -> &Arc<PreparedOperation> {
        &self.operation
    }

    /// True when both make the same of each event, for the same caller.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || Arc::ptr_eq(&self.plan, &other.plan)
                && Arc::ptr_eq(&self.supergraph, &other.supergraph)
                && self.variables == other.variables
    }

    /// Holds the operation against another supergraph, as if it were asked anew.
    /// Documents and plans are kept by the snapshot, so each distinct operation is
    /// validated and planned once, however many follow it.
    pub(super) async fn replanned(&self, snapshot: &Snapshot, caller: &Caller) -> Replanned {
        let document = &self.operation.document;
        let Some(text) = &document.text else {
            return Replanned::Kept;
        };
        let entry = match snapshot.document(text, Owner::default()).await {
            Ok(entry) => entry,
            Err(errors) => return Replanned::Ended(outdated(&errors)),
        };
        let index = self.operation.index;
        let operation = &entry.document.operations[index];
        let schema = &snapshot.supergraph.schema;
        let variables = match variables::coerce(schema, operation, self.variables.clone()) {
            Ok(variables) => variables,
            Err(errors) => return Replanned::Ended(outdated(&errors)),
        };
        let conditions = variables::conditions(operation, &variables);
        let decisions = Decisions::new(&operation.rules, caller);
        let planned = snapshot
            .variant(text, &entry, index, conditions, decisions, None)
            .await;
        // It is the router's fault that there is no plan, so the client hears nothing of it.
        let Ok(variant) = planned else {
            return Replanned::Kept;
        };
        match Self::new(snapshot, variant, variables) {
            Ok((view, source)) => Replanned::Changed(Arc::new(view), Arc::new(source)),
            Err(error) => Replanned::Ended(error),
        }
    }

    /// The same plan, with subgraphs where they are now, unless one is needed that
    /// is no longer there.
    pub(super) fn moved(&self, snapshot: &Snapshot) -> Self {
        let mut fetches = self.plan.fetches.iter();
        let all = fetches.all(|fetch| snapshot.subgraphs.contains_key(&fetch.subgraph));
        Self {
            supergraph: Arc::clone(&self.supergraph),
            subgraphs: match all {
                true => Arc::clone(&snapshot.subgraphs),
                false => Arc::clone(&self.subgraphs),
            },
            generation: snapshot.generation,
            plan: Arc::clone(&self.plan),
            operation: Arc::clone(&self.operation),
            variables: self.variables.clone(),
            at: self.at,
            limit: self.limit,
        }
    }

    fn write(&self, store: &Store, errors: Vec<GraphqlError>, request_id: &str) -> (Bytes, usize) {
        let source = Source {
            plan: &self.plan,
            operation: &self.operation,
            schema: &self.supergraph.schema,
            store,
            variables: &self.variables,
            ceiling: Ceiling {
                limit: self.limit,
                // One event is written for all who follow it.
                free: usize::MAX,
            },
        };
        response(&source, errors, request_id)
    }

    /// Runs the rest of the plan on an event.
    pub(super) async fn answer(
        &self,
        event: SubgraphResponse,
        context: &Arc<RequestContext>,
    ) -> Answer {
        let context = Arc::clone(context);
        let mut run = Run::new(&self.plan, &self.subgraphs, &self.variables, context);
        run.take(&self.plan.fetches[self.at], &[], Ok(event));
        run.all(Some(self.at)).await;
        let Run { store, errors, .. } = run;
        if !errors.is_empty() {
            return Answer::WithErrors(store, errors);
        }
        // Writing may find nulls in forbidden places.
        match self.write(&store, Vec::new(), "") {
            (body, 0) => Answer::Shared(body),
            _ => Answer::WithErrors(store, errors),
        }
    }

    /// The answer when the subgraph is lost.
    pub(super) fn failure(&self, error: &SubgraphError, request_id: &Arc<str>) -> Bytes {
        let none = Subgraphs::new();
        let context = RequestContext::new(Arc::clone(request_id), Arc::default());
        let mut run = Run::new(&self.plan, &none, &self.variables, Arc::new(context));
        run.fail(&self.plan.fetches[self.at], error);
        refusal(&run.errors, request_id)
    }
}

/// The end of a subscription that another schema has no room for.
fn outdated(errors: &[GraphqlError]) -> GraphqlError {
    let why = errors.first().map_or("", |error| error.message.as_str());
    GraphqlError::new(format!(
        "The API has changed and this subscription is not part of it any more: {why}"
    ))
    .with_code(code::SCHEMA_CHANGED)
}

/// The refusal of a subscription of which nothing is left to ask a subgraph for.
fn nothing_to_see(plan: &OperationPlan) -> GraphqlError {
    let projection = &plan.projection;
    let fields = match projection.objects.get(projection.root) {
        Some(Variants::One(list)) => projection.lists[*list].fields.as_slice(),
        Some(Variants::ByType { .. }) | None => &[],
    };
    let denial = fields.iter().find_map(|field| match field.value {
        ValueProjection::Denied(denial) => Some(denial),
        _ => None,
    });
    let denial = denial.unwrap_or(Denial::Forbidden);
    GraphqlError::new(denial.message()).with_code(denial.code())
}
