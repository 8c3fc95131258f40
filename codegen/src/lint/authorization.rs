//! Every field says who may read it.
//!
//! A field is covered if it or its type carries `@authenticated`, `@requiresScopes` or `@policy`, if
//! it or its type is tagged `public`, or if no way leads to its type but through covered fields.

use std::collections::BTreeSet;

use atelier_composition::syntax::Directive;

use super::{
    Findings, Rule, Settings,
    graph::{Graph, at, fields_of, has, is_envelope, named},
};
use crate::federation::AUTHORIZATION;

pub(super) fn check(graph: &Graph<'_>, settings: &Settings, findings: &mut Findings) {
    let mut spared = BTreeSet::new();
    let exceptions = &settings.authorization.exceptions;
    for name in open_types(graph) {
        let Some(ty) = graph.get(name) else { continue };
        if is_envelope(ty) || covers(&ty.directives) {
            continue;
        }
        for field in fields_of(ty).filter(|field| !covers(&field.directives)) {
            let coordinate = at(ty, field);
            if exceptions.contains(&coordinate) {
                spared.insert(coordinate);
                continue;
            }
            findings.add(
                Rule::Authorization,
                coordinate,
                "anybody can reach this field and nothing says that they may: put @authenticated, @requiresScopes or \
                 @policy on it or on its type, or tag it \"public\"",
            );
        }
    }
    for stale in exceptions.difference(&spared) {
        findings.add(
            Rule::Settings,
            stale,
            "has a rule or is gone: take it out of [authorization] in lint.toml",
        );
    }
    check_count(exceptions.len(), settings.authorization.at_most, findings);
}

fn check_count(entries: usize, at_most: usize, findings: &mut Findings) {
    let message = match entries.cmp(&at_most) {
        std::cmp::Ordering::Equal => return,
        std::cmp::Ordering::Less => {
            format!("there are only {entries} exceptions: lower `at_most` to that")
        }
        std::cmp::Ordering::Greater => {
            format!(
                "there are {entries} exceptions and at most {at_most} may be: give the new ones a rule instead"
            )
        }
    };
    findings.add(Rule::Settings, "authorization.at_most", message);
}

/// Types that callers without any credentials reach.
fn open_types<'a>(graph: &Graph<'a>) -> BTreeSet<&'a str> {
    let mut open = BTreeSet::new();
    let mut next: Vec<&str> = graph.roots().map(|root| root.name.text).collect();
    while let Some(name) = next.pop() {
        let Some(ty) = graph.get(name) else { continue };
        if !open.insert(ty.name.text) || guarded(&ty.directives) {
            continue;
        }
        next.extend(graph.possible(ty));
        next.extend(
            fields_of(ty)
                .filter(|field| !guarded(&field.directives))
                .map(|field| field.ty.name),
        );
    }
    open
}

fn covers(directives: &[Directive<'_>]) -> bool {
    guarded(directives) || named(directives, "tag").any(|tag| tag.string("name") == Some("public"))
}

fn guarded(directives: &[Directive<'_>]) -> bool {
    AUTHORIZATION.iter().any(|name| has(directives, name))
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Settings, testing::findings, testing::findings_with};

    fn uncovered(sdl: &str) -> Vec<String> {
        findings(Rule::Authorization, sdl)
    }

    #[test]
    fn a_field_without_a_rule_is_named() {
        assert_eq!(uncovered("type Query { me: String }"), ["Query.me"]);
    }

    #[test]
    fn a_rule_on_the_field_or_its_type_covers_it() {
        let sdl = r#"
            type Query { a: Int @authenticated b: Int @requiresScopes(scopes: [["s"]]) c: Int @policy(policies: [["p"]])
                         d: Int @tag(name: "public") e: E @tag(name: "public") }
            type E @authenticated { f: Int }
        "#;
        assert!(uncovered(sdl).is_empty());
    }

    #[test]
    fn another_tag_than_public_covers_nothing() {
        assert_eq!(
            uncovered(r#"type Query { a: Int @tag(name: "admin") }"#),
            ["Query.a"]
        );
    }

    #[test]
    fn what_only_guarded_fields_lead_to_is_covered() {
        assert!(
            uncovered("type Query { a: A @authenticated } type A { b: B } type B { c: Int }")
                .is_empty()
        );
    }

    #[test]
    fn one_open_way_uncovers_a_type() {
        let sdl = r#"type Query { a: B @authenticated b: A @tag(name: "public") } type A @tag(name: "public") { b: B } type B { c: Int }"#;
        assert_eq!(uncovered(sdl), ["B.c"]);
    }

    #[test]
    fn an_open_union_or_interface_opens_what_it_may_be() {
        let sdl = r#"
            type Query { u: U @tag(name: "public") n: N @tag(name: "public") }
            union U = A interface N { id: ID! @tag(name: "public") } type A { a: Int } type B implements N { id: ID! b: Int }
        "#;
        assert_eq!(uncovered(sdl), ["A.a", "B.b", "B.id"]);
    }

    #[test]
    fn payloads_and_connections_promise_what_their_field_promises() {
        let sdl = r#"
            type Query { things(first: Int): ThingConnection @tag(name: "public") }
            type ThingConnection { pageInfo: PageInfo! nodes: [Thing!]! } type PageInfo { hasNextPage: Boolean! } type Thing { id: ID! }
        "#;
        assert_eq!(uncovered(sdl), ["Thing.id"]);
    }

    #[test]
    fn an_exception_spares_one_field_and_must_be_needed() {
        let settings: Settings = toml::from_str(
            "[authorization]\nat_most = 2\nexceptions = [\"Query.me\", \"Query.gone\"]",
        )
        .unwrap();
        let sdl = "type Query { me: String you: String }";
        assert_eq!(
            findings_with(Rule::Authorization, sdl, &settings),
            ["Query.you"]
        );
        assert_eq!(
            findings_with(Rule::Settings, sdl, &settings),
            ["Query.gone"]
        );
    }

    #[test]
    fn the_number_of_exceptions_only_shrinks() {
        for (at_most, expected) in [
            (0, vec!["authorization.at_most"]),
            (1, vec![]),
            (2, vec!["authorization.at_most"]),
        ] {
            let settings: Settings = toml::from_str(&format!(
                "[authorization]\nat_most = {at_most}\nexceptions = [\"Query.me\"]"
            ))
            .unwrap();
            assert_eq!(
                findings_with(Rule::Settings, "type Query { me: String }", &settings),
                expected,
                "{at_most}"
            );
        }
    }
}
