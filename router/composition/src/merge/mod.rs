//! Unites the subgraphs' types into the types of the supergraph.

mod arguments;
mod emit;
mod emit_marks;
mod entries;
mod enums;
pub(crate) mod executable;
mod features;
mod fields;
mod inputs;
mod marks;
mod overrides;
mod types;
mod unions;

use crate::error::{CompositionErrors, Hint};
use crate::report::Report;
use crate::subgraph::{Field, Input, Map, Subgraph, Type, Value};
use crate::syntax::{TypeKind, TypeRef, Value as Constant};

pub(crate) use emit::emit;
pub(crate) use features::{link_of, version_number};
pub(crate) use fields::is_subtype;
pub(crate) use marks::MergedMarks;

/// Position of a subgraph in the sorted list.
pub(crate) type Graph = usize;

/// Everything merged.
pub(crate) struct Supergraph<'g> {
    pub subgraphs: &'g [Subgraph<'g>],
    pub types: Map<'g, Merged<'g>>,
    /// The object types that implement each interface anywhere, by name.
    pub implementations: Map<'g, Vec<&'g str>>,
    pub hints: Vec<Hint>,
}

/// One type of the supergraph and its parts in the subgraphs.
pub(crate) struct Merged<'g> {
    pub name: &'g str,
    pub kind: TypeKind,
    pub parts: Vec<(Graph, &'g Type<'g>)>,
    /// Subgraphs that only mention it for requirements that no longer exist.
    pub idle: Vec<Graph>,
    pub description: Option<&'g str>,
    pub marks: MergedMarks<'g>,
    pub interfaces: Map<'g, Vec<Graph>>,
    pub fields: Map<'g, MergedField<'g>>,
    pub inputs: Map<'g, MergedInput<'g>>,
    pub values: Map<'g, MergedValue<'g>>,
    pub members: Map<'g, Vec<Graph>>,
}

impl<'g> Merged<'g> {
    /// Its part in the subgraph.
    pub(crate) fn part(&self, graph: Graph) -> Option<&'g Type<'g>> {
        self.parts
            .iter()
            .find(|(g, _)| *g == graph)
            .map(|(_, part)| *part)
    }

    /// Whether any subgraph has it as an interface object.
    pub(crate) fn has_interface_object(&self) -> bool {
        self.parts.iter().any(|(_, part)| part.interface_object)
    }
}

/// One output field of the supergraph.
pub(crate) struct MergedField<'g> {
    pub name: &'g str,
    pub parts: Vec<(Graph, &'g Field<'g>)>,
    pub ty: TypeRef<'g>,
    pub description: Option<&'g str>,
    pub marks: MergedMarks<'g>,
    pub arguments: Map<'g, MergedInput<'g>>,
    /// What each subgraph does for the field.
    pub entries: Vec<Entry<'g>>,
    /// Whether the type has it only through an interface object.
    pub from_interface_object: bool,
}

impl<'g> MergedField<'g> {
    /// Its part in the subgraph.
    pub(crate) fn part(&self, graph: Graph) -> Option<&'g Field<'g>> {
        self.parts
            .iter()
            .find(|(g, _)| *g == graph)
            .map(|(_, part)| *part)
    }
}

/// What one subgraph does for a field: one `@join__field`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry<'g> {
    pub graph: Graph,
    /// The type there, when it is another than the merged one.
    pub ty: Option<TypeRef<'g>>,
    pub external: bool,
    pub requires: Option<&'g str>,
    pub provides: Option<&'g str>,
    pub overrides: Option<&'g str>,
    pub label: Option<&'g str>,
    /// Overridden, and yet the subgraph needs it (a key, an interface).
    pub used_overridden: bool,
    pub context_arguments: Vec<ContextArgument<'g>>,
}

/// An argument filled from a context.
#[derive(Clone, Debug)]
pub(crate) struct ContextArgument<'g> {
    pub name: &'g str,
    pub ty: TypeRef<'g>,
    pub context: String,
    pub selection: &'g str,
}

/// An argument or input field of the supergraph.
pub(crate) struct MergedInput<'g> {
    pub name: &'g str,
    pub parts: Vec<(Graph, &'g Input<'g>)>,
    pub ty: TypeRef<'g>,
    pub default: Option<&'g Constant<'g>>,
    pub description: Option<&'g str>,
    pub marks: MergedMarks<'g>,
    /// Whether every subgraph has it, so that it stays.
    pub kept: bool,
}

/// An enum value of the supergraph.
pub(crate) struct MergedValue<'g> {
    pub name: &'g str,
    pub parts: Vec<(Graph, &'g Value<'g>)>,
    pub description: Option<&'g str>,
    pub marks: MergedMarks<'g>,
    pub kept: bool,
}

/// Merges the subgraphs and reports where they disagree. What only the merged types show is
/// left to [`crate::validate`].
///
/// # Errors
///
/// The types are so different that nothing can be said of the whole.
pub(crate) fn merge<'g>(
    subgraphs: &'g [Subgraph<'g>],
    report: &mut Report,
) -> Result<Supergraph<'g>, CompositionErrors> {
    let mut supergraph = Supergraph {
        subgraphs,
        types: Map::default(),
        implementations: Map::default(),
        hints: Vec::new(),
    };
    types::collect(&mut supergraph, report);
    types::check_queries(&supergraph, report);
    std::mem::take(report).result()?;
    overrides::describe(&mut supergraph);
    overrides::check(&supergraph, report);
    fields::merge(&mut supergraph, report);
    arguments::merge(&mut supergraph, report);
    inputs::merge(&mut supergraph, report);
    enums::merge(&mut supergraph, report);
    executable::check(&supergraph, report);
    overrides::hint(&mut supergraph);
    unions::hint(&mut supergraph);
    entries::add_interface_object_fields(&mut supergraph);
    marks::spread_auth(&mut supergraph);
    entries::fill(&mut supergraph);
    if report.is_empty() {
        types::check_fields(&supergraph, report);
    }
    Ok(supergraph)
}
