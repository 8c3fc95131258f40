//! What is `@inaccessible` must not be needed by what is in the API schema.

use crate::error::{ErrorCode, SubgraphLocation};
use crate::merge::{Merged, MergedField, MergedInput, Supergraph};
use crate::report::Report;
use crate::syntax::{TypeKind, Value};

/// Checks the whole supergraph.
pub(super) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    for ty in supergraph
        .types
        .values()
        .filter(|ty| !ty.marks.inaccessible)
    {
        has_accessible_member(supergraph, ty, report);
        for field in ty.fields.values() {
            if field.marks.inaccessible {
                implements_accessible(supergraph, ty, field, report);
            } else {
                accessible_field(supergraph, ty, field, report);
            }
        }
        for input in ty.inputs.values().filter(|input| input.kept) {
            let coordinate = format!("{}.{}", ty.name, input.name);
            accessible_input(supergraph, input, &coordinate, "input field", report);
        }
    }
}

fn type_locations(supergraph: &Supergraph<'_>, ty: &Merged<'_>) -> Vec<SubgraphLocation> {
    let place = |(graph, part): &(usize, &crate::subgraph::Type<'_>)| {
        supergraph.subgraphs[*graph].location(part.pos)
    };
    ty.parts.iter().map(place).collect()
}

fn field_locations(supergraph: &Supergraph<'_>, field: &MergedField<'_>) -> Vec<SubgraphLocation> {
    let place = |(graph, part): &(usize, &crate::subgraph::Field<'_>)| {
        supergraph.subgraphs[*graph].location(part.pos())
    };
    field.parts.iter().map(place).collect()
}

fn input_locations(supergraph: &Supergraph<'_>, input: &MergedInput<'_>) -> Vec<SubgraphLocation> {
    let place = |(graph, part): &(usize, &crate::subgraph::Input<'_>)| {
        supergraph.subgraphs[*graph].location(part.pos())
    };
    input.parts.iter().map(place).collect()
}

fn is_hidden(supergraph: &Supergraph<'_>, name: &str) -> bool {
    supergraph
        .types
        .get(name)
        .is_some_and(|ty| ty.marks.inaccessible)
}

fn has_accessible_member(supergraph: &Supergraph<'_>, ty: &Merged<'_>, report: &mut Report) {
    let (members, empty) = match ty.kind {
        TypeKind::Enum => (
            "values",
            ty.values.values().all(|value| value.marks.inaccessible),
        ),
        TypeKind::Input => (
            "fields",
            ty.inputs.values().all(|input| input.marks.inaccessible),
        ),
        TypeKind::Object | TypeKind::Interface => (
            "fields",
            ty.fields.values().all(|field| field.marks.inaccessible),
        ),
        TypeKind::Union => (
            "members",
            ty.members
                .keys()
                .all(|member| is_hidden(supergraph, member)),
        ),
        TypeKind::Scalar => return,
    };
    let nothing = ty.fields.is_empty()
        && ty.inputs.is_empty()
        && ty.values.is_empty()
        && ty.members.is_empty();
    if empty && !nothing {
        let message = format!(
            "Type \"{}\" is in the API schema but all of its {members} are @inaccessible: mark the type \
             too.",
            ty.name
        );
        let at = type_locations(supergraph, ty);
        report.add(ErrorCode::OnlyInaccessibleChildren, message, at);
    }
}

fn implements_accessible(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    for name in ty.interfaces.keys() {
        let Some(interface) = supergraph.types.get(name) else {
            continue;
        };
        let promised = interface.fields.get(field.name);
        let accessible = !interface.marks.inaccessible
            && promised.is_some_and(|promised| !promised.marks.inaccessible);
        if accessible {
            let message = format!(
                "Field \"{}.{}\" is @inaccessible but implements the interface field \"{name}.{}\", which \
                 is in the API schema.",
                ty.name, field.name, field.name
            );
            let at = field_locations(supergraph, field);
            report.add(ErrorCode::ImplementedByInaccessible, message, at);
        }
    }
}

fn accessible_field(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    let coordinate = format!("{}.{}", ty.name, field.name);
    if is_hidden(supergraph, field.ty.name) {
        let at = field_locations(supergraph, field);
        referenced(field.ty.name, &coordinate, at, report);
    }
    for argument in field.arguments.values().filter(|argument| argument.kept) {
        let coordinate = format!("{coordinate}({}:)", argument.name);
        accessible_input(supergraph, argument, &coordinate, "argument", report);
    }
}

fn referenced(name: &str, coordinate: &str, at: Vec<SubgraphLocation>, report: &mut Report) {
    let message = format!(
        "Type \"{name}\" is @inaccessible but is referenced by \"{coordinate}\", which is in the API schema."
    );
    report.add(ErrorCode::ReferencedInaccessible, message, at);
}

fn accessible_input(
    supergraph: &Supergraph<'_>,
    input: &MergedInput<'_>,
    coordinate: &str,
    what: &str,
    report: &mut Report,
) {
    if input.marks.inaccessible {
        if input.ty.is_non_null() && input.default.is_none() {
            let message = format!("\"{coordinate}\" is @inaccessible but is a required {what}.");
            let at = input_locations(supergraph, input);
            report.add(ErrorCode::RequiredInaccessible, message, at);
        }
        return;
    }
    if is_hidden(supergraph, input.ty.name) {
        let at = input_locations(supergraph, input);
        referenced(input.ty.name, coordinate, at, report);
    }
    let defaults = input
        .parts
        .iter()
        .filter_map(|(_, part)| part.definition.default.as_ref());
    for default in defaults {
        if let Some(hidden) = hidden_in_default(supergraph, input.ty.name, default) {
            let message = format!(
                "\"{hidden}\" is @inaccessible but is used in the default value of \"{coordinate}\", which \
                 is in the API schema."
            );
            let at = input_locations(supergraph, input);
            report.add(ErrorCode::DefaultValueUsesInaccessible, message, at);
            return;
        }
    }
}

/// The first inaccessible enum value or input field that a default uses.
fn hidden_in_default(
    supergraph: &Supergraph<'_>,
    name: &str,
    default: &Value<'_>,
) -> Option<String> {
    let ty = supergraph.types.get(name)?;
    match default {
        Value::List(items) => items
            .iter()
            .find_map(|item| hidden_in_default(supergraph, name, item)),
        Value::Enum(value) => {
            let value = ty.values.get(&**value)?;
            (ty.marks.inaccessible || value.marks.inaccessible)
                .then(|| format!("{name}.{}", value.name))
        }
        Value::Object(fields) => fields.iter().find_map(|(field, value)| {
            let input = ty.inputs.get(&**field)?;
            if input.marks.inaccessible {
                return Some(format!("{name}.{field}"));
            }
            hidden_in_default(supergraph, input.ty.name, value)
        }),
        _ => None,
    }
}
