//! Input types: the intersection of fields, the strictest of types.

use crate::error::{ErrorCode, Hint, HintCode};
use crate::report::Report;
use crate::syntax::{TypeKind, TypeRef, Value as Constant};

use super::{Merged, MergedInput, Supergraph};

/// Merges the fields of every input type.
pub(super) fn merge(supergraph: &mut Supergraph<'_>, report: &mut Report) {
    let mut hints = Vec::new();
    for index in 0..supergraph.types.len() {
        let ty = &supergraph.types[index];
        if ty.kind != TypeKind::Input {
            continue;
        }
        let (name, graphs) = (ty.name, ty.parts.len());
        let mut inputs = std::mem::take(&mut supergraph.types[index].inputs);
        for input in inputs.values_mut() {
            let coordinate = format!("{name}.{}", input.name);
            input.kept = input.parts.len() == graphs;
            merge_type(
                supergraph,
                input,
                &coordinate,
                ErrorCode::FieldTypeMismatch,
                report,
            );
            let code = ErrorCode::InputFieldDefaultMismatch;
            merge_default(supergraph, input, &coordinate, code, report);
            if !input.kept {
                check_required(supergraph, &supergraph.types[index], input, report);
                hints.push(Hint {
                    code: HintCode::InconsistentInputObjectField,
                    message: format!(
                        "Input object field \"{coordinate}\" is not in every subgraph that has the type; it \
                         will not be in the supergraph."
                    ),
                    coordinate,
                });
            }
        }
        if !inputs.is_empty() && !inputs.values().any(|input| input.kept) {
            let message = format!(
                "None of the fields of input object type \"{name}\" are consistently defined in all the \
                 subgraphs defining that type: the merged type would be empty."
            );
            let ty = &supergraph.types[index];
            let locations = ty
                .parts
                .iter()
                .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos));
            report.add(
                ErrorCode::EmptyMergedInputType,
                message,
                locations.collect(),
            );
        }
        supergraph.types[index].inputs = inputs;
    }
    supergraph.hints.extend(hints);
}

fn check_required(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    input: &MergedInput<'_>,
    report: &mut Report,
) {
    let Some((graph, part)) = input.parts.iter().find(|(_, part)| part.is_required()) else {
        return;
    };
    let missing = ty
        .parts
        .iter()
        .find(|(g, _)| !input.parts.iter().any(|(has, _)| has == g));
    let subgraph = &supergraph.subgraphs[*graph];
    let message = format!(
        "Input object field \"{}.{}\" is required in subgraph \"{}\" but does not appear in subgraph \
         \"{}\": add it there, or make it optional.",
        ty.name,
        input.name,
        subgraph.name,
        missing.map_or("", |(g, _)| supergraph.subgraphs[*g].name)
    );
    report.at(
        subgraph,
        part.pos(),
        ErrorCode::RequiredInputFieldMissingInSomeSubgraph,
        message,
    );
}

/// Whether the first is non-null wherever the second is.
pub(super) fn is_stricter_or_same(ty: TypeRef<'_>, than: TypeRef<'_>) -> bool {
    ty.non_null & than.non_null == than.non_null
}

/// Settles the type: the same but for non-null, of which the strictest holds.
pub(super) fn merge_type(
    supergraph: &Supergraph<'_>,
    input: &mut MergedInput<'_>,
    coordinate: &str,
    code: ErrorCode,
    report: &mut Report,
) {
    let mut merged = input.ty;
    let mut agree = true;
    for (_, part) in &input.parts {
        let ty = part.ty;
        let same_shape = ty.name == merged.name && ty.lists == merged.lists;
        let ordered = is_stricter_or_same(merged, ty) || is_stricter_or_same(ty, merged);
        if same_shape && ordered {
            merged = merged.strictest(ty);
        } else {
            agree = false;
        }
    }
    input.ty = merged;
    if agree {
        return;
    }
    let mut types = Vec::new();
    let mut locations = Vec::new();
    for (graph, part) in &input.parts {
        let subgraph = &supergraph.subgraphs[*graph];
        types.push(format!("\"{}\" in \"{}\"", part.ty, subgraph.name));
        locations.push(subgraph.location(part.pos()));
    }
    let what = if code == ErrorCode::FieldArgumentTypeMismatch {
        "argument"
    } else {
        "field"
    };
    let message = format!(
        "Type of {what} \"{coordinate}\" is incompatible across subgraphs: it is {}.",
        types.join(" and ")
    );
    report.add(code, message, locations);
}

/// Settles the default: there is one only where every subgraph has it.
pub(super) fn merge_default(
    supergraph: &Supergraph<'_>,
    input: &mut MergedInput<'_>,
    coordinate: &str,
    code: ErrorCode,
    report: &mut Report,
) {
    let mut defaults = input
        .parts
        .iter()
        .filter_map(|(graph, part)| Some((*graph, *part, part.definition.default.as_ref()?)));
    let Some((first_graph, _, first)) = defaults.next() else {
        return;
    };
    let other = defaults.find(|(_, _, default)| *default != first);
    if let Some((graph, part, default)) = other {
        let print = crate::syntax::print::print_value;
        let subgraph = &supergraph.subgraphs[graph];
        let message = format!(
            "\"{coordinate}\" has incompatible default values across subgraphs: {} in subgraph \"{}\" but \
             {} in subgraph \"{}\".",
            print(first),
            supergraph.subgraphs[first_graph].name,
            print(default),
            subgraph.name
        );
        report.at(subgraph, part.pos(), code, message);
    }
    let everywhere = input
        .parts
        .iter()
        .all(|(_, part)| part.definition.default.is_some());
    input.default = everywhere.then_some(first);
}

/// A default as the type has it: a string for an enum means the value.
pub(super) fn spelled<'g>(
    supergraph: &Supergraph<'g>,
    ty: TypeRef<'_>,
    default: &Constant<'g>,
) -> Constant<'g> {
    let kind = supergraph.types.get(ty.name).map(|ty| ty.kind);
    match default {
        Constant::String(text) if kind == Some(TypeKind::Enum) => Constant::Enum(text.clone()),
        Constant::List(items) => {
            Constant::List(items.iter().map(|i| spelled(supergraph, ty, i)).collect())
        }
        other => other.clone(),
    }
}
