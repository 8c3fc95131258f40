//! Values of fields put together to one object.

use indexmap::IndexMap;
use stock::{Name, Value};

use crate::container::Values;
use crate::selection::Fields;

/// The values of an object without keys, see [`crate::positional`]; null when no field has one.
pub(crate) fn positional(values: Values) -> Value {
    if values.iter().all(Option::is_none) {
        return Value::Null;
    }
    let mut object = Vec::with_capacity(values.len() + 1);
    object.push(Value::Boolean(true));
    object.extend(values.into_iter().map(Option::unwrap_or_default));
    Value::List(object)
}

/// The object of these fields; null when none has a value.
pub(crate) fn object(fields: &Fields<'_>, values: Values) -> Value {
    let mut object = IndexMap::with_capacity(values.len());
    for (field, value) in fields.iter().zip(values) {
        if let Some(value) = value {
            insert(&mut object, field.node.response_key().node.clone(), value);
        }
    }
    if object.is_empty() {
        Value::Null
    } else {
        Value::Object(object)
    }
}

/// Inserts a value; the same key twice merges objects and lists of objects
/// (GraphQL, section "Field Selection Merging").
fn insert(object: &mut IndexMap<Name, Value>, key: Name, value: Value) {
    use indexmap::map::Entry;
    match object.entry(key) {
        Entry::Vacant(free) => {
            free.insert(value);
        }
        Entry::Occupied(mut known) => merge(known.get_mut(), value),
    }
}

fn merge(known: &mut Value, new: Value) {
    match (known, new) {
        (Value::Object(known), Value::Object(new)) => {
            for (key, value) in new {
                insert(known, key, value);
            }
        }
        (Value::List(known), Value::List(new)) => {
            for (known, new) in known.iter_mut().zip(new) {
                merge(known, new);
            }
        }
        _ => {}
    }
}
