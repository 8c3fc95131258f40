//! The planner crate behind our own types. Nothing outside this module names it.

mod choices;
mod convert;
mod cost;
mod pinned;
mod unions;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use graphql_tools::static_graphql::query;
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::ast::operation::OperationDefinition;
use hive_router_query_planner::graph::PlannerOverrideContext;
use hive_router_query_planner::planner::{PlannerError, QueryPlannerOptions};
use hive_router_query_planner::utils::cancellation::{CancellationError, CancellationToken};
use hive_router_query_planner::utils::parsing::safe_parse_schema;

use super::PlanError;
use super::tree::Tree;
use crate::supergraph::SupergraphError;
use unions::PartialUnions;

/// The query planner of one supergraph.
pub(crate) struct Planner {
    inner: hive_router_query_planner::planner::Planner,
    /// Set when some field's union differs between the subgraphs of the field.
    unions: Option<PartialUnions>,
}

impl Planner {
    pub(crate) fn new(sdl: &str) -> Result<Self, SupergraphError> {
        // The crate panics on some documents it cannot read.
        let built = catch_unwind(AssertUnwindSafe(|| {
            let mut document = safe_parse_schema(sdl)
                .map_err(|error| SupergraphError::Syntax(error.to_string()))?;
            let unions = PartialUnions::pin_fields(&mut document);
            let inner = hive_router_query_planner::planner::Planner::new_from_supergraph(
                &document,
                QueryPlannerOptions::default(),
            )
            .map_err(|error| SupergraphError::Planner(error.to_string()))?;
            Ok(Self { inner, unions })
        }));
        built.unwrap_or_else(|_| {
            Err(SupergraphError::Planner(
                "it panicked on this document".into(),
            ))
        })
    }

    /// Plans a document that holds exactly one operation without conditions.
    pub(crate) fn plan(
        &self,
        document: &query::Document,
        timeout: Duration,
    ) -> Result<Tree, PlanError> {
        let deadline = Instant::now() + timeout;
        let normalized = catch_unwind(AssertUnwindSafe(|| {
            normalize_operation(&self.inner.supergraph, document, None)
                .map_err(|error| PlanError::Refused(error.to_string()))
        }));
        let operation = normalized.map_err(|_| PlanError::Panicked)??.operation;
        match &self.unions {
            Some(unions) => self.plan_pinned(unions, &operation, deadline),
            None => self.plan_as_is(&operation, deadline),
        }
    }

    fn plan_as_is(
        &self,
        operation: &OperationDefinition,
        deadline: Instant,
    ) -> Result<Tree, PlanError> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let planned = catch_unwind(AssertUnwindSafe(|| {
            self.inner
                .plan_from_normalized_operation(
                    operation,
                    PlannerOverrideContext::default(),
                    &CancellationToken::with_timeout(timeout),
                )
                .map_err(plan_error)
        }));
        let plan = planned.map_err(|_| PlanError::Panicked)??;
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
