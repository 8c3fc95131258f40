//! Subscriptions: each event of the subgraph runs the rest of the plan.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::feed::{Feeds, Item, Joining, Seat, broken};
use super::store::Store;
use super::upstream::Source as UpstreamSource;
use super::{Run, Source, refusal, response};
use crate::error::GraphqlError;
use crate::operation::{PreparedOperation, resume};
use crate::plan::{Denial, OperationPlan, ValueProjection, Variants};
use crate::snapshot::{Snapshot, Subgraphs};
use crate::subgraph::{RequestContext, SubgraphError, SubgraphResponse};
use crate::supergraph::Supergraph;

/// How far a subscriber has come. Its stream moves it with each answer it gives.
#[derive(Debug, Clone)]
pub struct Position(Arc<Mutex<Place>>);

#[derive(Debug)]
struct Place {
    argument: Option<String>,
    cursor: Option<Arc<Value>>,
    too_slow: bool,
}

impl Position {
    fn new(argument: Option<String>, cursor: Option<Arc<Value>>) -> Self {
        Self(Arc::new(Mutex::new(Place {
            argument,
            cursor,
            too_slow: false,
        })))
    }

    /// Cursor of the last answer, if the subscription can be continued.
    pub(crate) fn cursor(&self) -> Option<Arc<Value>> {
        self.0.lock().cursor.clone()
    }

    /// True when the stream ended because it was read too slowly.
    pub(crate) fn is_too_slow(&self) -> bool {
        self.0.lock().too_slow
    }

    /// What tells a client how to continue behind `cursor`.
    pub(crate) fn resume(&self, cursor: Option<&Value>) -> Option<Value> {
        let argument = self.0.lock().argument.clone()?;
        Some(serde_json::json!({"arg": argument, "cursor": cursor?}))
    }
}

/// A subscription of a client, about to be started.
pub(crate) struct Subscription {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) plan: Arc<OperationPlan>,
    pub(crate) operation: Arc<PreparedOperation>,
    pub(crate) variables: Map<String, Value>,
    pub(crate) context: Arc<RequestContext>,
    /// Where the client's transport says it wants to continue, instead of the argument.
    pub(crate) after: Option<Value>,
}

/// Starts a subscription and gives its answers, one per event.
///
/// # Errors
/// When the subgraph refuses or cannot be reached.
pub(crate) async fn events(
    feeds: &Feeds,
    subscription: Subscription,
) -> Result<(BoxStream<'static, Bytes>, Position), GraphqlError> {
    let Subscription {
        snapshot,
        plan,
        operation,
        variables,
        context,
        after,
    } = subscription;
    let Some(at) = plan.subscription else {
        return Err(nothing_to_see(&plan));
    };
    let resumption = operation.resumption.as_ref();
    let argument = resumption.map(|resumption| resumption.argument.clone());
    let start = resumption.and_then(|r| after.or_else(|| r.start(&variables)));
    let hot_fields = &snapshot.config.subscriptions.hot_fields;
    let field = operation.to_plan.as_ref().and_then(resume::root_field);
    let hot = field.is_some_and(|field| hot_fields.contains(&field.name));
    let source = UpstreamSource::new(&plan.fetches[at], &variables, resumption);
    let subgraph = Arc::clone(&source.subgraph);
    let view = View {
        supergraph: Arc::clone(&snapshot.supergraph),
        plan,
        operation,
        variables,
        at,
    };
    let mut seat = feeds.join(Joining {
        view: Arc::new(view),
        source,
        context,
        start,
        hot,
        snapshot,
    });
    match seat.items.recv().await {
        Some(Item::Started) => {}
        Some(Item::Refused(error)) => return Err(error),
        Some(Item::Answer(..) | Item::TooSlow) | None => return Err(broken(&subgraph)),
    }
    let position = Position::new(argument, seat.cursor.clone());
    Ok((answers(seat, position.clone()), position))
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

fn answers(seat: Seat, position: Position) -> BoxStream<'static, Bytes> {
    futures::stream::unfold((seat, position), |(mut seat, position)| async move {
        match seat.items.recv().await? {
            Item::Answer(body, cursor) => {
                if cursor.is_some() {
                    position.0.lock().cursor = cursor;
                }
                Some((body, (seat, position)))
            }
            Item::TooSlow => {
                position.0.lock().too_slow = true;
                None
            }
            Item::Started | Item::Refused(_) => None,
        }
    })
    .boxed()
}

/// A client operation that follows events.
pub(super) struct View {
    supergraph: Arc<Supergraph>,
    plan: Arc<OperationPlan>,
    operation: Arc<PreparedOperation>,
    variables: Map<String, Value>,
    /// Position of the subscription's fetch in the plan.
    at: usize,
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
    /// True when both make the same of each event, for the same caller.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || Arc::ptr_eq(&self.plan, &other.plan)
                && Arc::ptr_eq(&self.supergraph, &other.supergraph)
                && self.variables == other.variables
    }

    fn write(&self, store: &Store, errors: Vec<GraphqlError>, request_id: &str) -> (Bytes, usize) {
        let source = Source {
            plan: &self.plan,
            operation: &self.operation,
            schema: &self.supergraph.schema,
            store,
            variables: &self.variables,
        };
        response(&source, errors, request_id)
    }

    /// Runs the rest of the plan on an event.
    pub(super) async fn answer(
        &self,
        event: SubgraphResponse,
        subgraphs: &Subgraphs,
        context: &Arc<RequestContext>,
    ) -> Answer {
        let mut run = Run::new(&self.plan, subgraphs, &self.variables, Arc::clone(context));
        run.take(&self.plan.fetches[self.at], &[], Ok(event));
        run.all(Some(self.at)).await;
        let Run { store, errors, .. } = run;
        if !errors.is_empty() {
            return Answer::WithErrors(store, errors);
        }
        // Writing may find nulls in forbidden places.
        match self.write(&store, Vec::new(), &context.request_id) {
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
