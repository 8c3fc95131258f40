//! Output fields: one type from several.

use crate::error::{ErrorCode, Hint, HintCode};
use crate::report::Report;
use crate::syntax::{TypeKind, TypeRef};

use super::{MergedField, Supergraph};

/// Settles the type of every output field.
pub(super) fn merge(supergraph: &mut Supergraph<'_>, report: &mut Report) {
    let mut settled = Vec::new();
    let mut hints = Vec::new();
    for (index, ty) in supergraph.types.values().enumerate() {
        for (at, field) in ty.fields.values().enumerate() {
            if field.parts.len() == 1 {
                continue;
            }
            if let Some(merged) = settle(supergraph, ty.name, field, report) {
                settled.push((index, at, merged));
                if field.parts.iter().any(|(_, part)| !part.ty.same(merged)) {
                    hints.push(hint(supergraph, ty.name, field, merged));
                }
            }
        }
    }
    for (index, at, ty) in settled {
        supergraph.types[index].fields[at].ty = ty;
    }
    supergraph.hints.extend(hints);
}

fn hint(
    supergraph: &Supergraph<'_>,
    parent: &str,
    field: &MergedField<'_>,
    ty: TypeRef<'_>,
) -> Hint {
    let types: Vec<String> = field
        .parts
        .iter()
        .map(|(g, part)| format!("\"{}\" in \"{}\"", part.ty, supergraph.subgraphs[*g].name))
        .collect();
    Hint {
        code: HintCode::InconsistentButCompatibleFieldType,
        message: format!(
            "Type of field \"{parent}.{}\" is inconsistent but compatible across subgraphs: it is {}; \
             the supergraph has \"{ty}\".",
            field.name,
            types.join(" and ")
        ),
        coordinate: format!("{parent}.{}", field.name),
    }
}

/// The most general of the types, if there is one.
fn settle<'g>(
    supergraph: &Supergraph<'g>,
    parent: &str,
    field: &MergedField<'g>,
    report: &mut Report,
) -> Option<TypeRef<'g>> {
    let own = |external: bool| {
        field
            .parts
            .iter()
            .filter(move |(graph, part)| is_external(supergraph, parent, *graph, part) == external)
    };
    let mut parts = own(false);
    let Some((_, first)) = parts.next() else {
        return own(true).next().map(|(_, part)| part.ty);
    };
    let mut merged = first.ty;
    let mut agree = true;
    for (_, part) in parts {
        if is_subtype(supergraph, part.ty, merged) {
            continue;
        }
        if is_subtype(supergraph, merged, part.ty) {
            merged = part.ty;
        } else {
            agree = false;
        }
    }
    if !agree {
        report_mismatch(supergraph, parent, field, report);
        return Some(merged);
    }
    let wider = own(true).find(|(_, part)| !is_subtype(supergraph, part.ty, merged));
    if let Some((graph, part)) = wider {
        let subgraph = &supergraph.subgraphs[*graph];
        let message = format!(
            "Type of field \"{parent}.{}\" is incompatible across subgraphs (where marked @external): \
             it has type \"{merged}\" where it is resolved but type \"{}\" in subgraph \"{}\".",
            field.name, part.ty, subgraph.name
        );
        let code = ErrorCode::ExternalTypeMismatch;
        report.at(subgraph, part.pos(), code, message);
        report_mismatch(supergraph, parent, field, report);
    }
    Some(merged)
}

/// Whether the field counts as external there. The key of an extension does
/// not, for the extension can resolve it; and in Federation 1 only extensions
/// have external fields.
pub(super) fn is_external(
    supergraph: &Supergraph<'_>,
    parent: &str,
    graph: usize,
    part: &crate::subgraph::Field<'_>,
) -> bool {
    let subgraph = &supergraph.subgraphs[graph];
    let extension = subgraph
        .types
        .get(parent)
        .is_some_and(|ty| ty.is_extension());
    let key_of_extension = extension && part.usage.key;
    part.external && !key_of_extension && (subgraph.version.is_two() || extension)
}

fn report_mismatch(
    supergraph: &Supergraph<'_>,
    parent: &str,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    let mut types = Vec::new();
    let mut locations = Vec::new();
    for (graph, part) in &field.parts {
        let subgraph = &supergraph.subgraphs[*graph];
        types.push(format!("\"{}\" in \"{}\"", part.ty, subgraph.name));
        locations.push(subgraph.location(part.pos()));
    }
    let message = format!(
        "Type of field \"{parent}.{}\" is incompatible across subgraphs: it is {}. Make them agree; \
         only non-null, and an implementation for its interface, may differ.",
        field.name,
        types.join(" and ")
    );
    report.add(ErrorCode::FieldTypeMismatch, message, locations);
}

/// Whether a value of type `sub` is a value of type `sup` too.
pub(crate) fn is_subtype(supergraph: &Supergraph<'_>, sub: TypeRef<'_>, sup: TypeRef<'_>) -> bool {
    sub.lists == sup.lists
        && sup.non_null & !sub.non_null == 0
        && (sub.name == sup.name || is_member(supergraph, sub.name, sup.name))
}

fn is_member(supergraph: &Supergraph<'_>, sub: &str, sup: &str) -> bool {
    let Some(ty) = supergraph.types.get(sup) else {
        return false;
    };
    match ty.kind {
        TypeKind::Union => ty.members.contains_key(sub),
        TypeKind::Interface => supergraph
            .types
            .get(sub)
            .is_some_and(|sub| sub.interfaces.contains_key(sup)),
        _ => false,
    }
}
