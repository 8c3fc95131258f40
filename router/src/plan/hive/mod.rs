//! The planner crate behind our own types. Nothing outside this module names it.

mod choices;
mod convert;
mod cost;
mod lifted;
mod one_way;
mod pinned;
mod provides;
mod requires;
mod soundness;
mod unions;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
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
use crate::supergraph::SupergraphError;
use requires::KeyedRequires;
use soundness::Soundness;
use unions::PartialUnions;

/// The query planner of one supergraph.
pub(crate) struct Planner {
    /// The supergraph as it is written.
    document: schema::Document,
    soundness: Soundness,
    first: Reading,
    /// Others are made when those before them give up for the first time.
    others: [OnceLock<Option<Reading>>; OTHERS.len()],
}

/// How a supergraph is put to the planner crate.
#[derive(Clone, Copy)]
enum Writing {
    /// Without provided fields that would be mixed up.
    ProvidesApart,
    /// Like it, and requirements are keys.
    RequiresAsKeys,
    /// Like both, and a subgraph is chosen where what implements an interface differs.
    InterfacesPinned,
    /// Like both, and composite fields of entities come from one subgraph.
    OneWay,
    AsItIs,
}

/// What is tried when the first writing gives up.
const OTHERS: [Writing; 4] = [
    Writing::RequiresAsKeys,
    Writing::InterfacesPinned,
    Writing::OneWay,
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
    pub(crate) fn new(sdl: &str) -> Result<Self, SupergraphError> {
        // The crate panics on some documents it cannot read.
        let parsed = catch_unwind(|| safe_parse_schema(sdl));
        let document = parsed
            .map_err(|_| SupergraphError::Planner("it panicked on this document".into()))?
            .map_err(|error| SupergraphError::Syntax(error.to_string()))?;
        let first = Reading::new(&document, Writing::ProvidesApart)?;
        Ok(Self {
            first: first.ok_or_else(|| SupergraphError::Planner("nothing to read".into()))?,
            soundness: Soundness::read(&document),
            document,
            others: Default::default(),
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

    fn read(&self, writing: Writing) -> Option<Reading> {
        let reading = Reading::new(&self.document, writing);
        reading.unwrap_or_else(|error| {
            tracing::error!(target: "atelier_router::plan", detail = %error, "another writing");
            None
        })
    }
}

impl Reading {
    /// Nothing, when this writing is the same as the one before.
    fn new(document: &schema::Document, writing: Writing) -> Result<Option<Self>, SupergraphError> {
        let built = catch_unwind(AssertUnwindSafe(|| {
            let mut written = document.clone();
            let apart = provides::keep_apart(&mut written);
            if matches!(writing, Writing::OneWay) {
                one_way::leave_to_one(&mut written);
            }
            let requires = match writing {
                Writing::ProvidesApart => None,
                Writing::RequiresAsKeys => match KeyedRequires::rewrite(&mut written) {
                    None => return Ok(None),
                    requires => requires,
                },
                Writing::InterfacesPinned | Writing::OneWay => KeyedRequires::rewrite(&mut written),
                Writing::AsItIs if !apart => return Ok(None),
                Writing::AsItIs => {
                    written = document.clone();
                    None
                }
            };
            let interfaces = matches!(writing, Writing::InterfacesPinned);
            let unions = PartialUnions::pin_fields(&mut written, interfaces);
            let inner = hive_router_query_planner::planner::Planner::new_from_supergraph(
                &written,
                QueryPlannerOptions::default(),
            )
            .map_err(|error| SupergraphError::Planner(error.to_string()))?;
            Ok(Some(Self {
                lifts: lifted::is_needed(&inner.supergraph),
                inner,
                unions,
                requires,
            }))
        }));
        built.unwrap_or_else(|_| {
            Err(SupergraphError::Planner(
                "it panicked on this document".into(),
            ))
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
        let plan = watch::watched(deadline, || {
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
