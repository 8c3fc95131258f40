//! How many things a document is made of.

use graphql_tools::static_graphql::query;

/// Selections, arguments, values, directives and variables of a document.
pub(crate) fn of(document: &query::Document) -> usize {
    let definitions = document.definitions.iter();
    let counted = definitions.map(|definition| match definition {
        query::Definition::Operation(operation) => {
            let variables = super::document::variables_of(operation).len();
            2 + 2 * variables + set(super::document::selection_of(operation))
        }
        query::Definition::Fragment(fragment) => 2 + set(&fragment.selection_set),
    });
    counted.sum()
}

fn set(set: &query::SelectionSet) -> usize {
    let selections = set.items.iter().map(|selection| {
        let directives = super::document::directives_of(selection).iter();
        let directives = directives.map(|directive| 1 + arguments(&directive.arguments));
        let own = 1 + directives.sum::<usize>();
        own + match selection {
            query::Selection::Field(field) => {
                arguments(&field.arguments) + self::set(&field.selection_set)
            }
            query::Selection::InlineFragment(fragment) => self::set(&fragment.selection_set),
            query::Selection::FragmentSpread(_) => 0,
        }
    });
    selections.sum()
}

fn arguments(arguments: &[(String, query::Value)]) -> usize {
    arguments.iter().map(|(_, argument)| value(argument)).sum()
}

fn value(value: &query::Value) -> usize {
    match value {
        query::Value::List(items) => 1 + items.iter().map(self::value).sum::<usize>(),
        query::Value::Object(fields) => 1 + arguments(fields),
        _ => 1,
    }
}
