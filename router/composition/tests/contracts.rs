//! Contracts: what one audience may see of a supergraph.

use atelier_composition::{ErrorCode, SubgraphSdl, api_schema, compose, contract};

const SDL: &str = r#"
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@tag"])
type Query {
  me: User @tag(name: "public")
  audit: [Entry!] @tag(name: "internal")
  byLevel(level: Level, dry: Boolean @tag(name: "internal")): User @tag(name: "public")
}
type User @key(fields: "id") @tag(name: "public") { id: ID! name: String email: String @tag(name: "internal") }
type Entry { text: String by: User }
enum Level { LOW @tag(name: "public") HIGH @tag(name: "internal") }
"#;

fn supergraph() -> String {
    compose(&[SubgraphSdl::new("a", "http://a", SDL)])
        .unwrap_or_else(|errors| panic!("{errors}"))
        .supergraph_sdl
}

fn api(include: &[&str], exclude: &[&str]) -> String {
    let narrowed = contract(&supergraph(), include, exclude).unwrap_or_else(|e| panic!("{e}"));
    api_schema(&narrowed).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn excluded_tags_are_hidden() {
    let api = api(&[], &["internal"]);
    assert!(
        api.contains("me: User") && api.contains("name: String"),
        "{api}"
    );
    for hidden in ["audit", "email", "HIGH", "dry"] {
        assert!(!api.contains(hidden), "{hidden} in {api}");
    }
}

#[test]
fn with_tags_to_include_only_those_and_their_types_stay() {
    let api = api(&["public"], &[]);
    for kept in ["me: User", "email", "name", "LOW"] {
        assert!(api.contains(kept), "{kept} not in {api}");
    }
    for hidden in ["audit", "Entry", "HIGH"] {
        assert!(!api.contains(hidden), "{hidden} in {api}");
    }
}

#[test]
fn exclusion_wins_over_inclusion() {
    let api = api(&["public"], &["internal"]);
    assert!(
        api.contains("name: String") && !api.contains("email"),
        "{api}"
    );
}

#[test]
fn what_is_hidden_stays_in_the_supergraph_for_the_router() {
    let narrowed = contract(&supergraph(), &[], &["internal"]).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        narrowed.contains("email: String @tag(name: \"internal\") @inaccessible"),
        "{narrowed}"
    );
    assert!(
        narrowed.contains("https://specs.apollo.dev/inaccessible/v0.2"),
        "{narrowed}"
    );
}

#[test]
fn a_contract_that_leaves_no_query_is_refused() {
    let errors = contract(&supergraph(), &["nobody"], &[])
        .expect_err("nothing is left")
        .0;
    assert_eq!(errors[0].code, ErrorCode::QueryRootTypeInaccessible);
}

#[test]
fn text_that_is_no_schema_is_refused() {
    let errors = contract("type {", &[], &[]).expect_err("no schema").0;
    assert_eq!(errors[0].code, ErrorCode::InvalidGraphql);
    assert_eq!(errors[0].locations[0].column, 6);
}

#[test]
fn what_remains_is_a_valid_schema() {
    let sdl = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@tag"])
    type Query { all: [Media] find(secret: Int! @tag(name: "x")): Int put(in: In, other: Int): Int }
    interface Media { id: ID! title: String }
    type Book implements Media { id: ID! title: String @tag(name: "x") }
    type Film implements Media { id: ID! title: String }
    input In { key: Int! @tag(name: "x") name: String }
    "#;
    let composed = compose(&[SubgraphSdl::new("a", "", sdl)]).unwrap_or_else(|e| panic!("{e}"));
    let narrowed =
        contract(&composed.supergraph_sdl, &[], &["x"]).unwrap_or_else(|e| panic!("{e}"));
    let api = api_schema(&narrowed).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        !api.contains("find"),
        "a required argument is hidden: {api}"
    );
    assert!(!api.contains("In") || !api.contains("input In"), "{api}");
    assert!(api.contains("put(other: Int): Int"), "{api}");
    let interface = api.split("interface Media").nth(1).unwrap_or_default();
    let interface = interface.split('}').next().unwrap_or_default();
    assert!(!interface.contains("title"), "Book no longer has it: {api}");
    // Composing the remains shows that they are a schema of their own.
    compose(&[SubgraphSdl::new("remains", "", api)]).unwrap_or_else(|e| panic!("{e}"));
}
