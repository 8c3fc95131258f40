//! Says which query cannot be answered, and why not.

use std::fmt::Write;
use std::rc::Rc;

use crate::SubgraphLocation;
use crate::merge::{Merged, MergedField, Supergraph};
use crate::subgraph::Key;

use super::Place;
use super::reach::Reach;

/// The query for an interface object whose real type nobody can tell.
pub(super) fn untyped(
    reach: &Reach<'_, '_>,
    places: &[Place],
    at: usize,
    field: usize,
    target: usize,
) -> String {
    let supergraph = reach.supergraph;
    let Some((name, taken)) = supergraph.types[places[at].ty].fields.get_index(field) else {
        return String::new();
    };
    let interface = taken.ty.name;
    format!(
        "The following supergraph API query:\n{}cannot be satisfied by the subgraphs because: the real type \
         of \"{interface}\" (as \"{}\") cannot be resolved: no subgraph that defines \"{interface}\" as an \
         interface can be reached from its @interfaceObject. Give the interface a resolvable @key there.",
        query(supergraph, places, at, name, Some("__typename")),
        supergraph.types[target].name
    )
}

/// The query that leads to the field, and what is missing to answer it.
pub(super) fn unanswerable(
    reach: &mut Reach<'_, '_>,
    places: &[Place],
    at: usize,
    field: usize,
) -> String {
    let supergraph = reach.supergraph;
    let place = &places[at];
    let ty = &supergraph.types[place.ty];
    let Some((_, field)) = ty.fields.get_index(field) else {
        return String::new();
    };
    let coordinate = format!("\"{}.{}\"", ty.name, field.name);
    let composite = supergraph
        .types
        .get(field.ty.name)
        .is_some_and(|ty| !ty.fields.is_empty() || !ty.members.is_empty());
    let mut text = format!(
        "The following supergraph API query:\n{}cannot be satisfied by the subgraphs because:",
        query(
            supergraph,
            places,
            at,
            field.name,
            composite.then_some("...")
        )
    );
    let nodes = Rc::clone(&place.nodes);
    let mut here: Vec<usize> = nodes.iter().map(|node| node.graph as usize).collect();
    here.dedup();
    for graph in &here {
        let name = supergraph.subgraphs[*graph].name;
        let why = why_not_here(field, *graph, &coordinate);
        let _ = write!(text, "\n- from subgraph \"{name}\": {why}");
    }
    for entry in field.entries.iter().filter(|entry| !entry.external) {
        if here.contains(&entry.graph) {
            continue;
        }
        let name = supergraph.subgraphs[entry.graph].name;
        let why = why_not_there(ty, entry.graph, name);
        let _ = write!(
            text,
            "\n- cannot move to subgraph \"{name}\", which has field {coordinate}, because {why}."
        );
    }
    text
}

fn why_not_here(field: &MergedField<'_>, graph: usize, coordinate: &str) -> String {
    match field.part(graph) {
        Some(part) if part.external => {
            format!("field {coordinate} is not resolvable because marked @external.")
        }
        Some(part) if part.requires.is_some() => {
            let requires = part.requires.as_ref().map_or("", |set| &set.text);
            format!("cannot satisfy @requires(fields: \"{requires}\") on field {coordinate}.")
        }
        Some(_) => format!("field {coordinate} is overridden by another subgraph."),
        None => format!("cannot find field {coordinate}."),
    }
}

fn why_not_there(ty: &Merged<'_>, graph: usize, name: &str) -> String {
    let keys: &[Key<'_>] = ty.part(graph).map_or(&[], |part| &part.keys);
    let usable: Vec<&str> = keys
        .iter()
        .filter(|key| key.resolvable)
        .map(|key| &*key.fields.text)
        .collect();
    if keys.is_empty() {
        format!(
            "type \"{}\" has no @key defined in subgraph \"{name}\"",
            ty.name
        )
    } else if usable.is_empty() {
        format!(
            "none of the @key defined on type \"{}\" in subgraph \"{name}\" is resolvable (they are all \
             declared with their \"resolvable\" argument set to false)",
            ty.name
        )
    } else {
        format!(
            "the fields of @key(fields: \"{}\") of \"{}\" cannot be resolved on the way there",
            usable.join("\") and @key(fields: \""),
            ty.name
        )
    }
}

/// The shortest query to the field, as a client would write it.
fn query(
    supergraph: &Supergraph<'_>,
    places: &[Place],
    at: usize,
    field: &str,
    below: Option<&str>,
) -> String {
    let mut steps: Vec<String> = Vec::new();
    let mut current = at;
    while let Some((before, index)) = places[current].from {
        let parent = &supergraph.types[places[before].ty];
        if let Some((name, taken)) = parent.fields.get_index(index) {
            let arrived = supergraph.types[places[current].ty].name;
            if taken.ty.name != arrived {
                steps.push(format!("... on {arrived}"));
            }
            steps.push((*name).to_owned());
        }
        current = before;
    }
    let root = supergraph.types[places[current].ty].name;
    let mut text = match root {
        "Query" => String::from("{\n"),
        other => format!("{} {{\n", other.to_lowercase()),
    };
    let mut indent = 1;
    for step in steps.iter().rev() {
        let _ = writeln!(text, "{}{step} {{", "  ".repeat(indent));
        indent += 1;
    }
    let leaf = below.map_or(String::new(), |below| format!(" {{ {below} }}"));
    let _ = writeln!(text, "{}{field}{leaf}", "  ".repeat(indent));
    while indent > 0 {
        indent -= 1;
        let _ = writeln!(text, "{}}}", "  ".repeat(indent));
    }
    text
}

/// Where the field is defined.
pub(super) fn locations(
    supergraph: &Supergraph<'_>,
    ty: usize,
    field: usize,
) -> Vec<SubgraphLocation> {
    let Some((_, field)) = supergraph.types[ty].fields.get_index(field) else {
        return Vec::new();
    };
    field
        .parts
        .iter()
        .map(|(graph, part)| supergraph.subgraphs[*graph].location(part.pos()))
        .collect()
}

/// A shared field whose subgraphs agree on no type of object.
pub(super) fn no_common_type(supergraph: &Supergraph<'_>, ty: usize, field: usize) -> String {
    let ty = &supergraph.types[ty];
    let Some((name, field)) = ty.fields.get_index(field) else {
        return String::new();
    };
    let subgraphs: Vec<&str> = field
        .entries
        .iter()
        .map(|entry| supergraph.subgraphs[entry.graph].name)
        .collect();
    format!(
        "For the shared field \"{}.{name}\", the object types that \"{}\" may return have nothing in common: \
         a shared field has to resolve the same way in every subgraph.",
        ty.name,
        subgraphs.join("\", \"")
    )
}
