//! Bad input gets an error with its place, never a panic, in bounded time.

use std::fmt::Write;

use atelier_composition::{
    CompositionErrors, ErrorCode, SubgraphSdl, api_schema, check, compose, contract,
};

const FEDERATION: &str = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", \
                          import: [\"@key\", \"@shareable\", \"@requires\", \"@external\"])\n";

fn one(sdl: &str) -> Result<(), CompositionErrors> {
    compose(&[SubgraphSdl::new("a", "", sdl)]).map(|_| ())
}

/// The only error, as code and `line:column`.
fn refusal(sdl: &str) -> (ErrorCode, String) {
    let errors = one(sdl).expect_err("it is refused").0;
    let place = errors[0]
        .locations
        .first()
        .map_or(String::new(), |at| format!("{}:{}", at.line, at.column));
    (errors[0].code, place)
}

#[test]
fn text_that_is_no_graphql_is_refused_with_its_place() {
    let at = |sdl| refusal(sdl);
    assert_eq!(
        at("type Query {\n  a: \n}"),
        (ErrorCode::InvalidGraphql, "3:1".into())
    );
    assert_eq!(
        at("type Query { a: Int"),
        (ErrorCode::InvalidGraphql, "1:20".into())
    );
    assert_eq!(at("{ a }"), (ErrorCode::InvalidGraphql, "1:1".into()));
    assert_eq!(
        at("type Quéry { a: Int }"),
        (ErrorCode::InvalidGraphql, "1:8".into())
    );
    assert_eq!(at("\"open"), (ErrorCode::InvalidGraphql, "1:1".into()));
    assert_eq!(at("\"\"\"open"), (ErrorCode::InvalidGraphql, "1:1".into()));
    assert_eq!(
        at("type Query { a(b: String = \"\\u{110000}\"): Int }").0,
        ErrorCode::InvalidGraphql
    );
    assert_eq!(
        at("type Query { a(b: Int = 01): Int }").0,
        ErrorCode::InvalidGraphql
    );
    assert_eq!(at("\u{0}").0, ErrorCode::InvalidGraphql);
}

#[test]
fn an_empty_subgraph_is_refused() {
    assert_eq!(refusal(""), (ErrorCode::InvalidGraphql, "1:1".into()));
    assert_eq!(
        refusal("# nothing"),
        (ErrorCode::InvalidGraphql, "1:1".into())
    );
    let none = compose(&[]).expect_err("there is nothing to compose");
    assert_eq!(none.0[0].code, ErrorCode::NoQueries);
}

#[test]
fn two_subgraphs_of_one_name_are_refused() {
    let twice = SubgraphSdl::new("a", "", "type Query { a: Int }");
    let errors = compose(&[twice.clone(), twice]).expect_err("refused").0;
    assert_eq!(errors[0].code, ErrorCode::InvalidSubgraphName);
    assert_eq!(errors[0].locations[0].subgraph, "a");
}

#[test]
fn names_that_differ_only_in_case_get_graphs_of_their_own() {
    let named = |name: &str, field: &str| {
        SubgraphSdl::new(name, "", format!("type Query {{ {field}: Int }}"))
    };
    let composed = compose(&[named("a-b", "x"), named("A_B", "y"), named("a_b_1", "z")])
        .unwrap_or_else(|errors| panic!("{errors}"));
    for name in ["A_B_1 @", "A_B_2 @", "A_B_3 @"] {
        assert!(
            composed.supergraph_sdl.contains(name),
            "{}",
            composed.supergraph_sdl
        );
    }
}

#[test]
fn input_types_that_need_themselves_are_refused() {
    let (code, place) = refusal(
        "type Query { a(i: A): Int }\ninput A { b: B! }\ninput B { c: C! }\ninput C { a: A! }",
    );
    assert_eq!((code, &*place), (ErrorCode::InvalidGraphql, "4:11"));
    one("type Query { a(i: A): Int } input A { a: A, many: [A!]! }")
        .expect("this one can be given");
}

#[test]
fn a_chain_of_inputs_as_long_as_the_schema_is_no_problem() {
    let mut sdl = String::from("type Query { a(i: I0): Int }\n");
    for n in 0..50_000 {
        let _ = writeln!(sdl, "input I{n} {{ next: I{}! }}", n + 1);
    }
    sdl.push_str("input I50000 { end: Int }");
    one(&sdl).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let values = format!(
        "type Query {{ a(b: Any = {}): Int }} scalar Any",
        deep("[", "]")
    );
    assert_eq!(refusal(&values).0, ErrorCode::InvalidGraphql);
    let objects = format!(
        "type Query {{ a(b: Any = {}): Int }} scalar Any",
        deep("{a:", "}")
    );
    assert_eq!(refusal(&objects).0, ErrorCode::InvalidGraphql);
    let lists = format!(
        "type Query {{ a: {}Int{} }}",
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(refusal(&lists).0, ErrorCode::InvalidGraphql);
    let key = format!(
        "{FEDERATION}type Query {{ a: A }} type A @key(fields: \"{}b{}\") {{ a: A b: Int }}",
        "a {".repeat(100_000),
        "}".repeat(100_000)
    );
    assert_eq!(refusal(&key).0, ErrorCode::KeyInvalidFields);
}

#[test]
fn ten_megabytes_of_schema_compose() {
    let mut sdl = String::from("type Query { t0: T0 }\n");
    let text = "x".repeat(100);
    let mut n = 0;
    while sdl.len() < 10_000_000 {
        let _ = writeln!(
            sdl,
            "\"{text}\" type T{n} {{ a: Int b: [String!]! next: T{} }}",
            n + 1
        );
        n += 1;
    }
    let _ = writeln!(sdl, "type T{n} {{ a: Int }}");
    one(&sdl).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn more_text_than_is_read_is_refused() {
    let sdl = format!("type Query {{ a: Int }}{}", " ".repeat(33 * 1024 * 1024));
    assert_eq!(refusal(&sdl), (ErrorCode::InvalidGraphql, "1:1".into()));
}

#[test]
fn unknown_versions_are_refused_with_their_place() {
    let link = |url: &str| {
        refusal(&format!(
            "type Query {{ a: Int }}\nextend schema @link(url: \"{url}\")"
        ))
    };
    assert_eq!(
        link("https://specs.apollo.dev/federation/v3.0"),
        (ErrorCode::UnknownFederationLinkVersion, "2:15".into())
    );
    assert_eq!(
        link("https://specs.apollo.dev/tag/v9.0"),
        (ErrorCode::UnknownLinkVersion, "2:15".into())
    );
    assert_eq!(
        link("https://specs.apollo.dev/federation"),
        (ErrorCode::InvalidLinkIdentifier, "2:15".into())
    );
}

#[test]
fn keys_and_requirements_that_chase_each_other_come_to_an_end() {
    let a = format!(
        "{FEDERATION}type Query {{ t: T }}
        type T @key(fields: \"x\") @key(fields: \"y {{ z }}\") {{ x: ID! y: Y c: Int @external b: Int @requires(fields: \"c\") }}
        type Y @key(fields: \"z\") {{ z: ID! }}"
    );
    let b = format!(
        "{FEDERATION}type T @key(fields: \"x\") {{ x: ID! b: Int @external c: Int @requires(fields: \"b\") }}"
    );
    let errors = compose(&[SubgraphSdl::new("a", "", a), SubgraphSdl::new("b", "", b)])
        .expect_err("each waits for the other")
        .0;
    assert!(
        errors
            .iter()
            .all(|e| e.code == ErrorCode::SatisfiabilityError)
    );
    assert!(
        errors[0].message.contains("@requires"),
        "{}",
        errors[0].message
    );
}

#[test]
fn a_dense_web_of_entities_comes_to_an_end() {
    let subgraphs: Vec<SubgraphSdl> = (0..40)
        .map(|graph| {
            let mut sdl = String::from(FEDERATION);
            let _ = writeln!(sdl, "type Query {{ q{graph}: E0 }}");
            for entity in 0..40 {
                let keys = (0..4).fold(String::new(), |mut keys, k| {
                    let _ = write!(keys, " @key(fields: \"k{k} {{ id }}\")");
                    keys
                });
                let fields = (0..4).fold(String::new(), |mut fields, k| {
                    let _ = write!(fields, " k{k}: E{} @shareable", (entity + k + 1) % 40);
                    fields
                });
                let _ = writeln!(
                    sdl,
                    "type E{entity} @key(fields: \"id\"){keys} {{ id: ID!{fields} f{graph}: Int }}"
                );
            }
            SubgraphSdl::new(format!("g{graph}"), "", sdl)
        })
        .collect();
    compose(&subgraphs).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn every_prefix_of_a_schema_is_answered() {
    let sdl = format!(
        "{FEDERATION}\"\"\"d\"\"\" type Query @shareable {{ a(b: [I!]! = [{{c: 1}}]): T! @deprecated(reason: \"\\u00e9\") }}
        type T implements N & M @key(fields: \"id n {{ id }}\", resolvable: true) {{ id: ID! n: T }}
        interface N {{ id: ID! }} interface M {{ id: ID! }} union U = T | T2 enum E {{ A B }} input I {{ c: Int = -1.5e3 }}"
    );
    for end in 0..sdl.len() {
        if sdl.is_char_boundary(end) {
            let _ = one(&sdl[..end]);
            let _ = check::breaking_changes(&sdl, &sdl[..end]);
            let _ = contract(&sdl[..end], &["a"], &["b"]);
            let _ = api_schema(&sdl[..end]);
        }
    }
}

#[test]
fn what_nobody_resolves_is_refused() {
    assert_eq!(
        refusal("type Query { a: Int @external }").0,
        ErrorCode::NoQueries
    );
    let sdl = "type Query { t: T } type T { a: Int @external }";
    assert_eq!(
        refusal(sdl),
        (ErrorCode::ExternalMissingOnBase, "1:26".into())
    );
}

#[test]
fn breadth_is_bounded_as_depth_is() {
    let many = |one: &str, n: usize| one.repeat(n);
    let arguments = format!("type Query @a({}) {{ a: Int }}", many("b: 1 ", 100_000));
    assert_eq!(refusal(&arguments).0, ErrorCode::InvalidGraphql);
    let directives = format!("type Query {} {{ a: Int }}", many("@a ", 100_000));
    assert_eq!(refusal(&directives).0, ErrorCode::InvalidGraphql);
    let object = format!(
        "type Query {{ a(b: S = {{{}}}): Int }} scalar S",
        many("c: 1 ", 100_000)
    );
    assert_eq!(refusal(&object).0, ErrorCode::InvalidGraphql);
    let links = many("@link(url: \"https://a.example/b/v1.0\") ", 500);
    let links = format!("extend schema {links} type Query {{ a: Int }}");
    assert_eq!(refusal(&links).0, ErrorCode::InvalidLinkDirectiveUsage);
    let tags: String = (0..200_000).fold(String::new(), |mut sdl, n| {
        let _ = write!(sdl, "extend type Query @tag(name: \"t{n}\") ");
        sdl
    });
    one(&format!("type Query {{ a: Int }} {tags}")).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn a_supergraph_of_very_many_subgraphs_can_be_read_again() {
    let subgraphs: Vec<SubgraphSdl> = (0..1500)
        .map(|n| SubgraphSdl::new(format!("g{n}"), "", format!("type Query {{ f{n}: Int }}")))
        .collect();
    let composed = compose(&subgraphs).unwrap_or_else(|errors| panic!("{errors}"));
    let api = api_schema(&composed.supergraph_sdl).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(api, composed.api_sdl);
}

#[test]
fn more_text_than_is_read_of_all_subgraphs_together_is_refused() {
    let blanks = " ".repeat(31 * 1024 * 1024);
    let subgraphs: Vec<SubgraphSdl> = (0..9)
        .map(|n| {
            SubgraphSdl::new(
                format!("g{n}"),
                "",
                format!("type Query {{ f{n}: Int }}{blanks}"),
            )
        })
        .collect();
    let errors = compose(&subgraphs).expect_err("too much").0;
    assert_eq!(errors[0].code, ErrorCode::InvalidGraphql);
    assert!(
        errors[0].message.contains("together"),
        "{}",
        errors[0].message
    );
}
