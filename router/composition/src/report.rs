//! Collects errors, up to a bound.

use crate::error::{CompositionError, CompositionErrors, ErrorCode, SubgraphLocation};
use crate::subgraph::Subgraph;
use crate::syntax::Pos;

/// More errors than this say nothing new.
const MOST_ERRORS: usize = 1000;

/// The errors found so far.
#[derive(Default)]
pub(crate) struct Report {
    errors: Vec<CompositionError>,
}

impl Report {
    /// Adds an error with its places.
    pub(crate) fn add(
        &mut self,
        code: ErrorCode,
        message: impl Into<String>,
        locations: Vec<SubgraphLocation>,
    ) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(CompositionError {
                code,
                message: message.into(),
                locations,
            });
        }
    }

    /// Adds an error at one place of one subgraph.
    pub(crate) fn at(
        &mut self,
        subgraph: &Subgraph<'_>,
        pos: Pos,
        code: ErrorCode,
        message: impl Into<String>,
    ) {
        if self.errors.len() < MOST_ERRORS {
            self.add(code, message, vec![subgraph.location(pos)]);
        }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors, if there are any.
    pub(crate) fn result(self) -> Result<(), CompositionErrors> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(CompositionErrors(self.errors))
        }
    }
}
