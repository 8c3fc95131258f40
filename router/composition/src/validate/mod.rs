//! What is checked: each subgraph by itself, then all of them merged.

mod context;
mod cost;
mod definitions;
mod external_leaves;
mod federation;
mod federation_one;
mod field_sets;
mod graphql;
mod selections;
pub(crate) mod supergraph;

use crate::report::Report;
use crate::subgraph::Subgraph;

/// Checks one subgraph and completes it with its field sets.
pub(crate) fn check(subgraph: &mut Subgraph<'_>, report: &mut Report) {
    definitions::check(subgraph, report);
    graphql::check(subgraph, report);
    field_sets::check(subgraph, report);
    federation::check(subgraph, report);
    cost::check(subgraph, report);
    context::check(subgraph, report);
}
