//! An enum that is both given and taken lives in one subgraph: composition takes the union of the
//! values for output and the intersection for input, and so refuses every new value until all
//! subgraphs that define it know it.

use std::collections::BTreeSet;

use atelier_composition::syntax::TypeKind;

use super::{Findings, Rule, graph::Graph};

pub(super) fn check(graph: &Graph<'_>, findings: &mut Findings) {
    let arguments = graph.fields().flat_map(|(_, field)| &field.arguments);
    let taken: BTreeSet<&str> = arguments
        .chain(graph.types().flat_map(|ty| &ty.inputs))
        .map(|input| input.ty.name)
        .collect();
    let given: BTreeSet<&str> = graph.fields().map(|(_, field)| field.ty.name).collect();
    for ty in graph.types().filter(|ty| ty.kind == TypeKind::Enum) {
        let name = ty.name.text;
        let homes: BTreeSet<&str> = graph.homes(ty).map(|(subgraph, _)| subgraph).collect();
        if homes.len() > 1 && taken.contains(name) && given.contains(name) {
            let homes: Vec<&str> = homes.into_iter().collect();
            let message = format!(
                "is input and output and defined by {}: keep it in one of them",
                homes.join(", ")
            );
            findings.add(Rule::Enum, name, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Settings, testing::findings_of};

    fn shared(one: &str, other: &str) -> Vec<String> {
        findings_of(
            Rule::Enum,
            &[("one", one), ("other", other)],
            &Settings::default(),
        )
    }

    #[test]
    fn an_enum_for_both_ways_in_two_subgraphs_is_named() {
        let (one, other) = (
            "type Query { a(e: E): Int } enum E { X }",
            "type Query { b: E } enum E { X }",
        );
        assert_eq!(shared(one, other), ["E"]);
    }

    #[test]
    fn one_way_or_one_subgraph_passes() {
        assert!(
            shared(
                "type Query { a: E } enum E { X }",
                "type Query { b: E } enum E { X }"
            )
            .is_empty()
        );
        assert!(
            shared(
                "type Query { a(e: E): E } enum E { X }",
                "type Query { b: Int }"
            )
            .is_empty()
        );
    }
}
