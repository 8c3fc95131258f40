//! Checks of the merged types.

mod access;
mod directives;
mod inaccessible;
mod interfaces;
mod sharing;

use crate::error::ErrorCode;
use crate::merge::{Merged, MergedField, Supergraph};
use crate::report::Report;
use crate::spec::Version;
use crate::syntax::TypeKind;

pub(crate) use access::check as check_access;

/// Checks what only the merged types show.
pub(crate) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    directives::check(supergraph, report);
    interfaces::check(supergraph, report);
    inaccessible::check(supergraph, report);
    for ty in supergraph.types.values() {
        if ty.kind == TypeKind::Object {
            has_definition(supergraph, ty, report);
            for field in ty.fields.values() {
                sharing::check(supergraph, ty, field, report);
                external_has_base(supergraph, ty, field, report);
            }
        } else if ty.has_interface_object() {
            for field in ty.fields.values() {
                sharing::check_interface_object(supergraph, ty, field, report);
            }
        }
        for field in ty.fields.values() {
            contextual_arguments(supergraph, ty, field, report);
            slicing_arguments(supergraph, ty, field, report);
        }
    }
}

/// A type has to be defined somewhere, not only extended.
fn has_definition(supergraph: &Supergraph<'_>, ty: &Merged<'_>, report: &mut Report) {
    let one = |graph: usize| supergraph.subgraphs[graph].version == Version::One;
    let defined = ty
        .parts
        .iter()
        .any(|(graph, part)| part.defined && !(one(*graph) && part.extends_directive));
    let by_directive = ty.parts.len() > 1
        && ty
            .parts
            .iter()
            .all(|(graph, part)| one(*graph) && part.extends_directive);
    if ty.is_root() || defined || by_directive {
        return;
    }
    for (graph, part) in &ty.parts {
        let subgraph = &supergraph.subgraphs[*graph];
        let message = format!(
            "[{}] Type \"{}\" is an extension type, but there is no type definition for \"{}\" in any \
             subgraph.",
            subgraph.name, ty.name, ty.name
        );
        report.at(subgraph, part.pos, ErrorCode::ExtensionWithNoBase, message);
    }
}

/// A field has to be resolved somewhere, not only referred to.
fn external_has_base(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    let only_refers = |graph: usize, part: &crate::subgraph::Field<'_>| {
        let owner = ty.part(graph);
        let two = supergraph.subgraphs[graph].version.is_two();
        if part.usage.key {
            return part.external && !owner.is_some_and(|owner| owner.is_extension());
        }
        part.external && (two || part.usage.used)
    };
    if field.parts.is_empty() || !field.parts.iter().all(|(g, part)| only_refers(*g, part)) {
        return;
    }
    let by_interface_object = ty.interfaces.keys().any(|name| {
        supergraph
            .types
            .get(name)
            .filter(|interface| interface.has_interface_object())
            .and_then(|interface| {
                let resolved = interface.fields.get(field.name)?;
                resolved.parts.iter().find(|(graph, part)| {
                    let object = interface.part(*graph).is_some_and(|p| p.interface_object);
                    object && !part.external
                })
            })
            .is_some()
    });
    if by_interface_object {
        return;
    }
    let mut names = Vec::new();
    let mut locations = Vec::new();
    for (graph, part) in &field.parts {
        let subgraph = &supergraph.subgraphs[*graph];
        names.push(subgraph.name);
        locations.push(subgraph.location(part.pos()));
    }
    let message = format!(
        "Field \"{}.{}\" is marked @external on all the subgraphs in which it is listed (\"{}\"): a \
         subgraph has to resolve it.",
        ty.name,
        field.name,
        names.join("\", \"")
    );
    report.add(ErrorCode::ExternalMissingOnBase, message, locations);
}

/// An argument that a context fills in one subgraph must not be required in another.
fn contextual_arguments(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    for argument in field.arguments.values() {
        let contextual = |part: &crate::subgraph::Input<'_>| part.marks().from_context.is_some();
        if !argument.parts.iter().any(|(_, part)| contextual(part)) {
            continue;
        }
        for (graph, part) in &argument.parts {
            if !contextual(part) && part.is_required() {
                let subgraph = &supergraph.subgraphs[*graph];
                let message = format!(
                    "Argument \"{}.{}({}:)\" is contextual in at least one subgraph but in \"{}\" it does \
                     not have @fromContext, is not nullable and has no default value.",
                    ty.name, field.name, argument.name, subgraph.name
                );
                let code = ErrorCode::ContextualArgumentNotContextualInAllSubgraphs;
                report.at(subgraph, part.pos(), code, message);
            }
        }
    }
}

/// Of the slicing arguments at least one has to survive merging.
fn slicing_arguments(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    let Some(slicing) = field
        .marks
        .list_size
        .as_ref()
        .and_then(|s| s.slicing.as_ref())
    else {
        return;
    };
    let kept = |name: &str| field.arguments.get(name).is_some_and(|a| a.kept);
    if slicing.is_empty() || slicing.iter().any(|name| kept(name)) {
        return;
    }
    let message = format!(
        "All arguments for @listSize(slicingArguments:) on field \"{}.{}\" were disregarded. For an \
         argument to be valid, it must be defined in every subgraph where the field exists.",
        ty.name, field.name
    );
    let locations = field
        .parts
        .iter()
        .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos()));
    report.add(
        ErrorCode::ListSizeInvalidSlicingArgument,
        message,
        locations.collect(),
    );
}
