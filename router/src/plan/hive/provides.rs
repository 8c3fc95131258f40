//! `@provides` that the planner would mix up. It numbers the selections that a type
//! provides in a subgraph from one, for each type anew, and then takes what is
//! provided under the same number on the way of another type for provided here. Of
//! such selections only those of one type are kept: what is not provided comes by a
//! key.

use std::collections::BTreeSet;

use graphql_tools::static_graphql::schema as ast;

use super::requires::names_at_top;
use super::unions::{base, fields_of};
use crate::schema::directives::{named, text};

/// A selection that a field provides in a subgraph.
struct Provided {
    graph: String,
    ty: String,
    field: String,
    /// The type it is for.
    target: String,
    set: String,
}

impl Provided {
    fn is_mixed_up_with(&self, other: &Self) -> bool {
        // Below the type it is for it may come upon any other.
        let deep = self.set.contains('{') || other.set.contains('{');
        let same = self.target == other.target && names(&self.set) == names(&other.set);
        let meet = deep || self.target == other.target;
        self.graph == other.graph && self.ty != other.ty && meet && !same
    }
}

/// Takes out what would be mixed up; true when there was something.
pub(super) fn keep_apart(document: &mut ast::Document) -> bool {
    let mut kept: Vec<Provided> = Vec::new();
    let mut dropped: Vec<Provided> = Vec::new();
    for definition in &document.definitions {
        for (ty, _, field) in fields_of(definition) {
            for join in named(&field.directives, "join__field") {
                let (Some(graph), Some(set)) = (text(join, "graph"), text(join, "provides")) else {
                    continue;
                };
                let provided = Provided {
                    graph: graph.to_owned(),
                    ty: ty.to_owned(),
                    field: field.name.clone(),
                    target: base(&field.field_type).to_owned(),
                    set: set.to_owned(),
                };
                match kept.iter().any(|known| known.is_mixed_up_with(&provided)) {
                    true => dropped.push(provided),
                    false => kept.push(provided),
                }
            }
        }
    }
    for definition in &mut document.definitions {
        let (ty, fields) = match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) => {
                (&ty.name, &mut ty.fields)
            }
            ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(ty)) => {
                (&ty.name, &mut ty.fields)
            }
            _ => continue,
        };
        for field in fields {
            for join in &mut field.directives {
                let is = |known: &&Provided| {
                    known.ty == *ty
                        && known.field == field.name
                        && text(join, "graph") == Some(&known.graph)
                };
                if join.name == "join__field" && dropped.iter().any(|known| is(&known)) {
                    join.arguments.retain(|(name, _)| name != "provides");
                }
            }
        }
    }
    !dropped.is_empty()
}

/// The fields of a set without selections in it; others are not told apart.
fn names(set: &str) -> Option<BTreeSet<String>> {
    (!set.contains('{')).then(|| names_at_top(set))
}
