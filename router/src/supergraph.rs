//! A supergraph: the public schema, the subgraphs behind it and the planner.

use std::sync::Arc;

use graphql_tools::static_graphql::schema as ast;

use crate::plan::Planner;
pub use crate::schema::SupergraphError;
use crate::schema::{Schema, api};

/// A subgraph as the supergraph document names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubgraphInfo {
    /// The name in `@join__graph(name:)`.
    pub name: String,
    /// The address in `@join__graph(url:)`; may be empty for in-process subgraphs.
    pub url: String,
}

/// A parsed supergraph, ready to be served. Immutable; a new one is swapped in whole.
pub struct Supergraph {
    pub(crate) sdl: Arc<str>,
    pub(crate) schema: Schema,
    pub(crate) planner: Arc<Planner>,
    subgraphs: Vec<SubgraphInfo>,
}

impl std::fmt::Debug for Supergraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supergraph")
            .field("subgraphs", &self.subgraphs)
            .finish_non_exhaustive()
    }
}

impl Supergraph {
    /// Parses a Federation 2 supergraph document (join spec 0.1 to 0.5).
    ///
    /// # Errors
    /// When the text is not SDL, is not a supergraph, or the planner cannot read it.
    pub fn parse(sdl: &str) -> Result<Self, SupergraphError> {
        let full = graphql_tools::parser::parse_schema::<String>(sdl)
            .map_err(|error| SupergraphError::Syntax(error.to_string()))?
            .into_static();
        let subgraphs = subgraphs(&full);
        if subgraphs.is_empty() {
            return Err(SupergraphError::Shape(
                "no enum join__Graph with @join__graph values; compose the subgraphs first".into(),
            ));
        }
        if full.query_type_name().is_none() {
            return Err(SupergraphError::Shape("no query type".into()));
        }
        let sdl: Arc<str> = sdl.into();
        let planner = Planner::new(&sdl)?;
        let schema = Schema::build(api::document(&full), &full);
        Ok(Self {
            sdl,
            schema,
            planner: Arc::new(planner),
            subgraphs,
        })
    }

    /// The subgraphs named by the document, in its order.
    pub fn subgraphs(&self) -> &[SubgraphInfo] {
        &self.subgraphs
    }

    /// The document this was parsed from.
    pub fn sdl(&self) -> &str {
        &self.sdl
    }
}

fn subgraphs(document: &ast::Document) -> Vec<SubgraphInfo> {
    let graphs = document
        .definitions
        .iter()
        .find_map(|definition| match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Enum(graphs))
                if graphs.name == "join__Graph" =>
            {
                Some(graphs)
            }
            _ => None,
        });
    let values = graphs
        .map(|graphs| graphs.values.as_slice())
        .unwrap_or_default();
    values.iter().filter_map(subgraph).collect()
}

fn subgraph(value: &ast::EnumValue) -> Option<SubgraphInfo> {
    let directive = value
        .directives
        .iter()
        .find(|directive| directive.name == "join__graph")?;
    let text = |argument: &str| {
        directive
            .arguments
            .iter()
            .find_map(|(name, value)| match value {
                ast::Value::String(text) if name == argument => Some(text.clone()),
                _ => None,
            })
    };
    Some(SubgraphInfo {
        name: text("name")?,
        url: text("url").unwrap_or_default(),
    })
}
