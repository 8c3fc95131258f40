//! What is checked: each subgraph by itself, then all of them merged.

pub(crate) mod context;
mod external_leaves;
mod federation_one;
mod field_sets;
pub(crate) mod supergraph;

use crate::report::Report;
use crate::subgraph::Subgraph;

/// Checks one subgraph and completes it with its field sets.
pub(crate) fn check(subgraph: &mut Subgraph<'_>, report: &mut Report) {
    field_sets::check(subgraph, report);
}
