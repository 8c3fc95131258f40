//! What can be wrong with a supergraph.

/// Why a supergraph document cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SupergraphError {
    /// The text is not GraphQL SDL.
    #[error("the supergraph is not valid SDL: {0}")]
    Syntax(String),
    /// The document lacks something a supergraph must have.
    #[error("the document is not a supergraph: {0}")]
    Shape(String),
    /// The planner refused the document.
    #[error("the planner refused the supergraph: {0}")]
    Planner(String),
}
