//! Composition of federated GraphQL: subgraph schemas in, supergraph out.
//!
//! [`compose`] takes Federation 1 and 2 subgraph SDL and returns the supergraph
//! (join and link specifications, as Apollo's routers read it) and the API
//! schema clients see, or the errors with the codes of Federation's error
//! reference, each with subgraph, line and column. It never panics, and its
//! time and memory are bounded by the size of its input.
//!
//! [`contract`] narrows a supergraph by `@tag`; [`check::breaking_changes`]
//! compares two versions of a schema.
//!
//! ```
//! use atelier_composition::{SubgraphSdl, compose};
//!
//! let composed = compose(&[
//!     SubgraphSdl::new("users", "http://users", "type Query { me: String }"),
//!     SubgraphSdl::new("shop", "http://shop", "type Query { price: Int }"),
//! ])?;
//! assert!(composed.api_sdl.contains("me: String"));
//! # Ok::<(), atelier_composition::CompositionErrors>(())
//! ```

mod api;
pub mod check;
mod compose;
#[cfg(test)]
mod conformance;
mod contract;
mod error;
mod merge;
mod report;
mod satisfy;
mod spec;
mod subgraph;
// For the tools of this workspace; not part of the stable interface.
#[doc(hidden)]
pub mod syntax;
mod validate;

pub use error::{CompositionError, CompositionErrors, ErrorCode, Hint, HintCode, SubgraphLocation};

/// A subgraph as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubgraphSdl {
    /// Its name: unique, not empty, not `_`.
    pub name: String,
    /// Where the router reaches it; may be empty.
    pub url: String,
    /// Its schema.
    pub sdl: String,
}

impl SubgraphSdl {
    /// A subgraph from its parts.
    pub fn new(name: impl Into<String>, url: impl Into<String>, sdl: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            sdl: sdl.into(),
        }
    }
}

/// A successful composition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The supergraph for the router.
    pub supergraph_sdl: String,
    /// The schema for clients: no federation machinery, nothing inaccessible.
    pub api_sdl: String,
    /// Inconsistencies that do not prevent composition.
    pub hints: Vec<Hint>,
}

/// Composes subgraphs into a supergraph.
///
/// The order of the subgraphs does not matter, and the same subgraphs always
/// give the same bytes.
///
/// # Errors
///
/// All errors of the first step that has any: parsing, links, each subgraph by
/// itself, merging, satisfiability.
pub fn compose(subgraphs: &[SubgraphSdl]) -> Result<Composed, CompositionErrors> {
    compose::compose(subgraphs)
}

/// Narrows a supergraph to a contract: elements tagged with one of
/// `exclude_tags` become `@inaccessible`, and when `include_tags` is not empty,
/// so does everything that neither it nor its type is tagged with one of them.
/// Types left without members, and what refers to them, follow.
///
/// # Errors
///
/// The supergraph does not parse, or nothing to query is left.
pub fn contract(
    supergraph_sdl: &str,
    include_tags: &[&str],
    exclude_tags: &[&str],
) -> Result<String, CompositionErrors> {
    contract::contract(supergraph_sdl, include_tags, exclude_tags)
}

/// The API schema of a supergraph: what clients see of it.
///
/// # Errors
///
/// The supergraph does not parse.
pub fn api_schema(supergraph_sdl: &str) -> Result<String, CompositionErrors> {
    contract::api_schema(supergraph_sdl)
}
