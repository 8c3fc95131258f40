//! Directives for operations: clients may use what every subgraph knows.

use crate::error::ErrorCode;
use crate::report::Report;
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
    let mut merged = Vec::new();
    shared(supergraph, |definition, others| {
        merged.extend(intersect(definition, others));
    });
    merged
}

/// Reports arguments whose types differ between the subgraphs.
pub(super) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    shared(supergraph, |definition, others| {
        if !definition.locations.iter().any(|l| EXECUTABLE.contains(l)) {
            return;
        }
        for argument in &definition.arguments {
            let name = argument.name.text;
            let types: Vec<_> = others
                .iter()
                .filter_map(|o| o.arguments.iter().find(|a| a.name.text == name))
                .map(|a| a.ty)
                .collect();
            if types.len() < others.len() {
                continue;
            }
            if let Some(other) = types.into_iter().find(|ty| !ty.same(argument.ty)) {
                let message = format!(
                    "Type of argument \"@{}({name}:)\" is incompatible across subgraphs: it is \"{}\" and \
                     \"{other}\".",
                    definition.name.text, argument.ty
                );
                let defined = supergraph.subgraphs.iter().filter_map(|subgraph| {
                    let definition = subgraph.directives.get(definition.name.text)?;
                    Some(subgraph.location(definition.name.pos))
                });
                let code = ErrorCode::FieldArgumentTypeMismatch;
                report.add(code, message, defined.collect());
            }
        }
    });
}

/// Calls with each directive that all subgraphs define and none composes.
fn shared<'g>(
    supergraph: &Supergraph<'g>,
    mut take: impl FnMut(&DirectiveDefinition<'g>, &[&DirectiveDefinition<'g>]),
) {
    let Some((first, rest)) = supergraph.subgraphs.split_first() else {
        return;
    };
    for (name, definition) in &first.directives {
        let built_in = matches!(*name, "skip" | "include");
        if built_in || first.composed.contains_key(name) {
            continue;
        }
        let others: Vec<&DirectiveDefinition<'g>> = rest
            .iter()
            .filter_map(|subgraph| subgraph.directives.get(name).copied())
            .collect();
        if others.len() == rest.len() {
            take(definition, &others);
        }
    }
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
