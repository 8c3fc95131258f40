//! The planner crate behind our own types. Nothing outside this module names it.

mod choices;
mod convert;
mod cost;
mod lifted;
mod pinned;
mod provides;
mod requires;
mod single_source;
mod soundness;
mod unions;
mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use graphql_tools::static_graphql::{query, schema};
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::ast::operation::OperationDefinition;
use hive_router_query_planner::graph::PlannerOverrideContext;
use hive_router_query_planner::planner::{PlannerError, QueryPlannerOptions};
use hive_router_query_planner::utils::cancellation::{CancellationError, CancellationToken};
use hive_router_query_planner::utils::parsing::safe_parse_schema;

use super::PlanError;
use super::tree::Tree;
use crate::schema::SupergraphError;
use requires::KeyedRequires;
use soundness::Soundness;
use unions::PartialUnions;

/// The query planner of one supergraph.
pub(crate) struct Planner {
    /// The supergraph as it is written.
    sdl: Arc<str>,
    soundness: Soundness,
    /// Without provided fields that would be mixed up.
    first: Reading,
    /// Others are made when those before them give up for the first time.
    others: [OnceLock<Option<Reading>>; OTHERS.len()],
}

/// Another way to put a supergraph to the planner crate.
#[derive(Clone, Copy)]
enum Writing {
    /// Requirements are keys.
    RequiresAsKeys,
    /// Like it, and a subgraph is chosen where what implements an interface differs.
    InterfacesPinned,
    /// Requirements are keys, and composite fields of entities come from one subgraph.
    SingleSource,
    /// With all that is provided.
    AsItIs,
}

/// What is tried when the first reading gives up.
const OTHERS: [Writing; 4] = [
    Writing::RequiresAsKeys,
    Writing::InterfacesPinned,
    Writing::SingleSource,
    Writing::AsItIs,
];

/// A supergraph as the planner crate has read it.
struct Reading {
    inner: hive_router_query_planner::planner::Planner,
    /// Set when some field's union differs between the subgraphs of the field.
    unions: Option<PartialUnions>,
    /// Some subgraph has an interface as an object.
    lifts: bool,
    /// Set when requirements are keys.
    requires: Option<KeyedRequires>,
}

impl Planner {
    pub(crate) fn new(sdl: &Arc<str>) -> Result<Self, SupergraphError> {
        guarded(|| {
            let mut document = parsed(sdl)?;
            let soundness = Soundness::read(&document);
            provides::keep_apart(&mut document);
            Ok(Self {
                sdl: Arc::clone(sdl),
                soundness,
                first: Reading::new(document, None, false)?,
                others: Default::default(),
            })
        })
    }

    /// Plans a document that holds exactly one operation without conditions.
    pub(crate) fn plan(
        &self,
        document: &query::Document,
        timeout: Duration,
    ) -> Result<Tree, PlanError> {
        let deadline = Instant::now() + timeout;
        let first = self.first.plan(document, deadline);
        if self.is_final(&self.first, &first) {
            return first;
        }
        for (at, writing) in OTHERS.into_iter().enumerate() {
            let Some(reading) = self.others[at].get_or_init(|| self.read(writing)) else {
                continue;
            };
            let planned = reading.plan(document, deadline);
            if self.is_final(reading, &planned) {
                return planned;
            }
        }
        first
    }

    fn is_final(&self, reading: &Reading, planned: &Result<Tree, PlanError>) -> bool {
        match planned {
            Ok(tree) => self.soundness.holds(&reading.inner.supergraph, tree),
            Err(PlanError::Timeout) => true,
            Err(PlanError::Refused(_) | PlanError::Panicked) => false,
        }
    }

    /// Nothing, when this writing is the same as the first.
    fn read(&self, writing: Writing) -> Option<Reading> {
        let read = guarded(|| {
            let mut document = parsed(&self.sdl)?;
            if matches!(writing, Writing::AsItIs) {
                let differs = provides::keep_apart(&mut document.clone());
                let reading = differs.then(|| Reading::new(document, None, false));
                return reading.transpose();
            }
            provides::keep_apart(&mut document);
            if matches!(writing, Writing::SingleSource) {
                single_source::leave_to_one(&mut document);
            }
            let requires = KeyedRequires::rewrite(&mut document);
            if requires.is_none() && matches!(writing, Writing::RequiresAsKeys) {
                return Ok(None);
            }
            let interfaces = matches!(writing, Writing::InterfacesPinned);
            Reading::new(document, requires, interfaces).map(Some)
        });
        read.unwrap_or_else(|error| {
            tracing::error!(target: "atelier_router::plan", detail = %error, "another writing");
            None
        })
    }
}

/// The crate panics on some documents it cannot read.
fn guarded<T>(read: impl FnOnce() -> Result<T, SupergraphError>) -> Result<T, SupergraphError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(SupergraphError::Planner(
            "it panicked on this document".into(),
        ))
    })
}

fn parsed(sdl: &str) -> Result<schema::Document, SupergraphError> {
    safe_parse_schema(sdl).map_err(|error| SupergraphError::Syntax(error.to_string()))
}

impl Reading {
    /// `interfaces`: a subgraph is chosen also where what implements one differs.
    fn new(
        mut document: schema::Document,
        requires: Option<KeyedRequires>,
        interfaces: bool,
    ) -> Result<Self, SupergraphError> {
        let unions = PartialUnions::pin_fields(&mut document, interfaces);
        let inner = hive_router_query_planner::planner::Planner::new_from_supergraph(
            &document,
            QueryPlannerOptions::default(),
        )
        .map_err(|error| SupergraphError::Planner(error.to_string()))?;
        Ok(Self {
            lifts: lifted::is_needed(&inner.supergraph),
            inner,
            unions,
            requires,
        })
    }

    fn plan(&self, document: &query::Document, deadline: Instant) -> Result<Tree, PlanError> {
        let normalized = catch_unwind(AssertUnwindSafe(|| {
            normalize_operation(&self.inner.supergraph, document, None)
                .map_err(|error| PlanError::Refused(error.to_string()))
        }));
        let mut operation = normalized.map_err(|_| PlanError::Panicked)??.operation;
        if self.lifts {
            let root = choices::root(&self.inner.supergraph, &operation);
            lifted::lift(&self.inner.supergraph, &mut operation.selection_set, root);
        }
        let mut tree = match &self.unions {
            Some(unions) => self.plan_pinned(unions, &operation, deadline),
            None => self.plan_as_is(&operation, deadline),
        }?;
        if let Some(requires) = &self.requires {
            requires.restore(&mut tree);
        }
        Ok(tree)
    }

    fn plan_as_is(
        &self,
        operation: &OperationDefinition,
        deadline: Instant,
    ) -> Result<Tree, PlanError> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let plan = watchdog::with_watchdog(deadline, || {
            self.inner
                .plan_from_normalized_operation(
                    operation,
                    PlannerOverrideContext::default(),
                    &CancellationToken::with_timeout(timeout),
                )
                .map_err(plan_error)
        })?;
        match plan.node {
            Some(node) => convert::convert(node),
            None => Ok(Tree::Sequence(Vec::new())),
        }
    }
}

fn plan_error(error: PlannerError) -> PlanError {
    match error {
        PlannerError::CancellationError(CancellationError::TimedOut) => PlanError::Timeout,
        other => PlanError::Refused(other.to_string()),
    }
}
