//! Reading directives of a supergraph's document.

use std::collections::HashMap;

use graphql_tools::static_graphql::schema as ast;

/// The directives of this name.
pub(crate) fn named<'a>(
    directives: &'a [ast::Directive],
    name: &'a str,
) -> impl Iterator<Item = &'a ast::Directive> {
    directives
        .iter()
        .filter(move |directive| directive.name == name)
}

/// The value of a directive's argument.
pub(crate) fn argument<'a>(directive: &'a ast::Directive, name: &str) -> Option<&'a ast::Value> {
    let found = directive.arguments.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value)
}

/// The text, or the name of an enum value, that an argument has.
pub(crate) fn text<'a>(directive: &'a ast::Directive, name: &str) -> Option<&'a str> {
    match argument(directive, name) {
        Some(ast::Value::String(text) | ast::Value::Enum(text)) => Some(text),
        _ => None,
    }
}

/// True when an argument is `true`.
pub(crate) fn flag(directive: &ast::Directive, name: &str) -> bool {
    matches!(argument(directive, name), Some(ast::Value::Boolean(true)))
}

/// True unless a key is marked as one that its subgraph does not resolve.
pub(crate) fn is_resolvable(join_type: &ast::Directive) -> bool {
    argument(join_type, "resolvable") != Some(&ast::Value::Boolean(false))
}

/// Names of subgraphs by the values of `join__Graph`.
pub(crate) fn graph_names(document: &ast::Document) -> HashMap<&str, &str> {
    let mut names = HashMap::new();
    for definition in &document.definitions {
        let ast::Definition::TypeDefinition(ast::TypeDefinition::Enum(graphs)) = definition else {
            continue;
        };
        for value in &graphs.values {
            for directive in named(&value.directives, "join__graph") {
                if let Some(name) = text(directive, "name") {
                    names.insert(value.name.as_str(), name);
                }
            }
        }
    }
    names
}
