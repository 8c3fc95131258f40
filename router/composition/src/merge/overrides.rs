//! `@override`: who resolves a field instead of whom.

use crate::error::{ErrorCode, Hint, HintCode};
use crate::report::Report;

use super::{Graph, MergedField, Supergraph};

impl Supergraph<'_> {
    /// The subgraph of this name.
    pub(crate) fn graph_named(&self, name: &str) -> Option<Graph> {
        self.subgraphs.iter().position(|s| s.name == name)
    }

    /// Whether another subgraph takes the field over from this one for good.
    pub(crate) fn is_overridden(&self, field: &MergedField<'_>, graph: Graph) -> bool {
        self.override_of(field, graph)
            .is_some_and(|label| label.is_none())
    }

    /// Whether another subgraph replaces the field, and does not just share it.
    fn is_replaced(&self, field: &MergedField<'_>, graph: Graph) -> bool {
        let shared = |(by, part): &(Graph, &crate::subgraph::Field<'_>)| {
            *by != graph && part.marks().overrides.is_some() && part.shareable
        };
        self.is_overridden(field, graph) && !field.parts.iter().any(shared)
    }

    /// The label (if any) of the override that takes the field from this one.
    pub(crate) fn override_of<'g>(
        &self,
        field: &MergedField<'g>,
        graph: Graph,
    ) -> Option<Option<&'g str>> {
        let name = self.subgraphs[graph].name;
        field.parts.iter().find_map(|(by, part)| {
            let overrides = part.marks().overrides?;
            (*by != graph && overrides.from == name).then_some(overrides.label)
        })
    }
}

/// The first description by subgraph; not that of an overridden field, whose
/// text is about what is no longer there.
pub(super) fn describe(supergraph: &mut Supergraph<'_>) {
    let mut described = Vec::new();
    for (index, ty) in supergraph.types.values().enumerate() {
        for (at, field) in ty.fields.values().enumerate() {
            let text = field
                .parts
                .iter()
                .filter(|(graph, _)| !supergraph.is_replaced(field, *graph))
                .find_map(|(_, part)| part.description);
            described.extend(text.map(|text| (index, at, text)));
        }
    }
    for (index, at, text) in described {
        supergraph.types[index].fields[at].description = Some(text);
    }
}

/// Adds the hints about overrides that are done or aim at nothing.
pub(super) fn hint(supergraph: &mut Supergraph<'_>) {
    let mut hints = Vec::new();
    for ty in supergraph.types.values() {
        for field in ty.fields.values() {
            for (graph, part) in &field.parts {
                let Some(overrides) = part.marks().overrides else {
                    continue;
                };
                let coordinate = format!("{}.{}", ty.name, field.name);
                let by = supergraph.subgraphs[*graph].name;
                let from = overrides.from;
                let (code, message) = match supergraph.graph_named(from) {
                    None => (
                        HintCode::FromSubgraphDoesNotExist,
                        format!(
                            "Source subgraph \"{from}\" for field \"{coordinate}\" on subgraph \"{by}\" does not exist."
                        ),
                    ),
                    Some(source) if field.part(source).is_none() => (
                        HintCode::OverrideDirectiveCanBeRemoved,
                        format!(
                            "Field \"{coordinate}\" on subgraph \"{by}\" no longer exists in subgraph \"{from}\": the @override directive can be removed."
                        ),
                    ),
                    Some(_) if overrides.label.is_none() => (
                        HintCode::OverriddenFieldCanBeRemoved,
                        format!(
                            "Field \"{coordinate}\" on subgraph \"{from}\" is overridden: consider removing it there."
                        ),
                    ),
                    Some(_) => continue,
                };
                hints.push(Hint {
                    code,
                    message,
                    coordinate,
                });
            }
        }
    }
    supergraph.hints.extend(hints);
}

/// An overriding field must not be overridden itself.
pub(super) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    for ty in supergraph.types.values() {
        for field in ty.fields.values() {
            for (graph, part) in &field.parts {
                let Some(overrides) = part.marks().overrides else {
                    continue;
                };
                let Some(from) = supergraph.graph_named(overrides.from) else {
                    continue;
                };
                let source = field.part(from).and_then(|p| p.marks().overrides);
                let required = field.part(from).is_some_and(|p| p.requires.is_some());
                if overrides.label.is_some() && required {
                    let subgraph = &supergraph.subgraphs[*graph];
                    let message = format!(
                        "@override with label (progressive override) cannot be used on field \"{}.{}\" on \
                         subgraph \"{}\" since it is marked with directive \"@requires\" on \"{}\". Use \
                         @override without label for this migration.",
                        ty.name, field.name, subgraph.name, overrides.from
                    );
                    let code = ErrorCode::OverrideCollisionWithAnotherDirective;
                    report.at(subgraph, overrides.pos, code, message);
                }
                if from != *graph && source.is_some() {
                    let subgraph = &supergraph.subgraphs[*graph];
                    let message = format!(
                        "Field \"{}.{}\" on subgraph \"{}\" has an @override from \"{}\", where it is \
                         marked with @override too. Only one @override directive is allowed per field.",
                        ty.name, field.name, subgraph.name, overrides.from
                    );
                    report.at(
                        subgraph,
                        overrides.pos,
                        ErrorCode::OverrideSourceHasOverride,
                        message,
                    );
                }
            }
        }
    }
}
