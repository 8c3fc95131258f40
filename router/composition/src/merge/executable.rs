//! Directives for operations: clients may use what every subgraph knows.

use crate::syntax::{DirectiveDefinition, InputValue};

use super::Supergraph;
use super::inputs::is_stricter_or_same;

/// Where directives stand in operations, not in schemas.
pub(crate) const EXECUTABLE: [&str; 8] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
];

/// The executable directives that all subgraphs define, cut to what they share.
pub(super) fn merge<'g>(supergraph: &Supergraph<'g>) -> Vec<DirectiveDefinition<'g>> {
    let Some((first, rest)) = supergraph.subgraphs.split_first() else {
        return Vec::new();
    };
    let mut merged = Vec::new();
    for (name, definition) in &first.directives {
        let built_in = matches!(*name, "skip" | "include");
        if built_in || first.composed.iter().any(|(composed, _)| composed == name) {
            continue;
        }
        let others: Vec<&DirectiveDefinition<'g>> = rest
            .iter()
            .filter_map(|subgraph| subgraph.directives.get(name).copied())
            .collect();
        if others.len() == rest.len() {
            merged.extend(intersect(definition, &others));
        }
    }
    merged
}

fn intersect<'g>(
    first: &DirectiveDefinition<'g>,
    others: &[&DirectiveDefinition<'g>],
) -> Option<DirectiveDefinition<'g>> {
    let mut merged = first.clone();
    merged.locations.retain(|location| {
        EXECUTABLE.contains(location) && others.iter().all(|o| o.locations.contains(location))
    });
    if merged.locations.is_empty() {
        return None;
    }
    for other in others {
        merged.repeatable &= other.repeatable;
    }
    merged.arguments.retain_mut(|argument| {
        argument.directives.clear();
        others
            .iter()
            .all(|other| shares(argument, &other.arguments))
    });
    Some(merged)
}

/// Whether the other has the argument too; if so the stricter type is taken.
fn shares<'g>(argument: &mut InputValue<'g>, others: &[InputValue<'g>]) -> bool {
    let Some(other) = others.iter().find(|o| o.name.text == argument.name.text) else {
        return false;
    };
    if !is_stricter_or_same(argument.ty, other.ty) {
        argument.ty = argument.ty.strictest(other.ty);
    }
    if other.default.is_none() {
        argument.default = None;
    }
    true
}
