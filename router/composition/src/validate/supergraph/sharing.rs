//! A field that several subgraphs resolve has to be `@shareable` in all.

use crate::error::ErrorCode;
use crate::merge::{Graph, Merged, MergedField, Supergraph};
use crate::report::Report;
use crate::spec::Version;
use crate::subgraph::Field;
use crate::syntax::Operation;

/// Who resolves a field, and whether the subgraph agreed to share it.
struct Resolver<'g> {
    graph: Graph,
    shareable: bool,
    part: &'g Field<'g>,
}

/// Checks a field of an object type.
pub(super) fn check(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    if ty.name == Operation::Subscription.default_type() {
        if field.parts.len() > 1 {
            let message = format!(
                "Field \"Subscription.{}\" is in several subgraphs: fields on root level subscription \
                 object cannot be marked as shareable",
                field.name
            );
            complain(supergraph, field, message, report);
        }
        return;
    }
    let mut resolvers = resolvers(supergraph, Some(ty), field, |_| true);
    if resolvers.iter().any(|resolver| !resolver.shareable) {
        for name in ty.interfaces.keys() {
            let Some(interface) = supergraph.types.get(name) else {
                continue;
            };
            let Some(other) = interface.fields.get(field.name) else {
                continue;
            };
            if interface.has_interface_object() && !other.parts.iter().any(|(_, p)| p.usage.key) {
                let objects = |graph| interface.part(graph).is_some_and(|p| p.interface_object);
                resolvers.extend(self::resolvers(supergraph, None, other, objects));
            }
        }
    }
    judge(supergraph, ty, field, &resolvers, report);
}

/// Checks a field that interface objects resolve.
pub(super) fn check_interface_object(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    report: &mut Report,
) {
    let objects = |graph| ty.part(graph).is_some_and(|part| part.interface_object);
    let resolvers = resolvers(supergraph, None, field, objects);
    judge(supergraph, ty, field, &resolvers, report);
}

fn resolvers<'g>(
    supergraph: &Supergraph<'g>,
    ty: Option<&Merged<'g>>,
    field: &MergedField<'g>,
    include: impl Fn(Graph) -> bool,
) -> Vec<Resolver<'g>> {
    let entity = ty.is_some_and(|ty| ty.parts.iter().any(|(_, part)| !part.keys.is_empty()));
    let mut resolvers = Vec::new();
    for (graph, part) in field.parts.iter().filter(|(graph, _)| include(*graph)) {
        if part.external {
            continue;
        }
        let source = part
            .marks()
            .overrides
            .and_then(|overrides| supergraph.graph_named(overrides.from));
        if source.is_some_and(|source| field.part(source).is_some()) {
            continue;
        }
        let version = supergraph.subgraphs[*graph].version;
        let extends_in_one = entity && version == Version::One && part.in_extension;
        resolvers.push(Resolver {
            graph: *graph,
            shareable: part.shareable || part.usage.key || extends_in_one,
            part,
        });
    }
    resolvers
}

fn judge(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &MergedField<'_>,
    resolvers: &[Resolver<'_>],
    report: &mut Report,
) {
    let name = |resolver: &Resolver<'_>| supergraph.subgraphs[resolver.graph].name;
    let unshared: Vec<&str> = resolvers
        .iter()
        .filter(|resolver| !resolver.shareable)
        .map(name)
        .collect();
    if unshared.is_empty() || resolvers.len() < 2 {
        return;
    }
    let all: Vec<&str> = resolvers.iter().map(name).collect();
    let message = format!(
        "Non-shareable field \"{}.{}\" is resolved from multiple subgraphs: it is resolved from subgraphs \
         \"{}\" and defined as non-shareable in \"{}\". Mark it @shareable in all of them, or remove it \
         from all but one.",
        ty.name,
        field.name,
        all.join("\", \""),
        unshared.join("\", \"")
    );
    let locations = resolvers
        .iter()
        .map(|r| supergraph.subgraphs[r.graph].location(r.part.pos()));
    report.add(ErrorCode::InvalidFieldSharing, message, locations.collect());
}

fn complain(
    supergraph: &Supergraph<'_>,
    field: &MergedField<'_>,
    message: String,
    report: &mut Report,
) {
    let locations = field
        .parts
        .iter()
        .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos()));
    report.add(ErrorCode::InvalidFieldSharing, message, locations.collect());
}
