//! One selection for what a document selects several times: clients repeat fields
//! in fragments, the planner does not always find a way for the second time.

use graphql_tools::static_graphql::query;

/// Adds `selection` to the `items` of an object of the type `parent`. Validation
/// has seen to it that what has one key is one field.
pub(super) fn add(parent: &str, items: &mut Vec<query::Selection>, selection: query::Selection) {
    match selection {
        query::Selection::Field(field) => {
            let same = items.iter_mut().find_map(|item| match item {
                query::Selection::Field(known) if key(known) == key(&field) => Some(known),
                _ => None,
            });
            match same {
                Some(known) if known.name == field.name && known.arguments == field.arguments => {
                    for item in field.selection_set.items {
                        // The type is not needed: conditions are kept as they are.
                        add("", &mut known.selection_set.items, item);
                    }
                }
                _ => items.push(query::Selection::Field(field)),
            }
        }
        query::Selection::InlineFragment(fragment) => {
            let on = condition(&fragment).map(str::to_owned);
            if on.as_deref().is_none_or(|on| on == parent) {
                for item in fragment.selection_set.items {
                    add(parent, items, item);
                }
                return;
            }
            let same = items.iter_mut().find_map(|item| match item {
                query::Selection::InlineFragment(known) if condition(known) == on.as_deref() => {
                    Some(known)
                }
                _ => None,
            });
            match same {
                Some(known) => {
                    let on = on.unwrap_or_default();
                    for item in fragment.selection_set.items {
                        add(&on, &mut known.selection_set.items, item);
                    }
                }
                None => items.push(query::Selection::InlineFragment(fragment)),
            }
        }
        spread @ query::Selection::FragmentSpread(_) => items.push(spread),
    }
}

fn key(field: &query::Field) -> &str {
    field.alias.as_ref().unwrap_or(&field.name)
}

fn condition(fragment: &query::InlineFragment) -> Option<&str> {
    fragment
        .type_condition
        .as_ref()
        .map(|query::TypeCondition::On(on)| on.as_str())
}
