//! Enums: what may come in must be known to all, what goes out may be any.

use std::collections::HashSet;

use crate::error::{ErrorCode, Hint, HintCode};
use crate::report::Report;
use crate::subgraph::HashNames;
use crate::syntax::TypeKind;

use super::{Merged, MergedValue, Supergraph};

/// Decides which values of every enum stay.
pub(super) fn merge(supergraph: &mut Supergraph<'_>, report: &mut Report) {
    let mut inputs = HashSet::with_hasher(HashNames::default());
    let mut outputs = HashSet::with_hasher(HashNames::default());
    for ty in supergraph.types.values() {
        for field in ty.fields.values() {
            outputs.extend(field.parts.iter().map(|(_, part)| part.ty.name));
            for argument in field.arguments.values() {
                inputs.insert(argument.ty.name);
            }
        }
        inputs.extend(ty.inputs.values().map(|input| input.ty.name));
    }
    let subgraphs = supergraph.subgraphs;
    for ty in supergraph.types.values_mut() {
        if ty.kind != TypeKind::Enum {
            continue;
        }
        let everywhere = |parts: usize| parts == ty.parts.len();
        let lacking = |v: &MergedValue<'_>| !v.marks.inaccessible && !everywhere(v.parts.len());
        let differ = ty.values.values().any(lacking);
        if !differ {
            continue;
        }
        let is_input = inputs.contains(ty.name);
        let is_output = outputs.contains(ty.name);
        if is_input && is_output {
            report_mismatch(subgraphs, ty, report);
        } else if is_input {
            let graphs = ty.parts.len();
            for value in ty.values.values_mut() {
                value.kept = value.marks.inaccessible || value.parts.len() == graphs;
            }
            if !ty.values.values().any(|value| value.kept) {
                let message = format!(
                    "None of the values of enum type \"{}\" are defined consistently in all the subgraphs \
                     defining that type. As only values common to all subgraphs are merged, this would \
                     result in an empty type.",
                    ty.name
                );
                report.add(
                    ErrorCode::EmptyMergedEnumType,
                    message,
                    locations(subgraphs, ty),
                );
            }
        }
        let code = if is_input {
            HintCode::InconsistentEnumValueForInputEnum
        } else {
            HintCode::InconsistentEnumValueForOutputEnum
        };
        for value in ty.values.values().filter(|v| !everywhere(v.parts.len())) {
            supergraph.hints.push(Hint {
                code,
                message: format!(
                    "Value \"{}\" of enum type \"{}\" is not in every subgraph that has the enum.",
                    value.name, ty.name
                ),
                coordinate: format!("{}.{}", ty.name, value.name),
            });
        }
    }
}

fn locations(
    subgraphs: &[crate::subgraph::Subgraph<'_>],
    ty: &Merged<'_>,
) -> Vec<crate::SubgraphLocation> {
    ty.parts
        .iter()
        .map(|(graph, part)| subgraphs[*graph].location(part.pos))
        .collect()
}

fn report_mismatch(
    subgraphs: &[crate::subgraph::Subgraph<'_>],
    ty: &Merged<'_>,
    report: &mut Report,
) {
    for value in ty.values.values() {
        if value.marks.inaccessible || value.parts.len() == ty.parts.len() {
            continue;
        }
        let has = |graph: usize| value.parts.iter().any(|(g, _)| *g == graph);
        let missing: Vec<&str> = ty
            .parts
            .iter()
            .filter(|(graph, _)| !has(*graph))
            .map(|(graph, _)| subgraphs[*graph].name)
            .collect();
        let message = format!(
            "Enum type \"{}\" is used as both input type and output type, but value \"{}\" is not defined \
             in all the subgraphs defining \"{}\": add it to \"{}\".",
            ty.name,
            value.name,
            ty.name,
            missing.join("\", \"")
        );
        report.add(
            ErrorCode::EnumValueMismatch,
            message,
            locations(subgraphs, ty),
        );
    }
}
