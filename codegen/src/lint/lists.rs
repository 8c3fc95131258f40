//! Every list has a bound: a connection with `first` or `last`, `@listSize`, an enum's values, or a
//! reason in `lint.toml`.

use std::collections::BTreeSet;

use atelier_composition::syntax::{FieldDefinition, TypeDefinition, TypeKind};

use super::{
    Findings, Rule, Settings,
    graph::{Graph, at, has, is_connection, is_user_error},
};

pub(super) fn check(graph: &Graph<'_>, settings: &Settings, findings: &mut Findings) {
    let mut spared = BTreeSet::new();
    for (ty, field) in graph.fields() {
        let target = graph.get(field.ty.name);
        if target.is_some_and(is_connection) {
            check_connection(ty, field, findings);
            continue;
        }
        if !field.ty.is_list()
            || bounded_by_itself(ty, target)
            || has(&field.directives, "listSize")
        {
            continue;
        }
        let coordinate = at(ty, field);
        if settings.closed_lists.contains_key(&coordinate) {
            spared.insert(coordinate);
            continue;
        }
        findings.add(
            Rule::List,
            coordinate,
            "nothing bounds this list: make it a connection, give it @listSize with the arguments that bound it, or, if it \
             is short by what it holds, say why under [closed_lists] in lint.toml",
        );
    }
    for (coordinate, why) in &settings.closed_lists {
        if !spared.contains(coordinate) {
            findings.add(
                Rule::Settings,
                coordinate,
                "needs no entry under [closed_lists] in lint.toml: take it out",
            );
        } else if why.trim().is_empty() {
            findings.add(
                Rule::Settings,
                coordinate,
                "say under [closed_lists] in lint.toml what keeps this list short",
            );
        }
    }
}

/// The pages of a connection, the errors of one request and the values of an enum.
fn bounded_by_itself(ty: &TypeDefinition<'_>, target: Option<&TypeDefinition<'_>>) -> bool {
    is_connection(ty)
        || is_user_error(ty)
        || target.is_some_and(|target| target.kind == TypeKind::Enum || is_user_error(target))
}

fn check_connection(ty: &TypeDefinition<'_>, field: &FieldDefinition<'_>, findings: &mut Findings) {
    let sliced = field.arguments.iter().any(|argument| {
        matches!(argument.name.text, "first" | "last")
            && argument.ty.name == "Int"
            && !argument.ty.is_list()
    });
    if !sliced {
        findings.add(
            Rule::List,
            at(ty, field),
            "a connection takes `first: Int` or `last: Int` (or both)",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Settings, testing::findings, testing::findings_with};

    #[test]
    fn a_plain_list_is_named() {
        assert_eq!(
            findings(Rule::List, "type Query { names: [String!]! }"),
            ["Query.names"]
        );
    }

    #[test]
    fn list_size_and_enum_values_bound_a_list() {
        let sdl = "type Query { a(first: Int): [String!] @listSize(slicingArguments: [\"first\"]) e: [E!]! } enum E { X }";
        assert!(findings(Rule::List, sdl).is_empty());
    }

    #[test]
    fn a_connection_needs_a_slicing_argument() {
        let connection = "type ThingConnection { nodes: [Int!]! edges: [ThingEdge!]! pageInfo: PageInfo! }
                          type ThingEdge { node: Int cursor: String! } type PageInfo { hasNextPage: Boolean! }";
        let with = |arguments: &str| {
            findings(
                Rule::List,
                &format!("type Query {{ things{arguments}: ThingConnection }} {connection}"),
            )
        };
        assert_eq!(with(""), ["Query.things"]);
        assert_eq!(with("(first: String)"), ["Query.things"]);
        assert!(with("(first: Int)").is_empty());
        assert!(with("(last: Int!)").is_empty());
    }

    #[test]
    fn the_errors_of_a_payload_are_bounded_by_its_input() {
        let sdl = "type Query { p: P } type P { userErrors: [AError!]! }
                   interface UserError { path: [String!] } type AError implements UserError { path: [String!] }";
        assert!(findings(Rule::List, sdl).is_empty());
    }

    #[test]
    fn a_closed_list_says_why_and_must_be_one() {
        let settings: Settings =
            toml::from_str("[closed_lists]\n\"Query.plans\" = \"four\"\n\"Query.b\" = \" \"\n\"Query.gone\" = \"was\"").unwrap();
        let sdl = "type Query { plans: [Int!]! b: [Int] }";
        assert!(findings_with(Rule::List, sdl, &settings).is_empty());
        assert_eq!(
            findings_with(Rule::Settings, sdl, &settings),
            ["Query.b", "Query.gone"]
        );
    }
}
