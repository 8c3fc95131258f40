//! What a subgraph's directive says also stands in the supergraph: an authorization rule that got
//! lost between the two would open what it was to close.

use atelier_composition::{
    SubgraphSdl,
    syntax::{Document, SyntaxError, parse_document},
};

use super::{Findings, Rule};
use crate::{
    applied::{applied, directive_name},
    federation::AUTHORIZATION,
};

/// Directives that composition carries over, besides those about authorization.
const CARRIED: [&str; 5] = ["cost", "deprecated", "inaccessible", "listSize", "tag"];

pub(super) fn check(
    supergraph: &Document<'_>,
    subgraphs: &[SubgraphSdl],
    findings: &mut Findings,
) -> Result<(), SyntaxError> {
    let above = applied(supergraph);
    for subgraph in subgraphs {
        for (coordinate, directives) in applied(&parse_document(&subgraph.sdl)?) {
            for directive in &directives {
                let name = directive_name(directive);
                let carried = AUTHORIZATION.contains(&name) || CARRIED.contains(&name);
                let there = above
                    .get(&coordinate)
                    .is_some_and(|above| above.iter().any(|d| directive_name(d) == name));
                if carried && !there {
                    let message = format!(
                        "subgraph {} says {directive}, and the supergraph does not",
                        subgraph.name
                    );
                    findings.add(Rule::Survival, &coordinate, message);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Settings, lint, testing::findings};
    use atelier_composition::{SubgraphSdl, compose};

    #[test]
    fn composition_carries_every_rule() {
        let sdl = r#"type Query { a: Int @authenticated b: Int @requiresScopes(scopes: [["s"]]) c: Int @policy(policies: [["p"]])
            d(first: Int @cost(weight: 2)): [Int] @listSize(slicingArguments: ["first"]) @cost(weight: 5)
            e: E @inaccessible f: E @tag(name: "t") @deprecated } enum E @authenticated { X @tag(name: "u") }"#;
        assert!(findings(Rule::Survival, sdl).is_empty());
    }

    #[test]
    fn a_rule_that_the_supergraph_lacks_is_named() {
        let open = compose(&[SubgraphSdl::new("one", "", "type Query { a: Int }")])
            .unwrap()
            .supergraph_sdl;
        let closed = SubgraphSdl::new("one", "", "type Query { a: Int @authenticated }");
        let found = lint(&open, &[closed], &Settings::default()).unwrap();
        let lost: Vec<_> = found
            .iter()
            .filter(|finding| finding.rule == Rule::Survival)
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lost,
            ["[survival] Query.a: subgraph one says @authenticated, and the supergraph does not"]
        );
    }
}
