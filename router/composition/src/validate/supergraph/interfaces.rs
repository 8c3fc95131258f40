//! Interfaces over all subgraphs: implementations have every field, entity
//! interfaces know every implementation.

use crate::error::ErrorCode;
use crate::merge::{Merged, Supergraph, is_subtype};
use crate::report::Report;
use crate::spec::Version;
use crate::syntax::TypeKind;

/// Checks every interface and implementation.
pub(super) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    for ty in supergraph.types.values() {
        match ty.kind {
            TypeKind::Object => implementation(supergraph, ty, report),
            TypeKind::Interface => {
                object_everywhere(supergraph, ty, report);
                knows_implementations(supergraph, ty, report);
            }
            _ => {}
        }
    }
}

fn implementation(supergraph: &Supergraph<'_>, ty: &Merged<'_>, report: &mut Report) {
    for (name, graphs) in &ty.interfaces {
        let Some(interface) = supergraph.types.get(name) else {
            continue;
        };
        for promised in interface.fields.values() {
            let Some(field) = ty.fields.get(promised.name) else {
                missing_field(supergraph, ty, interface, promised.name, graphs, report);
                continue;
            };
            if !is_subtype(supergraph, field.ty, promised.ty) {
                let message = format!(
                    "Interface field \"{name}.{}\" expects type {} but \"{}.{}\" of type {} is not a proper \
                     subtype.",
                    promised.name, promised.ty, ty.name, field.name, field.ty
                );
                let locations = field
                    .parts
                    .iter()
                    .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos()));
                report.add(ErrorCode::InvalidGraphql, message, locations.collect());
            }
        }
    }
}

fn missing_field(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    interface: &Merged<'_>,
    field: &str,
    graphs: &[usize],
    report: &mut Report,
) {
    let Some(graph) = graphs.first() else { return };
    let subgraph = &supergraph.subgraphs[*graph];
    let declared: Vec<&str> = interface
        .fields
        .get(field)
        .iter()
        .flat_map(|field| &field.parts)
        .map(|(graph, _)| supergraph.subgraphs[*graph].name)
        .collect();
    let message = format!(
        "Interface field \"{}.{field}\" is declared in subgraph \"{}\" but type \"{}\", which implements \
         \"{}\" in subgraph \"{}\" does not have field \"{field}\".",
        interface.name,
        declared.join("\", \""),
        ty.name,
        interface.name,
        subgraph.name
    );
    let pos = ty.part(*graph).map_or(0, |part| part.pos);
    report.at(subgraph, pos, ErrorCode::InterfaceFieldNoImplem, message);
}

fn object_everywhere(supergraph: &Supergraph<'_>, ty: &Merged<'_>, report: &mut Report) {
    if ty.parts.iter().all(|(_, part)| part.interface_object) {
        let message = format!(
            "Type \"{}\" is declared with @interfaceObject in all the subgraphs in which it is defined: one \
             has to define it as an interface.",
            ty.name
        );
        let locations = ty
            .parts
            .iter()
            .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos));
        let code = ErrorCode::InterfaceObjectUsageError;
        report.add(code, message, locations.collect());
    }
}

/// Who can be asked for an entity by its interface has to know every type it
/// may turn out to be.
fn knows_implementations(supergraph: &Supergraph<'_>, ty: &Merged<'_>, report: &mut Report) {
    for (graph, part) in &ty.parts {
        let subgraph = &supergraph.subgraphs[*graph];
        let key = part.keys.iter().find(|key| key.resolvable);
        let Some(key) = key.filter(|_| subgraph.version >= Version::Two(3)) else {
            continue;
        };
        if part.interface_object {
            continue;
        }
        let missing: Vec<&str> = supergraph
            .implementations
            .get(ty.name)
            .into_iter()
            .flatten()
            .copied()
            .filter(|name| {
                let graphs = supergraph.types[*name].interfaces.get(ty.name);
                graphs.is_some_and(|graphs| !graphs.contains(graph))
            })
            .collect();
        if missing.is_empty() {
            continue;
        }
        let message = format!(
            "[{}] Interface type \"{}\" has a resolvable key (@key(fields: \"{}\")) in subgraph \"{}\" but \
             that subgraph is missing some of the supergraph implementation types of \"{}\". Subgraph \
             \"{}\" should define \"{}\" (and have them implement \"{}\").",
            subgraph.name,
            ty.name,
            key.fields.text,
            subgraph.name,
            ty.name,
            subgraph.name,
            missing.join("\", \""),
            ty.name
        );
        let code = ErrorCode::InterfaceKeyMissingImplementationType;
        report.at(subgraph, key.pos, code, message);
    }
}
