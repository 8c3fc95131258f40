//! Values of an object's fields, put together to the object.

use indexmap::IndexMap;
use stock::{Name, Value};

use crate::selection::Fields;

/// The values of an object's fields, as they come.
pub(crate) struct Values {
    /// Room for the mark of an object without keys, then a value for each field.
    list: Vec<Value>,
    /// Positions of fields without a value.
    failed: Vec<usize>,
}

impl Values {
    pub(crate) fn with_capacity(fields: usize) -> Self {
        let mut list = Vec::with_capacity(fields + 1);
        list.push(Value::Boolean(true));
        Self {
            list,
            failed: Vec::new(),
        }
    }

    /// Keeps a place for the next field, whose value comes later.
    pub(crate) fn wait(&mut self) {
        self.list.push(Value::Null);
    }

    /// Adds the value of the next field; `None` when it failed.
    pub(crate) fn push(&mut self, value: Option<Value>) {
        self.wait();
        self.set(self.list.len() - 2, value);
    }

    /// Fills in the field at a position.
    pub(crate) fn set(&mut self, at: usize, value: Option<Value>) {
        match value {
            Some(value) => self.list[at + 1] = value,
            None => self.failed.push(at),
        }
    }

    /// The object without keys, see [`crate::positional`]; null when no field has a value.
    pub(crate) fn without_keys(self) -> Value {
        match self.failed.len() + 1 == self.list.len() {
            true => Value::Null,
            false => Value::List(self.list),
        }
    }

    /// The object of these fields; null when none has a value.
    pub(crate) fn with_keys(self, fields: &Fields<'_>) -> Value {
        let mut object = IndexMap::with_capacity(fields.len());
        let values = self.list.into_iter().skip(1);
        for (at, (field, value)) in fields.iter().zip(values).enumerate() {
            if !self.failed.contains(&at) {
                insert(&mut object, field.node.response_key().node.clone(), value);
            }
        }
        match object.is_empty() {
            true => Value::Null,
            false => Value::Object(object),
        }
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
