//! Checks of the merged types.

use crate::merge::Supergraph;
use crate::report::Report;

/// Checks what only the merged types show.
pub(crate) fn check(_supergraph: &Supergraph<'_>, _report: &mut Report) {}
