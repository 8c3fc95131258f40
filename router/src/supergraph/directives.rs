//! Reading directives of a supergraph's document.

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
