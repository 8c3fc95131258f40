//! Properties that hold for all subgraphs, checked on generated ones.

use std::fmt::Write;
use std::time::Duration;

use atelier_composition::check::{Severity, breaking_changes};
use atelier_composition::{SubgraphSdl, api_schema, compose, contract};
use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::graph::PlannerOverrideContext;
use hive_router_query_planner::planner::{Planner, QueryPlannerOptions};
use hive_router_query_planner::utils::cancellation::CancellationToken;
use hive_router_query_planner::utils::parsing::{safe_parse_operation, safe_parse_schema};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

const TYPES: usize = 4;
const LINK: &str = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", import: \
                    [\"@key\", \"@shareable\", \"@external\", \"@requires\", \"@tag\", \"@inaccessible\"])\n";

/// What one subgraph says of one entity.
#[derive(Clone, Debug)]
struct Part {
    shared: Vec<bool>,
    links: Vec<usize>,
    key: bool,
    requires: bool,
    tag: bool,
}

fn part() -> impl Strategy<Value = Part> {
    (
        prop::collection::vec(any::<bool>(), 3),
        prop::collection::vec(0..TYPES, 0..3),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(|(shared, links, key, requires, tag)| Part {
            shared,
            links,
            key,
            requires,
            tag,
        })
}

fn sdl(graph: usize, parts: &[Option<Part>]) -> String {
    let mut sdl = String::from(LINK);
    let mut query = format!("type Query {{ q{graph}: Int");
    for (at, part) in parts.iter().enumerate() {
        let Some(part) = part else { continue };
        let _ = write!(query, " get{graph}x{at}: T{at}");
        let key = if part.key { "@key(fields: \"id\")" } else { "" };
        let _ = write!(sdl, "type T{at} {key} {{ id: ID! @shareable");
        for (n, shared) in part.shared.iter().enumerate() {
            if *shared {
                let _ = write!(sdl, " s{n}: String @shareable");
            }
        }
        let _ = write!(sdl, " own{graph}: Int");
        if part.tag {
            sdl.push_str(" @tag(name: \"t\")");
        }
        if part.requires && !part.shared[0] {
            let _ = write!(
                sdl,
                " s0: String @external need{graph}: Int @requires(fields: \"s0\")"
            );
        }
        for (n, to) in part.links.iter().enumerate() {
            if parts[*to].is_some() {
                let _ = write!(sdl, " link{graph}x{n}: T{to}");
            }
        }
        sdl.push_str(" }\n");
    }
    let _ = writeln!(sdl, "{query} }}");
    sdl
}

prop_compose! {
    fn subgraphs()(all in prop::collection::vec(
        prop::collection::vec(prop::option::weighted(0.7, part()), TYPES), 1..5,
    )) -> Vec<SubgraphSdl> {
        all.iter()
            .enumerate()
            .map(|(graph, parts)| {
                SubgraphSdl::new(format!("g{graph}"), format!("http://g{graph}"), sdl(graph, parts))
            })
            .collect()
    }
}

/// A query for each field of each type that a root field returns.
fn operations(api: &str) -> Vec<String> {
    let fields = |ty: &str| -> Vec<(String, String)> {
        let body = api
            .split(&format!("type {ty} {{\n"))
            .nth(1)
            .unwrap_or_default();
        body.lines()
            .take_while(|line| *line != "}")
            .filter_map(|line| {
                let (name, ty) = line.trim().split_once(": ")?;
                let ty = ty.split_whitespace().next()?.trim_end_matches('!');
                Some((name.to_owned(), ty.to_owned()))
            })
            .collect()
    };
    let mut operations = Vec::new();
    for (root, ty) in fields("Query") {
        let below = fields(&ty);
        if below.is_empty() {
            operations.push(format!("{{ {root} }}"));
        }
        for (name, ty) in below {
            let deeper = if fields(&ty).is_empty() {
                ""
            } else {
                " { id }"
            };
            operations.push(format!("{{ {root} {{ {name}{deeper} }} }}"));
        }
    }
    operations
}

/// The properties would say little if all of the generated were refused.
#[test]
fn many_of_the_generated_compose_and_many_do_not() {
    let mut runner = TestRunner::deterministic();
    let strategy = subgraphs();
    let composed = (0..400)
        .filter(|_| {
            let tree = strategy
                .new_tree(&mut runner)
                .expect("subgraphs are generated");
            compose(&tree.current()).is_ok()
        })
        .count();
    assert!((80..=350).contains(&composed), "{composed} of 400 composed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_261_121), ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_subgraphs_makes_no_difference(
        (subgraphs, shuffled) in subgraphs().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        prop_assert_eq!(compose(&subgraphs), compose(&shuffled));
    }

    #[test]
    fn composing_twice_gives_the_same_bytes(subgraphs in subgraphs()) {
        prop_assert_eq!(compose(&subgraphs), compose(&subgraphs));
    }

    #[test]
    fn the_api_schema_is_that_of_the_supergraph(subgraphs in subgraphs()) {
        if let Ok(composed) = compose(&subgraphs) {
            prop_assert_eq!(api_schema(&composed.supergraph_sdl), Ok(composed.api_sdl));
        }
    }

    #[test]
    fn nothing_changes_between_a_schema_and_itself(subgraphs in subgraphs()) {
        if let Ok(composed) = compose(&subgraphs) {
            prop_assert_eq!(breaking_changes(&composed.supergraph_sdl, &composed.api_sdl), vec![]);
        }
    }

    #[test]
    fn a_contract_only_takes_away(subgraphs in subgraphs()) {
        let Ok(composed) = compose(&subgraphs) else { return Ok(()) };
        let Ok(narrowed) = contract(&composed.supergraph_sdl, &[], &["t"]) else { return Ok(()) };
        let api = api_schema(&narrowed).expect("a contract parses");
        for change in breaking_changes(&composed.api_sdl, &api) {
            prop_assert_eq!(change.severity, Severity::Breaking, "{}", change);
            prop_assert!(change.message.contains("removed"), "{}", change);
        }
    }

    #[test]
    fn what_composes_plans(subgraphs in subgraphs()) {
        if let Ok(composed) = compose(&subgraphs) {
            let document = safe_parse_schema(&composed.supergraph_sdl).expect("it parses");
            let planner = Planner::new_from_supergraph(&document, QueryPlannerOptions::default());
            let planner = planner.expect("the planner takes it");
            for operation in operations(&composed.api_sdl) {
                let parsed = safe_parse_operation(&operation).expect("the operation parses");
                let normal = normalize_operation(&planner.supergraph, &parsed, None).expect("normal");
                let plan = planner.plan_from_normalized_operation(
                    &normal.operation,
                    PlannerOverrideContext::default(),
                    &CancellationToken::with_timeout(Duration::from_secs(30)),
                );
                prop_assert!(plan.is_ok(), "{operation}: {:?}\n{}", plan.err(), composed.supergraph_sdl);
            }
        }
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}") {
        let _ = compose(&[SubgraphSdl::new("a", "", text)]);
    }

    #[test]
    fn any_sequence_of_tokens_gets_an_answer(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "type", "Query", "{", "}", "a", ":", "Int", "!", "[", "]", "(", ")", "@", "key", "fields",
            "\"id\"", "extend", "schema", "interface", "implements", "&", "|", "=", "union", "enum",
            "input", "scalar", "directive", "on", "repeatable", "FIELD", "...", "\"\"\"d\"\"\"", "1", "-1.5e3",
        ]), 0..60),
    ) {
        let _ = compose(&[SubgraphSdl::new("a", "", tokens.join(" "))]);
    }
}
