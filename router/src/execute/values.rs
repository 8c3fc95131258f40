//! Taking the values of an in-process subgraph into the store.

use async_graphql::Value as GraphqlValue;
use async_graphql::positional;
use bytes::Bytes;

use super::merge::{Expected, Taken};
use super::store::{Slot, Store};
use crate::error::GraphqlError;
use crate::json::write;
use crate::plan::ObjectShape;
use crate::subgraph::{Document, Selections};

/// Takes in the values of an in-process subgraph.
///
/// `document` is that of the operation, for objects without keys.
///
/// # Errors
/// When the answer is larger than what the store can hold.
pub(crate) fn take_values(
    store: &mut Store,
    data: &GraphqlValue,
    errors: Vec<GraphqlError>,
    expected: &Expected<'_>,
    document: Option<&Document>,
) -> Result<Taken, String> {
    let buffer = store
        .keep(Bytes::new())
        .ok_or("there are too many answers")?;
    let mut taken = Taken {
        roots: vec![Slot::Missing; expected.roots()],
        errors,
        has_data: false,
    };
    let mut reader = ValueReader {
        store,
        buffer,
        text: Vec::with_capacity(document.map_or(0, |document| document.size.expected())),
    };
    let selections = document.and_then(Document::selections);
    if let GraphqlValue::Object(fields) = data {
        taken.has_data = true;
        match expected {
            Expected::Root(shape) => taken.roots[0] = reader.composite(data, shape, selections),
            Expected::Entities(branches) => {
                for (at, (alias, shape)) in branches.iter().enumerate() {
                    let alias = std::str::from_utf8(alias).unwrap_or_default();
                    if let Some(list) = fields.get(alias) {
                        let selections = selections.and_then(|all| all.under(alias));
                        taken.roots[at] = reader.composite(list, shape, selections);
                    }
                }
            }
        }
    }
    let text = Bytes::from(reader.text);
    if let Some(document) = document {
        document.size.observed(text.len());
    }
    u32::try_from(text.len()).map_err(|_| "the answer is too large")?;
    store.fill(buffer, text);
    Ok(taken)
}

struct ValueReader<'s> {
    store: &'s mut Store,
    buffer: u16,
    text: Vec<u8>,
}

impl ValueReader<'_> {
    /// An object, a list of them, or null.
    fn composite(
        &mut self,
        value: &GraphqlValue,
        shape: &ObjectShape,
        selections: Option<Selections<'_>>,
    ) -> Slot {
        if let Some(values) = positional::values(value) {
            return self.without_keys(values, shape, selections);
        }
        match value {
            GraphqlValue::Object(fields) => {
                let object = self.store.allocate(shape.width);
                let mut guess = 0;
                for (key, value) in fields {
                    let selected = || selections?.under(key);
                    guess = self.field(object, shape, (key, value), guess, selected);
                }
                self.store.rename(object, shape);
                Slot::Object(object)
            }
            GraphqlValue::List(items) => {
                let mark = self.store.pending.len();
                for item in items {
                    let slot = self.composite(item, shape, selections);
                    self.store.pending.push(slot);
                }
                self.store.list_from(mark)
            }
            _ => Slot::Null,
        }
    }

    fn without_keys(
        &mut self,
        values: &[GraphqlValue],
        shape: &ObjectShape,
        selections: Option<Selections<'_>>,
    ) -> Slot {
        // Only objects whose selection allows it come without keys.
        let Some(fields) = selections.and_then(Selections::fields) else {
            return Slot::Null;
        };
        let object = self.store.allocate(shape.width);
        let mut guess = 0;
        for ((key, selected), value) in fields.zip(values) {
            let selected = || Some(selected);
            guess = self.field(object, shape, (key, value), guess, selected);
        }
        self.store.rename(object, shape);
        Slot::Object(object)
    }

    /// Takes in one field and says which one is likely to be next.
    fn field<'d>(
        &mut self,
        object: u32,
        shape: &ObjectShape,
        (key, value): (&str, &GraphqlValue),
        guess: usize,
        selected: impl FnOnce() -> Option<Selections<'d>>,
    ) -> usize {
        let Some(at) = shape.position(key.as_bytes(), guess) else {
            return guess;
        };
        let field = &shape.fields[at];
        let slot = match &field.object {
            Some(nested) => self.composite(value, nested, selected()),
            None => self.leaf(value),
        };
        self.store.set(object, field.slot, slot);
        at + 1
    }

    fn leaf(&mut self, value: &GraphqlValue) -> Slot {
        if matches!(value, GraphqlValue::Null) {
            return Slot::Null;
        }
        let start = self.text.len();
        write_value(&mut self.text, value);
        Slot::Leaf {
            buffer: self.buffer,
            start: start as u32,
            len: (self.text.len() - start) as u32,
        }
    }
}

/// Writes an async-graphql value as JSON.
fn write_value(out: &mut Vec<u8>, value: &GraphqlValue) {
    use std::io::Write as _;
    match value {
        GraphqlValue::Null => out.extend_from_slice(b"null"),
        GraphqlValue::Boolean(true) => out.extend_from_slice(b"true"),
        GraphqlValue::Boolean(false) => out.extend_from_slice(b"false"),
        GraphqlValue::String(text) => write::string(out, text),
        GraphqlValue::Enum(name) => write::string(out, name),
        // Writing to a vector cannot fail.
        GraphqlValue::Number(number) => drop(write!(out, "{number}")),
        GraphqlValue::Binary(bytes) => {
            out.push(b'[');
            for (at, byte) in bytes.iter().enumerate() {
                drop(write!(out, "{}{byte}", if at > 0 { "," } else { "" }));
            }
            out.push(b']');
        }
        GraphqlValue::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        GraphqlValue::Object(fields) => {
            out.push(b'{');
            for (at, (key, field)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write::string(out, key);
                out.push(b':');
                write_value(out, field);
            }
            out.push(b'}');
        }
    }
}
