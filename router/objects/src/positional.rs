//! Objects without keys, for a caller in the same process that knows the document.
//!
//! A map of keys costs an object more than its values do. A caller that has the
//! document can do without them: it puts [`Positional`] into the request's data,
//! and objects then come back as lists that start with `true`, followed by the
//! values of the selected fields in their order in the document. Objects whose
//! fields depend on their type still come with keys, and so does `data` itself.

use stock::Value;
use stock::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};

/// Asks for objects without keys, in the data of a request whose document [fits](fits).
#[derive(Debug, Clone, Copy)]
pub struct Positional;

/// Whether a document says which value is which: it has one operation, no
/// directives and no named fragments, and never selects an object twice under
/// the same key.
pub fn fits(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter();
    let one = operations.next();
    document.fragments.is_empty()
        && operations.next().is_none()
        && one.is_some_and(|(_, operation)| {
            let operation = &operation.node;
            operation.directives.is_empty() && selections_fit(&operation.selection_set.node)
        })
}

fn selections_fit(selections: &SelectionSet) -> bool {
    let mut objects = Vec::new();
    flat(selections, &mut objects)
}

/// False for directives, named fragments and keys that occur twice.
fn flat<'a>(selections: &'a SelectionSet, objects: &mut Vec<&'a str>) -> bool {
    selections
        .items
        .iter()
        .all(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let selected = &field.selection_set.node;
                let key = field.response_key().node.as_str();
                field.directives.is_empty()
                    && (selected.items.is_empty()
                        || (!objects.contains(&key) && {
                            objects.push(key);
                            selections_fit(selected)
                        }))
            }
            Selection::InlineFragment(fragment) => {
                fragment.node.directives.is_empty()
                    && flat(&fragment.node.selection_set.node, objects)
            }
            Selection::FragmentSpread(_) => false,
        })
}

/// The selections whose fields an object without keys has, if it can be without:
/// all of them fields, perhaps within fragments that are alone in theirs.
pub fn fields(selections: &SelectionSet) -> Option<impl Iterator<Item = &Field>> {
    let selections = innermost(selections);
    let field = |selection: &Selection| matches!(selection, Selection::Field(_));
    selections
        .items
        .iter()
        .all(|selection| field(&selection.node))
        .then(|| {
            selections
                .items
                .iter()
                .filter_map(|selection| match &selection.node {
                    Selection::Field(field) => Some(&field.node),
                    _ => None,
                })
        })
}

fn innermost(mut selections: &SelectionSet) -> &SelectionSet {
    while let [only] = selections.items.as_slice()
        && let Selection::InlineFragment(fragment) = &only.node
    {
        selections = &fragment.node.selection_set.node;
    }
    selections
}

/// The selection under a key of an object that came with its keys.
pub fn selected<'a>(selections: &'a SelectionSet, key: &str) -> Option<&'a SelectionSet> {
    selections
        .items
        .iter()
        .find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                (field.response_key().node == key).then_some(&field.selection_set.node)
            }
            Selection::InlineFragment(fragment) => selected(&fragment.node.selection_set.node, key),
            Selection::FragmentSpread(_) => None,
        })
}

/// The values of an object without keys; `None` for everything else.
pub fn values(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => match items.split_first() {
            Some((Value::Boolean(true), values)) => Some(values),
            _ => None,
        },
        _ => None,
    }
}
