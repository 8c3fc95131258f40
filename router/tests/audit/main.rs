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

#[tokio::test]
async fn every_place_of_a_partial_union_is_asked_of_one_subgraph() {
    for suite in ["partial-unions", "partial-unions-with-directives"] {
        let failures = Suite::of_ours(suite).run(Transport::InProcess).await;
        assert!(failures.is_empty(), "{suite}:\n{}", report(&failures));
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
