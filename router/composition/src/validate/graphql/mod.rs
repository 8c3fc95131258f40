//! Whether a subgraph is a valid GraphQL schema.

mod directives;
mod inputs;
mod interfaces;
mod types;
mod unique;
pub(super) mod values;

use crate::error::ErrorCode;
use crate::report::Report;
use crate::subgraph::Subgraph;
use crate::syntax::Pos;

/// Checks the rules of GraphQL's type system.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    unique::check(subgraph, report);
    directives::check(subgraph, report);
    types::check(subgraph, report);
    interfaces::check(subgraph, report);
    inputs::check(subgraph, report);
}

fn invalid(subgraph: &Subgraph<'_>, pos: Pos, message: impl Into<String>, report: &mut Report) {
    report.at(subgraph, pos, ErrorCode::InvalidGraphql, message);
}
