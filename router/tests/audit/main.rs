//! The public audit of federation gateways (`graphql-hive/federation-gateway-audit`),
//! its facts in a format of ours: every suite is composed by our composer, planned
//! and run by the router against strict mock subgraphs.

mod deferred;
mod demands;
mod execution;
mod pieces;
mod schema;
mod server;
mod strictness;
mod subgraph;
mod suite;
mod tables;
mod values;
mod worlds;

use suite::{Suite, Transport, folder};

/// Cases of all suites together.
const CASES: usize = 213;

macro_rules! suites {
    ($($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            agrees(stringify!($test), Transport::InProcess).await;
        })*

        mod over_http {
            $(#[tokio::test]
            async fn $test() {
                crate::agrees(stringify!($test), crate::Transport::Http1).await;
            })*
        }

        mod over_http2 {
            $(#[tokio::test]
            async fn $test() {
                crate::agrees(stringify!($test), crate::Transport::Http2).await;
            })*
        }

        mod with_defer {
            $(#[tokio::test]
            async fn $test() {
                let name = stringify!($test).replace('_', "-");
                let failures = crate::deferred::run(&name).await;
                assert!(failures.is_empty(), "{}", failures.join("\n\n"));
            })*
        }

        const SUITES: &[&str] = &[$(stringify!($test)),*];
    };
}

suites! {
    abstract_types
    child_type_mismatch
    circular_reference_interface
    complex_entity_call
    corrupted_supergraph_node_id
    enum_intersection
    executable_directive_definition_default_arguments
    fed1_external_extends
    fed1_external_extends_resolvable
    fed1_external_extension
    fed2_external_extends
    fed2_external_extension
    include_skip
    input_object_intersection
    interface_object_indirect_extension
    interface_object_with_requires
    keys_mashup
    mutations
    mysterious_external
    nested_provides
    nested_requires
    node
    non_resolvable_interface_object
    null_keys
    override_type_interface
    override_with_requires
    parent_entity_call
    parent_entity_call_complex
    partial_union
    partial_union_complex
    provides_on_interface
    provides_on_union
    provides_only_requested_fields
    requires_circular
    requires_interface
    requires_requires
    requires_with_argument
    requires_with_argument_conflict
    requires_with_fragments
    shared_root
    simple_entity_call
    simple_inaccessible
    simple_interface_object
    simple_override
    simple_requires_provides
    typename
    unavailable_override
    union_interface_distributed
    union_intersection
}

/// Suites that are not part of the public audit.
mod ours {
    async fn agrees(suite: &str) {
        let suite = crate::Suite::of_ours(suite);
        let failures = suite.run(crate::Transport::InProcess).await;
        assert!(failures.is_empty(), "{}", crate::report(&failures));
    }

    #[tokio::test]
    async fn every_place_of_a_partial_union_is_asked_of_one_subgraph() {
        agrees("partial-unions").await;
        agrees("partial-unions-with-directives").await;
    }

    #[tokio::test]
    async fn interfaces_may_have_other_objects_in_other_subgraphs() {
        agrees("partial-interfaces").await;
    }

    #[tokio::test]
    async fn fields_with_requirements_are_reached_by_any_key() {
        agrees("requires-by-another-key").await;
    }

    #[tokio::test]
    async fn fields_with_requirements_get_them_below_shared_fields() {
        agrees("shared-fields-with-requirements").await;
    }

    #[tokio::test]
    async fn what_one_type_provides_another_does_not() {
        agrees("provides-of-several-types").await;
    }

    #[tokio::test]
    async fn fields_of_an_interface_object_come_for_each_of_its_types() {
        agrees("interface-object-of-several-types").await;
    }

    #[tokio::test]
    async fn aliases_may_be_names_of_other_fields() {
        agrees("aliases-like-fields").await;
    }

    /// Whether the planner ends by itself depends on the order of its tables.
    #[tokio::test]
    async fn a_plan_without_end_is_ended() {
        let suite = crate::Suite::of_ours("planner-without-end");
        let gateway = suite.gateway(crate::Transport::InProcess).await;
        let query =
            "{ shelf { book { pages author { age initials } x: id y: pages id code { text } } } }";
        let request = atelier_router::ClientRequest::new(query);
        let atelier_router::Outcome::Single(answer) = gateway.router.execute(request).await else {
            panic!("a stream");
        };
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let known = [None, Some("INTERNAL"), Some("OPERATION_TOO_LARGE")];
        assert!(known.contains(&code), "{answer}");
        println!("{code:?}");
    }

    #[tokio::test]
    async fn conditions_that_contradict_select_nothing() {
        agrees("conditions-that-contradict").await;
    }
}

async fn agrees(test: &str, transport: Transport) {
    let name = test.replace('_', "-");
    let suite = Suite::read(&name);
    let failures = suite.run(transport).await;
    let total = suite.cases.len();
    println!("{name}: {} of {total}", total - failures.len());
    assert!(failures.is_empty(), "{name}:\n{}", report(&failures));
}

fn report(failures: &[(usize, String)]) -> String {
    let line = |(at, difference): &(usize, String)| format!("case {at}: {difference}\n");
    failures.iter().map(line).collect()
}

#[test]
fn every_suite_of_the_audit_is_here_and_counted() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    files.sort();
    let mut named: Vec<String> = SUITES.iter().map(|name| name.replace('_', "-")).collect();
    named.sort();
    assert_eq!(
        files, named,
        "suites without a test, or tests without a suite"
    );
    let cases = named.iter().map(|name| Suite::read(name).cases.len());
    assert_eq!(cases.sum::<usize>(), CASES);
}
