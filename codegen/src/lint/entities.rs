//! Entities: every node is one, each has an owner, and what leads to or comes from another subgraph
//! is nullable, so that a subgraph that is down costs one null and not the whole answer.

use std::collections::BTreeSet;

use atelier_composition::syntax::{FieldDefinition, TypeDefinition, Value};

use super::{
    Findings, Rule, Settings,
    graph::{Graph, at, has},
};

pub(super) fn check(graph: &Graph<'_>, settings: &Settings, findings: &mut Findings) {
    let mut needed = BTreeSet::new();
    for ty in graph.types() {
        check_node(ty, findings);
        let resolvers = resolvers(graph, ty);
        if resolvers.len() > 1 && !graph.is_root(ty.name.text) {
            needed.insert(ty.name.text);
            check_owner(ty, &resolvers, settings, findings);
        }
    }
    for entity in settings
        .owners
        .keys()
        .filter(|entity| !needed.contains(entity.as_str()))
    {
        findings.add(
            Rule::Settings,
            entity,
            "needs no entry under [owners] in lint.toml: take it out",
        );
    }
    for (ty, field) in graph.fields().filter(|(_, field)| field.ty.is_non_null()) {
        check_nullable(graph, settings, ty, field, findings);
    }
}

/// A type that implements `Node` can be fetched by its id.
fn check_node(ty: &TypeDefinition<'_>, findings: &mut Findings) {
    let is_node = ty
        .interfaces
        .iter()
        .any(|interface| interface.text == "Node");
    let by_id = ty
        .directives
        .iter()
        .any(|join| join.name.text == "join__type" && join.string("key") == Some("id"));
    if is_node && !by_id {
        findings.add(
            Rule::Entity,
            ty.name.text,
            "implements Node, so it needs @key(fields: \"id\") and an entity resolver",
        );
    }
}

fn check_owner(
    ty: &TypeDefinition<'_>,
    resolvers: &BTreeSet<&str>,
    settings: &Settings,
    findings: &mut Findings,
) {
    let among: Vec<&str> = resolvers.iter().copied().collect();
    let message = match settings.owners.get(ty.name.text) {
        None => format!(
            "is resolved by {}: say under [owners] in lint.toml which of them owns it",
            among.join(", ")
        ),
        Some(owner) if !resolvers.contains(owner.as_str()) => {
            format!(
                "[owners] in lint.toml gives it to {owner}, but it is resolved by {}",
                among.join(", ")
            )
        }
        Some(_) => return,
    };
    findings.add(Rule::Entity, ty.name.text, message);
}

/// The subgraphs that resolve an entity by one of its keys.
fn resolvers<'a>(graph: &Graph<'a>, ty: &TypeDefinition<'a>) -> BTreeSet<&'a str> {
    graph
        .homes(ty)
        .filter(|(_, join)| {
            join.argument("key").is_some()
                && join.argument("resolvable") != Some(&Value::Boolean(false))
        })
        .map(|(subgraph, _)| subgraph)
        .collect()
}

fn owner<'a>(
    graph: &Graph<'a>,
    settings: &'a Settings,
    ty: &TypeDefinition<'a>,
) -> Option<&'a str> {
    let resolvers = resolvers(graph, ty);
    match resolvers.len() {
        0 => None,
        1 => resolvers.first().copied(),
        _ => settings.owners.get(ty.name.text).map(String::as_str),
    }
}

fn check_nullable<'a>(
    graph: &Graph<'a>,
    settings: &'a Settings,
    ty: &TypeDefinition<'a>,
    field: &FieldDefinition<'a>,
    findings: &mut Findings,
) {
    let here = graph.resolvers(ty, field);
    let elsewhere =
        |ty: &TypeDefinition<'a>| owner(graph, settings, ty).filter(|owner| !here.contains(owner));
    if !graph.is_root(ty.name.text)
        && !has(&field.directives, "shareable")
        && let Some(owner) = elsewhere(ty)
    {
        let message = format!(
            "make this nullable: {} adds it to an entity of {owner}, and an outage there must not take the entity along",
            here.join(", ")
        );
        findings.add(Rule::Nullability, at(ty, field), message);
    }
    if let Some(target) = graph.get(field.ty.name)
        && let Some(owner) = elsewhere(target)
    {
        let message = format!(
            "make this nullable: it leads to {}, which {owner} answers",
            target.name.text
        );
        findings.add(Rule::Nullability, at(ty, field), message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Settings, testing::findings_of};

    const OWNER: (&str, &str) = (
        "accounts",
        "type Query { user: User } type User @key(fields: \"id\") { id: ID! name: String! }",
    );

    fn with(other: &str, rule: Rule, owners: &str) -> Vec<String> {
        let settings: Settings = toml::from_str(&format!("[owners]\n{owners}")).unwrap();
        findings_of(rule, &[OWNER, ("media", other)], &settings)
    }

    #[test]
    fn a_contributed_field_must_be_nullable() {
        let sdl = |ty: &str| format!("type User @key(fields: \"id\") {{ id: ID! pictures: {ty} }}");
        assert_eq!(
            with(&sdl("Int!"), Rule::Nullability, "User = \"accounts\""),
            ["User.pictures"]
        );
        assert!(with(&sdl("Int"), Rule::Nullability, "User = \"accounts\"").is_empty());
    }

    #[test]
    fn a_reference_to_another_subgraphs_entity_must_be_nullable() {
        let sdl = |ty: &str| {
            format!("type Asset @key(fields: \"id\") {{ id: ID! owner: {ty} }} type Query {{ asset: Asset }}
                     type User @key(fields: \"id\", resolvable: false) {{ id: ID! }}")
        };
        assert_eq!(with(&sdl("User!"), Rule::Nullability, ""), ["Asset.owner"]);
        assert!(with(&sdl("User"), Rule::Nullability, "").is_empty());
    }

    #[test]
    fn an_entity_of_several_subgraphs_needs_an_owner_among_them() {
        let sdl = "type User @key(fields: \"id\") { id: ID! pictures: Int }";
        assert_eq!(with(sdl, Rule::Entity, ""), ["User"]);
        assert_eq!(with(sdl, Rule::Entity, "User = \"shop\""), ["User"]);
        assert!(with(sdl, Rule::Entity, "User = \"media\"").is_empty());
    }

    #[test]
    fn an_owner_nobody_asks_for_is_named() {
        assert_eq!(
            with(
                "type Query { a: Int }",
                Rule::Settings,
                "User = \"accounts\""
            ),
            ["User"]
        );
    }

    #[test]
    fn a_node_is_an_entity() {
        let sdl = |key: &str| {
            format!(
                "type Query {{ a: A }} interface Node {{ id: ID! }} type A implements Node {key} {{ id: ID! }}"
            )
        };
        assert_eq!(with(&sdl(""), Rule::Entity, ""), ["A"]);
        assert!(with(&sdl("@key(fields: \"id\")"), Rule::Entity, "").is_empty());
    }
}
