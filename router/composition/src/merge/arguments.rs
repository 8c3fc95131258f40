//! Arguments: those every subgraph has stay; types only get stricter.

use crate::error::{ErrorCode, Hint, HintCode};
use crate::report::Report;
use crate::subgraph::Map;

use super::inputs::{merge_default, merge_type};
use super::types::add_input;
use super::{MergedField, MergedInput, Supergraph};

/// Merges the arguments of every output field.
pub(super) fn merge(supergraph: &mut Supergraph<'_>, report: &mut Report) {
    let mut merged = Vec::new();
    let mut hints = Vec::new();
    for (index, ty) in supergraph.types.values().enumerate() {
        for (at, field) in ty.fields.values().enumerate() {
            if field
                .parts
                .iter()
                .all(|(_, part)| part.arguments.is_empty())
            {
                continue;
            }
            let arguments = merge_field(supergraph, ty.name, field, report, &mut hints);
            merged.push((index, at, arguments));
        }
    }
    for (index, at, arguments) in merged {
        supergraph.types[index].fields[at].arguments = arguments;
    }
    supergraph.hints.extend(hints);
}

fn merge_field<'g>(
    supergraph: &Supergraph<'g>,
    parent: &str,
    field: &MergedField<'g>,
    report: &mut Report,
    hints: &mut Vec<Hint>,
) -> Map<'g, MergedInput<'g>> {
    let mut arguments = Map::default();
    for (graph, part) in &field.parts {
        for (name, argument) in &part.arguments {
            add_input(&mut arguments, *graph, name, argument);
        }
    }
    for argument in arguments.values_mut() {
        let coordinate = format!("{parent}.{}({}:)", field.name, argument.name);
        let contextual = argument
            .parts
            .iter()
            .any(|(_, part)| part.marks().from_context.is_some());
        argument.kept = !contextual && argument.parts.len() == field.parts.len();
        let code = ErrorCode::FieldArgumentTypeMismatch;
        merge_type(supergraph, argument, &coordinate, code, report);
        let code = ErrorCode::FieldArgumentDefaultMismatch;
        merge_default(supergraph, argument, &coordinate, code, report);
        if argument
            .parts
            .iter()
            .any(|(_, part)| !part.ty.same(argument.ty))
        {
            hints.push(Hint {
                code: HintCode::InconsistentButCompatibleArgumentType,
                message: format!(
                    "Type of argument \"{coordinate}\" is inconsistent but compatible across subgraphs; the \
                     supergraph has \"{}\".",
                    argument.ty
                ),
                coordinate: coordinate.clone(),
            });
        }
        if !argument.kept && !contextual {
            check_missing(supergraph, parent, field, argument, report);
            hints.push(Hint {
                code: HintCode::InconsistentArgumentPresence,
                message: format!(
                    "Optional argument \"{coordinate}\" is not in every subgraph that has the field; it \
                     will not be in the supergraph."
                ),
                coordinate,
            });
        }
    }
    arguments
}

/// A required argument has to be known to all that resolve the field.
fn check_missing(
    supergraph: &Supergraph<'_>,
    parent: &str,
    field: &MergedField<'_>,
    argument: &MergedInput<'_>,
    report: &mut Report,
) {
    let has = |graph: usize| argument.parts.iter().any(|(g, _)| *g == graph);
    for (graph, part) in field.parts.iter().filter(|(g, _)| !has(*g)) {
        let subgraph = &supergraph.subgraphs[*graph];
        if part.external {
            let message = format!(
                "Field \"{parent}.{}\" is missing argument \"{}\" in subgraph \"{}\" where it is marked \
                 @external: add the argument there.",
                field.name, argument.name, subgraph.name
            );
            report.at(
                subgraph,
                part.pos(),
                ErrorCode::ExternalArgumentMissing,
                message,
            );
        }
    }
    let required = argument.parts.iter().find(|(_, part)| part.is_required());
    let missing = field.parts.iter().find(|(graph, _)| !has(*graph));
    if let (Some((graph, part)), Some((other, _))) = (required, missing) {
        let subgraph = &supergraph.subgraphs[*graph];
        let message = format!(
            "Argument \"{parent}.{}({}:)\" is required in subgraph \"{}\" but does not appear in subgraph \
             \"{}\": add it there, or make it optional.",
            field.name, argument.name, subgraph.name, supergraph.subgraphs[*other].name
        );
        report.at(
            subgraph,
            part.pos(),
            ErrorCode::RequiredArgumentMissingInSomeSubgraph,
            message,
        );
    }
}
