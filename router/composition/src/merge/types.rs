//! Which types there are, and of which kind.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::directives::BUILT_IN_SCALARS;
use crate::subgraph::{Map, Type};
use crate::syntax::{Operation, TypeKind};

use super::{Graph, Merged, MergedField, MergedInput, MergedMarks, MergedValue, Supergraph};

/// Brings together the parts of every type, field, value and member.
pub(super) fn collect<'g>(supergraph: &mut Supergraph<'g>, report: &mut Report) {
    for (graph, subgraph) in supergraph.subgraphs.iter().enumerate() {
        for ty in subgraph.types.values() {
            if subgraph.names.is_machinery(ty.name) || BUILT_IN_SCALARS.contains(&ty.name) {
                continue;
            }
            let merged = supergraph.types.entry(ty.name).or_insert_with(|| empty(ty));
            merged.parts.push((graph, ty));
        }
    }
    let subgraphs = supergraph.subgraphs;
    for merged in supergraph.types.values_mut() {
        if kinds_agree(subgraphs, merged, report) {
            for index in 0..merged.parts.len() {
                let (graph, part) = merged.parts[index];
                add_part(merged, graph, part);
            }
        }
    }
    supergraph.types.sort_unstable_keys();
    for ty in supergraph.types.values() {
        if ty.kind == TypeKind::Object {
            for interface in ty.interfaces.keys() {
                let known = supergraph.implementations.entry(interface).or_default();
                known.push(ty.name);
            }
        }
    }
}

fn empty<'g>(ty: &'g Type<'g>) -> Merged<'g> {
    Merged {
        name: ty.name,
        kind: ty.kind,
        parts: Vec::new(),
        idle: Vec::new(),
        description: None,
        marks: MergedMarks::default(),
        interfaces: Map::default(),
        fields: Map::default(),
        inputs: Map::default(),
        values: Map::default(),
        members: Map::default(),
    }
}

fn kinds_agree(
    subgraphs: &[crate::subgraph::Subgraph<'_>],
    merged: &Merged<'_>,
    report: &mut Report,
) -> bool {
    if merged
        .parts
        .iter()
        .all(|(_, part)| part.kind == merged.kind)
    {
        return true;
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut locations = Vec::new();
    for (graph, part) in &merged.parts {
        let subgraph = &subgraphs[*graph];
        kinds.push(format!("{} in \"{}\"", part.kind.keyword(), subgraph.name));
        locations.push(subgraph.location(part.pos));
    }
    let message = format!(
        "Type \"{}\" has mismatched kind: it is {}. Rename it in one of them, or make the kinds agree.",
        merged.name,
        kinds.join(", ")
    );
    report.add(ErrorCode::TypeKindMismatch, message, locations);
    false
}

fn add_part<'g>(merged: &mut Merged<'g>, graph: Graph, part: &'g Type<'g>) {
    if merged.description.is_none() {
        merged.description = part.description;
    }
    merged.marks.add(Some(&part.marks));
    for interface in &part.interfaces {
        let graphs = merged.interfaces.entry(interface.text).or_default();
        if !graphs.contains(&graph) {
            graphs.push(graph);
        }
    }
    for member in &part.members {
        let graphs = merged.members.entry(member.text).or_default();
        if !graphs.contains(&graph) {
            graphs.push(graph);
        }
    }
    for (name, field) in &part.fields {
        let to = merged.fields.entry(name).or_insert_with(|| MergedField {
            name,
            parts: Vec::new(),
            ty: field.ty,
            description: None,
            marks: MergedMarks::default(),
            arguments: Map::default(),
            entries: Vec::new(),
            from_interface_object: false,
        });
        to.marks.add(field.marks.as_deref());
        to.parts.push((graph, field));
    }
    for (name, input) in &part.inputs {
        add_input(&mut merged.inputs, graph, name, input);
    }
    for (name, value) in &part.values {
        let to = merged.values.entry(name).or_insert_with(|| MergedValue {
            name,
            parts: Vec::new(),
            description: None,
            marks: MergedMarks::default(),
            kept: true,
        });
        let text = crate::subgraph::text(&value.definition.description);
        to.description = to.description.or(text);
        to.marks.add(value.marks.as_deref());
        to.parts.push((graph, value));
    }
}

/// Adds one subgraph's argument or input field.
pub(super) fn add_input<'g>(
    inputs: &mut Map<'g, MergedInput<'g>>,
    graph: Graph,
    name: &'g str,
    input: &'g crate::subgraph::Input<'g>,
) {
    let to = inputs.entry(name).or_insert_with(|| MergedInput {
        name,
        parts: Vec::new(),
        ty: input.ty,
        default: None,
        description: None,
        marks: MergedMarks::default(),
        kept: true,
    });
    to.description = to.description.or(input.description());
    to.marks.add(input.marks.as_deref());
    to.parts.push((graph, input));
}

/// A type whose every field is only referred to has none that anyone resolves.
pub(super) fn check_fields(supergraph: &Supergraph<'_>, report: &mut Report) {
    for ty in supergraph.types.values() {
        let composite = matches!(ty.kind, TypeKind::Object | TypeKind::Interface);
        if !composite || !ty.fields.is_empty() {
            continue;
        }
        if ty.name == Operation::Query.default_type() {
            check_queries(supergraph, report);
        } else if !ty.is_root() {
            let message = format!(
                "All fields of type \"{}\" are marked @external in every subgraph: one has to resolve them.",
                ty.name
            );
            let locations = ty
                .parts
                .iter()
                .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos));
            let code = ErrorCode::ExternalMissingOnBase;
            report.add(code, message, locations.collect());
        }
    }
}

/// A graph without queries cannot be asked anything.
pub(super) fn check_queries(supergraph: &Supergraph<'_>, report: &mut Report) {
    let query = supergraph.types.get(Operation::Query.default_type());
    if query.is_none_or(|query| query.fields.is_empty()) {
        let message = "No queries found in any subgraph: a supergraph must have a query root type \
                       with at least one field.";
        report.add(ErrorCode::NoQueries, message, Vec::new());
    }
}
