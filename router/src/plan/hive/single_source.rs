//! Rewrites the supergraph so that composite fields that several subgraphs resolve have one
//! subgraph. Where a field is already available on the path, the planner may combine it with
//! another subgraph's and then lose the fields below.

use std::collections::HashSet;

use graphql_tools::static_graphql::schema as ast;

use super::requires::spell_out;
use super::unions::base;
use crate::schema::directives::{flag, is_resolvable, named, text};

/// Leaves such fields of entities to the first subgraph that can be entered for them.
pub(super) fn leave_to_one(document: &mut ast::Document) {
    let composite: HashSet<String> = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) => Some(&ty.name),
            ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(ty)) => Some(&ty.name),
            ast::Definition::TypeDefinition(ast::TypeDefinition::Union(ty)) => Some(&ty.name),
            _ => None,
        })
        .cloned()
        .collect();
    for definition in &mut document.definitions {
        let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) = definition else {
            continue;
        };
        let entered: Vec<String> = named(&ty.directives, "join__type")
            .filter(|join| text(join, "key").is_some())
            .filter(|join| is_resolvable(join))
            .filter_map(|join| text(join, "graph").map(str::to_owned))
            .collect();
        spell_out(ty);
        for field in &mut ty.fields {
            if composite.contains(base(&field.field_type)) {
                leave(field, &entered);
            }
        }
    }
}

fn leave(field: &mut ast::Field, entered: &[String]) {
    let resolves = |join: &ast::Directive| {
        join.name == "join__field"
            && !flag(join, "external")
            && !flag(join, "usedOverridden")
            && text(join, "override").is_none()
    };
    let mut kept = None;
    for join in field.directives.iter().filter(|join| resolves(join)) {
        let graph = text(join, "graph").filter(|graph| entered.iter().any(|e| e == graph));
        kept = kept.or_else(|| graph.map(str::to_owned));
    }
    let Some(kept) = kept else { return };
    for join in field.directives.iter_mut().filter(|join| resolves(join)) {
        if text(join, "graph").is_some_and(|graph| graph != kept) {
            let truth = ast::Value::Boolean(true);
            join.arguments.push(("external".to_owned(), truth));
        }
    }
}
