//! Objects without keys, for a caller in the same process that knows the document.
//!
//! A map of keys costs an object more than its values do. A caller that has the
//! document can do without them: it puts [`Positional`] into the request's data,
//! and objects then come back as lists that start with `true`, followed by the
//! values of the selected fields in their order in the document. Objects whose
//! fields depend on their type still come with keys, and so does `data` itself.

use std::collections::HashMap;

use stock::parser::types::{
    ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
};
use stock::{Name, Positioned, Value};

/// Selections a document may have, fragments counted where they are spread.
const MAX_SELECTIONS: usize = 10_000;

/// Asks for objects without keys, in the data of a request whose document [fits](fits).
#[derive(Debug, Clone, Copy)]
pub struct Positional;

/// The named fragments of a document.
pub type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Whether a document says which value is which: it has one operation, no
/// directives, and never selects an object twice under the same key.
pub fn fits(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter();
    let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
        return false;
    };
    let mut fitting = Fitting {
        fragments: &document.fragments,
        left: MAX_SELECTIONS,
    };
    operation.node.directives.is_empty()
        && fitting.all(&operation.node.selection_set.node, &mut Vec::new())
}

struct Fitting<'a> {
    fragments: &'a Fragments,
    left: usize,
}

impl<'a> Fitting<'a> {
    /// `objects` has the keys of objects that this place has selected so far.
    fn all(&mut self, selections: &'a SelectionSet, objects: &mut Vec<&'a str>) -> bool {
        let mut items = selections.items.iter();
        items.all(|selection| self.one(&selection.node, objects))
    }

    fn one(&mut self, selection: &'a Selection, objects: &mut Vec<&'a str>) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let plain = selection.directives().is_empty();
        plain
            && match selection {
                Selection::Field(field) => {
                    let selected = &field.node.selection_set.node;
                    let key = field.node.response_key().node.as_str();
                    selected.items.is_empty() || {
                        let first = !objects.contains(&key);
                        objects.push(key);
                        first && self.all(selected, &mut Vec::new())
                    }
                }
                Selection::InlineFragment(_) | Selection::FragmentSpread(_) => {
                    within(selection, self.fragments)
                        .is_some_and(|selections| self.all(selections, objects))
                }
            }
    }
}

/// What a fragment selects.
fn within<'a>(selection: &'a Selection, fragments: &'a Fragments) -> Option<&'a SelectionSet> {
    match selection {
        Selection::Field(_) => None,
        Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => {
            let fragment = fragments.get(&spread.node.fragment_name.node)?;
            Some(&fragment.node.selection_set.node)
        }
    }
}

/// The fields that an object without keys has, if it can be without: they are
/// all that is selected, perhaps within fragments that are alone where they are.
///
/// For selections of a document that [fits](fits), or was validated.
pub fn fields<'a>(
    mut selections: &'a SelectionSet,
    fragments: &'a Fragments,
) -> Option<impl Iterator<Item = &'a Field>> {
    while let [only] = selections.items.as_slice()
        && let Some(inner) = within(&only.node, fragments)
    {
        selections = inner;
    }
    let field = |selection: &'a Positioned<Selection>| match &selection.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    };
    let mut all = selections.items.iter();
    all.all(|selection| field(selection).is_some())
        .then(|| selections.items.iter().filter_map(field))
}

/// What is selected under a key of an object that came with its keys.
pub fn selected<'a>(
    selections: &'a SelectionSet,
    fragments: &'a Fragments,
    key: &str,
) -> Option<&'a SelectionSet> {
    let mut all = selections.items.iter();
    all.find_map(|selection| match &selection.node {
        Selection::Field(field) => {
            let field = &field.node;
            (field.response_key().node == key).then_some(&field.selection_set.node)
        }
        fragment => selected(within(fragment, fragments)?, fragments, key),
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
