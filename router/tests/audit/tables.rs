//! The data of a suite. A table is a list of rows under a type's name, or under
//! `subgraph.Type` where a subgraph has its own. `Query` and `Mutation` have one
//! row each.
//!
//! A value is found under `field(argument:value)` or `field`. `"*Type"` stands
//! for all rows of that type, `"$argument"` for the value of an argument. An
//! object is completed by the row that has the same scalars.

use serde_json::{Map, Value};

use crate::schema::Schema;
use crate::values::spelled;

pub struct Tables {
    all: Map<String, Value>,
    subgraph: String,
}

impl Tables {
    pub fn new(all: &Value, subgraph: &str) -> Self {
        Self {
            all: all.as_object().expect("tables by type").clone(),
            subgraph: subgraph.to_owned(),
        }
    }

    fn own(&self, name: &str) -> Option<&Value> {
        let own = self.all.get(&format!("{}.{name}", self.subgraph));
        own.or_else(|| self.all.get(name))
    }

    fn rows(&self, ty: &str) -> Option<&Vec<Value>> {
        self.own(ty).and_then(Value::as_array)
    }

    /// The values of root fields: this subgraph's own before everybody's.
    pub fn root(&self, ty: &str) -> Value {
        let mut row = Map::new();
        for name in [ty.to_owned(), format!("{}.{ty}", self.subgraph)] {
            if let Some(Value::Object(more)) = self.all.get(&name) {
                row.extend(more.clone());
            }
        }
        row.into()
    }

    /// A field's value in a row, or nothing.
    pub fn value(row: &Value, field: &str, arguments: &Map<String, Value>) -> Option<Value> {
        let found = row
            .get(format!("{field}{}", spelled(arguments)))
            .or_else(|| row.get(field))?;
        Some(substituted(found, arguments))
    }

    /// `"*Type"` made rows.
    pub fn expand(&self, value: &Value) -> Value {
        let Some(ty) = value.as_str().and_then(|text| text.strip_prefix('*')) else {
            return value.clone();
        };
        let rows = self.rows(ty).unwrap_or_else(|| panic!("no table {ty}"));
        rows.iter().map(|row| tagged(row, ty)).collect()
    }

    /// An object with what its row adds to it.
    pub fn complete_row(&self, schema: &Schema, ty: &str, object: &Value) -> Value {
        let Value::Object(fields) = object else {
            return object.clone();
        };
        let ty = match fields.get("__typename").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => self.type_of(schema, ty, fields),
        };
        let Some(row) = self.row_like(&ty, fields) else {
            return object.clone();
        };
        let mut row = row.clone();
        row.extend(fields.clone());
        row.entry("__typename").or_insert(ty.into());
        row.into()
    }

    fn row_like(&self, ty: &str, fields: &Map<String, Value>) -> Option<&Map<String, Value>> {
        let rows = self.rows(ty)?.iter().filter_map(Value::as_object);
        let mut scalars = fields.iter().filter(|(name, value)| {
            *name != "__typename" && !value.is_object() && !value.is_array()
        });
        let known: Vec<_> = scalars.by_ref().collect();
        rows.into_iter().find(|row| {
            let same = |(name, value): &(&String, &Value)| row.get(*name) == Some(value);
            !known.is_empty() && known.iter().all(same)
        })
    }

    /// The object type of a value: as it says, or the one whose table has it.
    pub fn type_of(&self, schema: &Schema, declared: &str, fields: &Map<String, Value>) -> String {
        if let Some(name) = fields.get("__typename").and_then(Value::as_str)
            && schema
                .types
                .get(declared)
                .is_none_or(|ty| ty.possible.is_some())
        {
            return name.to_owned();
        }
        let possible = schema.possible(declared);
        if possible.len() == 1 {
            return possible[0].to_owned();
        }
        let has = possible
            .into_iter()
            .find(|ty| self.row_like(ty, fields).is_some());
        has.unwrap_or(declared).to_owned()
    }

    /// The entity with this identity, with its object type.
    pub fn entity(
        &self,
        schema: &Schema,
        name: &str,
        identity: &Value,
    ) -> Option<(String, Map<String, Value>)> {
        for ty in schema.possible(name) {
            let Some(rows) = self.rows(ty) else {
                if ty == name {
                    panic!("{}: no table for {ty}", self.subgraph);
                }
                continue;
            };
            for row in rows {
                if contains(row, identity) {
                    return Some((ty.to_owned(), row.as_object().unwrap().clone()));
                }
            }
        }
        None
    }
}

fn tagged(row: &Value, ty: &str) -> Value {
    let mut row = row.clone();
    if let Value::Object(fields) = &mut row {
        fields.entry("__typename").or_insert(ty.into());
    }
    row
}

fn contains(row: &Value, part: &Value) -> bool {
    match (row, part) {
        (Value::Object(row), Value::Object(part)) => part.iter().all(|(name, part)| {
            name == "__typename" || row.get(name).is_some_and(|row| contains(row, part))
        }),
        (Value::Array(row), Value::Array(part)) => {
            row.len() == part.len() && row.iter().zip(part).all(|(a, b)| contains(a, b))
        }
        _ => row == part,
    }
}

fn substituted(value: &Value, arguments: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => text
            .strip_prefix('$')
            .and_then(|name| arguments.get(name))
            .unwrap_or(value)
            .clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| substituted(item, arguments))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), substituted(value, arguments)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
