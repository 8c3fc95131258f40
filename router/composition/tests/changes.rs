//! Changes between two versions of a schema, by what they do to clients.

use atelier_composition::check::{Severity, breaking_changes};

/// The changes as `severity coordinate`.
fn changes(old: &str, new: &str) -> Vec<String> {
    breaking_changes(old, new)
        .iter()
        .map(|change| format!("{} {}", change.severity, change.coordinate))
        .collect()
}

#[test]
fn what_is_removed_breaks() {
    let old = "type Query { a(x: Int): Int b: Int } enum E { A B } union U = S | T type S { a: Int } \
               type T implements N { a: Int } interface N { a: Int } input I { a: Int b: Int }";
    let new = "type Query { a: Int } enum E { A } union U = S type S { a: Int } type T { a: Int } \
               interface N { a: Int } input I { a: Int }";
    assert_eq!(
        changes(old, new),
        [
            "breaking E.B",
            "breaking I.b",
            "breaking Query.a(x:)",
            "breaking Query.b",
            "breaking T",
            "breaking U",
        ]
    );
    assert_eq!(
        changes(old, "type Query { a(x: Int): Int b: Int }").len(),
        6
    );
}

#[test]
fn what_is_added_breaks_only_where_it_is_required() {
    let old = "type Query { a: Int } enum E { A } input I { a: Int } union U = S type S { a: Int }";
    let new = "type Query { a(x: Int!, y: Int, z: Int! = 1): Int b: Int } enum E { A B } \
               input I { a: Int b: Int! c: Int } union U = S | T type S { a: Int } type T { a: Int }";
    assert_eq!(
        changes(old, new),
        [
            "breaking I.b",
            "breaking Query.a(x:)",
            "dangerous E.B",
            "dangerous I.c",
            "dangerous Query.a(y:)",
            "dangerous Query.a(z:)",
            "dangerous U",
            "safe Query.b",
            "safe T",
        ]
    );
}

#[test]
fn outputs_may_promise_more_and_inputs_demand_less() {
    let old = "type Query { a(x: Int!, y: [Int!]): Int b: [Int!]! }";
    assert_eq!(
        changes(old, "type Query { a(x: Int, y: [Int]): Int! b: [Int!]! }"),
        ["safe Query.a", "safe Query.a(x:)", "safe Query.a(y:)"]
    );
    assert_eq!(
        changes("type Query { a(x: Int, y: [Int]): Int! b: [Int!]! }", old),
        [
            "breaking Query.a",
            "breaking Query.a(x:)",
            "breaking Query.a(y:)"
        ]
    );
}

#[test]
fn a_list_takes_what_a_single_value_was_given_for() {
    let severity = |old: &str, new: &str| {
        let schema = |ty: &str| format!("type Query {{ a(x: {ty}): Int }}");
        breaking_changes(&schema(old), &schema(new))[0].severity
    };
    assert_eq!(severity("Int", "[Int]"), Severity::Safe);
    assert_eq!(severity("Int!", "[Int!]!"), Severity::Safe);
    assert_eq!(severity("[Int]", "Int"), Severity::Breaking);
    assert_eq!(severity("Int", "String"), Severity::Breaking);
}

#[test]
fn defaults_deprecations_and_descriptions_are_told() {
    assert_eq!(
        changes(
            "type Query { a(x: Int = 1): Int b: Int }",
            "type Query { a(x: Int = 2): Int \"new\" b: Int @deprecated }"
        ),
        ["dangerous Query.a(x:)", "safe Query.b", "safe Query.b"]
    );
    assert_eq!(
        changes(
            "type Query { a(x: Int! = 1): Int }",
            "type Query { a(x: Int!): Int }"
        ),
        ["breaking Query.a(x:)"]
    );
}

#[test]
fn kinds_directives_and_one_of() {
    let old =
        "directive @d(x: Int) on FIELD | QUERY type Query { a: Int } scalar S input I { a: Int }";
    let new = "directive @d on FIELD type Query { a: Int } enum S { A } input I @oneOf { a: Int }";
    assert_eq!(
        changes(old, new),
        ["breaking @d", "breaking @d(x:)", "breaking I", "breaking S"]
    );
}

#[test]
fn a_supergraph_is_compared_by_what_clients_see() {
    let supergraph = |hidden: &str| {
        format!(
            "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") \
             @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) \
             @link(url: \"https://specs.apollo.dev/inaccessible/v0.2\", for: SECURITY) {{ query: Query }} \
             enum join__Graph {{ A }} \
             type Query @join__type(graph: A) {{ a: Int {hidden} }}"
        )
    };
    assert_eq!(
        changes(&supergraph("b: Int @inaccessible"), &supergraph("")),
        Vec::<String>::new()
    );
    assert_eq!(
        changes("type Query { a: Int }", &supergraph("b: Int")),
        ["safe Query.b"]
    );
}

#[test]
fn a_schema_that_does_not_parse_is_a_breaking_change() {
    assert_eq!(
        changes("type Query { a: Int }", "type {"),
        ["breaking schema"]
    );
}
