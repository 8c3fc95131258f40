//! A field that takes protected data through `@requires` has to ask for the
//! same rights itself: the router reads that data on the client's behalf.

use crate::error::ErrorCode;
use crate::merge::{Merged, MergedField, MergedMarks, Supergraph};
use crate::report::Report;
use crate::syntax::TypeKind;
use crate::syntax::selection::{Selection, parse_field_set};

/// Checks every `@requires` and `@fromContext`.
pub(crate) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    for ty in supergraph.types.values() {
        for field in ty.fields.values() {
            for (graph, part) in &field.parts {
                let Some(set) = &part.requires else { continue };
                let granted = granted(ty, field);
                let lacking = first_lacking(supergraph, ty, &set.selections, &granted);
                if let Some(lacking) = lacking {
                    let subgraph = &supergraph.subgraphs[*graph];
                    let message = message(ty, field, &lacking, "@requires");
                    let code = ErrorCode::MissingTransitiveAuthRequirements;
                    report.at(subgraph, part.pos(), code, message);
                }
            }
            for entry in &field.entries {
                for argument in &entry.context_arguments {
                    let granted = granted(ty, field);
                    let subgraph = &supergraph.subgraphs[entry.graph];
                    if let Some(lacking) =
                        lacking_in_context(supergraph, entry.graph, argument, &granted)
                    {
                        let pos = field.part(entry.graph).map_or(0, |part| part.pos());
                        let message = message(ty, field, &lacking, "@fromContext");
                        let code = ErrorCode::MissingTransitiveAuthRequirements;
                        report.at(subgraph, pos, code, message);
                    }
                }
            }
        }
    }
}

fn message(ty: &Merged<'_>, field: &MergedField<'_>, lacking: &str, directive: &str) -> String {
    format!(
        "Field \"{}.{}\" does not specify necessary @authenticated, @requiresScopes and/or @policy auth \
         requirements to access the transitive \"{lacking}\" data from {directive} selection set.",
        ty.name, field.name
    )
}

fn lacking_in_context(
    supergraph: &Supergraph<'_>,
    graph: usize,
    argument: &crate::merge::ContextArgument<'_>,
    granted: &MergedMarks<'_>,
) -> Option<String> {
    let name = argument
        .context
        .strip_prefix(supergraph.subgraphs[graph].name)?
        .strip_prefix("__")?;
    let selections = parse_field_set(argument.selection).ok()?;
    supergraph.types.values().find_map(|ty| {
        let sets = ty.part(graph)?.marks.contexts.contains(&name);
        sets.then(|| first_lacking(supergraph, ty, &selections, granted))
            .flatten()
    })
}

/// What a client that may read the field has shown.
fn granted<'g>(ty: &Merged<'g>, field: &MergedField<'g>) -> MergedMarks<'g> {
    let mut granted = ty.marks.clone();
    granted.add_auth(&field.marks);
    granted
}

fn first_lacking(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    selections: &[Selection<'_>],
    granted: &MergedMarks<'_>,
) -> Option<String> {
    if ty.kind != TypeKind::Union && !implies(granted, &ty.marks) {
        return Some(ty.name.to_owned());
    }
    selections.iter().find_map(|selection| match selection {
        Selection::Fragment(fragment) => {
            let on = fragment.on.unwrap_or(ty.name);
            let target = supergraph.types.get(on)?;
            first_lacking(supergraph, target, &fragment.selections, granted)
        }
        Selection::Field(selected) => {
            let field = ty.fields.get(selected.name)?;
            let coordinate = || format!("{}.{}", ty.name, field.name);
            if !implies(granted, &field.marks) {
                return Some(coordinate());
            }
            let target = supergraph.types.get(field.ty.name)?;
            if target.kind != TypeKind::Union && !implies(granted, &target.marks) {
                return Some(coordinate());
            }
            first_lacking(supergraph, target, &selected.selections, granted)
        }
    })
}

/// Whether whoever satisfies the first satisfies the second.
fn implies(granted: &MergedMarks<'_>, needed: &MergedMarks<'_>) -> bool {
    let covers = |granted: &[Vec<&str>], needed: &[Vec<&str>]| {
        needed.is_empty()
            || !granted.is_empty()
                && granted.iter().all(|held| {
                    needed
                        .iter()
                        .any(|wanted| wanted.iter().all(|name| held.contains(name)))
                })
    };
    (granted.authenticated || !needed.authenticated)
        && covers(&granted.scopes, &needed.scopes)
        && covers(&granted.policies, &needed.policies)
}
