//! What each subgraph does for each field: resolve it, only refer to it,
//! require or provide something, or have it taken over.

use std::collections::HashMap;

use crate::spec::{Version, from_context};
use crate::subgraph::walk::{Step, walk};
use crate::subgraph::{Field, Map, Type};
use crate::syntax::{Operation, TypeKind};

use super::{ContextArgument, Entry, Graph, Merged, MergedField, MergedMarks, Supergraph};

/// Who requires a field in one subgraph.
#[derive(Clone, Copy, Default)]
struct Required {
    /// A field that is resolved there.
    active: bool,
    /// A field that another subgraph has taken over.
    overridden: bool,
}

impl Required {
    fn only_overridden(self) -> bool {
        self.overridden && !self.active
    }
}

type Requirements<'g> = HashMap<(Graph, &'g str, &'g str), Required>;

/// Gives implementations the fields that only interface objects resolve.
pub(super) fn add_interface_object_fields(supergraph: &mut Supergraph<'_>) {
    let mut added = Vec::new();
    for (index, ty) in supergraph.types.values().enumerate() {
        if ty.kind != TypeKind::Object {
            continue;
        }
        for name in ty.interfaces.keys() {
            let Some(interface) = supergraph.types.get(name) else {
                continue;
            };
            if !interface.has_interface_object() {
                continue;
            }
            for field in interface.fields.values() {
                if !ty.fields.contains_key(field.name) {
                    added.push((index, inherited(field)));
                }
            }
        }
    }
    for (index, field) in added {
        let fields = &mut supergraph.types[index].fields;
        fields.entry(field.name).or_insert(field);
    }
}

fn inherited<'g>(field: &MergedField<'g>) -> MergedField<'g> {
    let mut marks = MergedMarks::default();
    let mut arguments = Map::default();
    for (graph, part) in &field.parts {
        marks.add(part.marks.as_deref());
        for (name, argument) in &part.arguments {
            super::types::add_input(&mut arguments, *graph, name, argument);
        }
    }
    for (name, argument) in &mut arguments {
        if let Some(settled) = field.arguments.get(name) {
            argument.kept = settled.kept;
            argument.ty = settled.ty;
            argument.default = settled.default;
        }
    }
    MergedField {
        name: field.name,
        parts: Vec::new(),
        ty: field.ty,
        description: field.description,
        marks,
        arguments,
        entries: Vec::new(),
        from_interface_object: true,
    }
}

/// Fills in the entries of every field, and drops fields nobody resolves.
pub(super) fn fill(supergraph: &mut Supergraph<'_>) {
    let requirements = requirements(supergraph);
    let mut filled = Vec::new();
    for (index, ty) in supergraph.types.values().enumerate() {
        for (at, field) in ty.fields.values().enumerate() {
            if !field.from_interface_object {
                let entries = entries(supergraph, ty, field, &requirements);
                filled.push((index, at, entries));
            }
        }
    }
    for (index, at, entries) in filled {
        supergraph.types[index].fields[at].entries = entries;
    }
    for ty in supergraph.types.values_mut() {
        ty.idle = idle(ty, &requirements);
        ty.fields
            .retain(|_, field| field.from_interface_object || !field.entries.is_empty());
    }
}

/// The subgraphs that extend the type for nothing: all they have of it are
/// external fields that only overridden fields require.
fn idle<'g>(ty: &Merged<'g>, requirements: &Requirements<'g>) -> Vec<Graph> {
    let is_idle = |graph: Graph, part: &Type<'g>| {
        ty.kind == TypeKind::Object
            && !part.defined
            && part.keys.is_empty()
            && !part.fields.is_empty()
            && part.fields.iter().all(|(name, field)| {
                let required = requirements.get(&(graph, ty.name, *name));
                field.external
                    && !field.usage.provided
                    && required.is_some_and(|required| required.only_overridden())
            })
    };
    ty.parts
        .iter()
        .filter(|(graph, part)| is_idle(*graph, part))
        .map(|(graph, _)| *graph)
        .collect()
}

fn requirements<'g>(supergraph: &Supergraph<'g>) -> Requirements<'g> {
    let mut requirements = Requirements::new();
    for ty in supergraph.types.values() {
        for field in ty.fields.values() {
            for (graph, part) in &field.parts {
                let (Some(set), Some(owner)) = (&part.requires, ty.part(*graph)) else {
                    continue;
                };
                let overridden = supergraph.is_overridden(field, *graph);
                let subgraph = &supergraph.subgraphs[*graph];
                walk(subgraph, owner, &set.selections, &mut |step| {
                    let Step::Field { ty, field, .. } = step else {
                        return;
                    };
                    let key = (*graph, ty.name, field.definition.name.text);
                    let required = requirements.entry(key).or_default();
                    if overridden {
                        required.overridden = true;
                    } else {
                        required.active = true;
                    }
                });
            }
        }
    }
    requirements
}

fn entries<'g>(
    supergraph: &Supergraph<'g>,
    ty: &Merged<'g>,
    field: &MergedField<'g>,
    requirements: &Requirements<'g>,
) -> Vec<Entry<'g>> {
    let mut entries = Vec::new();
    for (graph, part) in &field.parts {
        let Some(owner) = ty.part(*graph) else {
            continue;
        };
        let key = (*graph, ty.name, field.name);
        let required = match requirements.is_empty() || !part.external && !part.usage.required {
            true => Required::default(),
            false => requirements.get(&key).copied().unwrap_or_default(),
        };
        entries.extend(entry(supergraph, ty, owner, field, *graph, part, required));
    }
    entries
}

fn entry<'g>(
    supergraph: &Supergraph<'g>,
    ty: &Merged<'g>,
    owner: &'g Type<'g>,
    field: &MergedField<'g>,
    graph: Graph,
    part: &'g Field<'g>,
    required: Required,
) -> Option<Entry<'g>> {
    let usage = part.usage;
    // Looked up only where it matters, which is seldom.
    let in_interface = || is_interface_field(supergraph, ty, field.name, graph);
    let external = part.external
        && !required.only_overridden()
        && (usage.provided || !(usage.key && owner.is_extension()));
    let override_of = supergraph.override_of(field, graph);
    let needed = || usage.key && !part.external || required.active && !external || in_interface();
    let used_overridden = override_of == Some(None) && needed();
    let requested = required.active || usage.provided && part.external;
    if override_of == Some(None) && !used_overridden && !(external && required.active) {
        return None;
    }
    let overrides = part.marks().overrides;
    let entry = Entry {
        graph,
        ty: (!part.ty.same(field.ty)).then_some(part.ty),
        external,
        requires: part.requires.as_ref().map(|set| &*set.text),
        provides: part.provides.as_ref().map(|set| &*set.text),
        overrides: overrides.map(|o| o.from),
        label: overrides.and_then(|o| o.label).or(override_of.flatten()),
        used_overridden,
        context_arguments: context_arguments(supergraph, graph, part),
    };
    let says_something = entry.ty.is_some()
        || entry.requires.is_some()
        || entry.provides.is_some()
        || entry.overrides.is_some()
        || entry.used_overridden
        || !entry.context_arguments.is_empty();
    let version = supergraph.subgraphs[graph].version;
    let idle = part.external && !requested && !used_overridden;
    if idle && !usage.key && version == Version::One {
        return None;
    }
    let unneeded = external && owner.is_extension() || part.external && required.only_overridden();
    if idle && unneeded && !says_something && !in_interface() {
        return None;
    }
    Some(entry)
}

/// Whether an interface of the type has the field in this subgraph.
fn is_interface_field(
    supergraph: &Supergraph<'_>,
    ty: &Merged<'_>,
    field: &str,
    graph: Graph,
) -> bool {
    ty.kind == TypeKind::Object
        && ty.interfaces.keys().any(|name| {
            supergraph
                .types
                .get(name)
                .and_then(|interface| interface.fields.get(field))
                .is_some_and(|field| field.part(graph).is_some())
        })
}

fn context_arguments<'g>(
    supergraph: &Supergraph<'g>,
    graph: Graph,
    part: &'g Field<'g>,
) -> Vec<ContextArgument<'g>> {
    part.arguments
        .iter()
        .filter_map(|(name, argument)| {
            let (reference, _) = argument.marks().from_context?;
            let (context, selection) = from_context::split(reference)?;
            Some(ContextArgument {
                name,
                ty: argument.ty,
                context: format!("{}__{context}", supergraph.subgraphs[graph].name),
                selection,
            })
        })
        .collect()
}

impl<'g> Merged<'g> {
    /// Whether it is the root of an operation.
    pub(crate) fn is_root(&self) -> bool {
        Operation::ALL.iter().any(|o| o.default_type() == self.name)
    }

    /// The subgraphs that have it: every one, for the query type.
    pub(crate) fn graphs(&self, supergraph: &Supergraph<'_>) -> Vec<Graph> {
        if self.name == Operation::Query.default_type() {
            return (0..supergraph.subgraphs.len()).collect();
        }
        self.parts
            .iter()
            .map(|(graph, _)| *graph)
            .filter(|graph| !self.idle.contains(graph))
            .collect()
    }
}
