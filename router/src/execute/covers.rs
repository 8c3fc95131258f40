//! Whether the answers to one operation hold everything that another one asks for.

use graphql_tools::static_graphql::query::{
    Definition, Document, Field, InlineFragment, OperationDefinition, Selection, SelectionSet,
};

/// True when each answer to `wide` can be read as an answer to `narrow`. Both are
/// operations for the same subgraph; what is not certain is not so.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let (Some(wide), Some(narrow)) = (parse(wide), parse(narrow)) else {
        return false;
    };
    match (selections(&wide), selections(&narrow)) {
        (Some(wide), Some(narrow)) => set(wide, narrow),
        _ => false,
    }
}

fn parse(text: &str) -> Option<Document> {
    let document = graphql_tools::parser::parse_query::<String>(text).ok()?;
    Some(document.into_static())
}

/// Of a document with nothing but one operation.
fn selections(document: &Document) -> Option<&SelectionSet> {
    match document.definitions.as_slice() {
        [Definition::Operation(OperationDefinition::Subscription(subscription))] => {
            Some(&subscription.selection_set)
        }
        _ => None,
    }
}

fn set(wide: &SelectionSet, narrow: &SelectionSet) -> bool {
    narrow.items.iter().all(|wanted| {
        wide.items.iter().any(|given| match (given, wanted) {
            (Selection::Field(given), Selection::Field(wanted)) => field(given, wanted),
            (Selection::InlineFragment(given), Selection::InlineFragment(wanted)) => {
                fragment(given, wanted)
            }
            _ => false,
        })
    })
}

fn field(given: &Field, wanted: &Field) -> bool {
    given.name == wanted.name
        && given.alias == wanted.alias
        && given.arguments == wanted.arguments
        && given.directives.is_empty()
        && wanted.directives.is_empty()
        && set(&given.selection_set, &wanted.selection_set)
}

fn fragment(given: &InlineFragment, wanted: &InlineFragment) -> bool {
    given.type_condition == wanted.type_condition
        && given.directives.is_empty()
        && wanted.directives.is_empty()
        && set(&given.selection_set, &wanted.selection_set)
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn only_what_is_certainly_there_is_covered() {
        let wide = "subscription($n: Int) { s(n: $n) { id a: name ... on T { x { y z } } } }";
        for narrow in [
            wide,
            "subscription($n: Int) { s(n: $n) { id } }",
            "subscription Named($n: Int) { s(n: $n) { ... on T { x { z } } a: name } }",
        ] {
            assert!(covers(wide, narrow), "{narrow}");
        }
        for narrow in [
            "subscription($n: Int) { s(n: $n) { id more } }",
            "subscription($n: Int) { s(n: $n) { name } }",
            "subscription($n: Int) { s(n: 1) { id } }",
            "subscription { s { id } }",
            "subscription($n: Int) { s(n: $n) { ... on U { x { y } } } }",
            "subscription($n: Int) { s(n: $n) { id @skip(if: true) } }",
            "subscription($n: Int) { s(n: $n) { ...F } } fragment F on T { id }",
            "query($n: Int) { s(n: $n) { id } }",
            "{",
        ] {
            assert!(!covers(wide, narrow), "{narrow}");
        }
    }
}
