//! The rules that a schema has to follow to be committed.
//!
//! They are checked on the composed supergraph, because that is what clients see, and name the
//! coordinate and what to do. What a rule may spare is listed in `schema/lint.toml`
//! ([`Settings`]), with a reason; an entry that spares nothing is itself a finding.

mod authorization;
mod descriptions;
mod entities;
mod enums;
mod graph;
mod lists;
mod money;
mod mutations;
mod settings;
mod survival;

use std::fmt;

use atelier_composition::{
    SubgraphSdl,
    syntax::{SyntaxError, parse_document},
};

use graph::Graph;
pub use settings::{Settings, SettingsError};

/// What a finding breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every field says who may read it.
    Authorization,
    /// Every list has a bound.
    List,
    /// Every mutation takes one `input` and gives a payload with `userErrors`.
    Mutation,
    /// Money is never a `Float`.
    Money,
    /// Everything has a description.
    Description,
    /// What another subgraph contributes is nullable.
    Nullability,
    /// Every node is an entity, and every entity has an owner.
    Entity,
    /// An enum for input and output lives in one subgraph.
    Enum,
    /// What a subgraph's directive says also stands in the supergraph.
    Survival,
    /// Nothing is spared that needs no sparing.
    Settings,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "authorization",
            Self::List => "list",
            Self::Mutation => "mutation",
            Self::Money => "money",
            Self::Description => "description",
            Self::Nullability => "nullability",
            Self::Entity => "entity",
            Self::Enum => "enum",
            Self::Survival => "survival",
            Self::Settings => "settings",
        })
    }
}

/// One place where the schema breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// Where, as `Type.field(argument:)`.
    pub coordinate: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}: {}", self.rule, self.coordinate, self.message)
    }
}

/// The findings of one run.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: Rule, coordinate: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding {
            rule,
            coordinate: coordinate.into(),
            message: message.into(),
        });
    }
}

/// Checks a supergraph and the prepared subgraphs it was composed from against every rule.
///
/// # Errors
/// If one of the schemas does not parse.
pub fn lint(
    supergraph: &str,
    subgraphs: &[SubgraphSdl],
    settings: &Settings,
) -> Result<Vec<Finding>, SyntaxError> {
    let document = parse_document(supergraph)?;
    let graph = Graph::new(&document);
    let mut findings = Findings::default();
    authorization::check(&graph, settings, &mut findings);
    lists::check(&graph, settings, &mut findings);
    mutations::check(&graph, &mut findings);
    money::check(&graph, &mut findings);
    descriptions::check(&graph, &mut findings);
    entities::check(&graph, settings, &mut findings);
    enums::check(&graph, &mut findings);
    survival::check(&document, subgraphs, &mut findings)?;
    findings.0.sort();
    Ok(findings.0)
}

#[cfg(test)]
mod testing;
