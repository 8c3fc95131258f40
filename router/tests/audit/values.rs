//! Field sets and argument values, looked at as JSON.

use graphql_tools::static_graphql::query;
use serde_json::{Map, Value};

/// Whether a field set selects a field, in whichever fragment.
pub fn selects(set: &query::SelectionSet, name: &str) -> bool {
    set.items.iter().any(|selection| match selection {
        query::Selection::Field(field) => field.name == name,
        query::Selection::InlineFragment(fragment) => selects(&fragment.selection_set, name),
        query::Selection::FragmentSpread(_) => false,
    })
}

pub fn has_all(value: &Value, set: &query::SelectionSet) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| has_all(item, set)),
        _ => set.items.iter().all(|selection| match selection {
            query::Selection::Field(field) => value
                .get(&field.name)
                .is_some_and(|below| has_all(below, &field.selection_set)),
            _ => true,
        }),
    }
}

pub fn project(value: &Value, set: &query::SelectionSet) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| project(item, set)).collect(),
        Value::Object(_) if !set.items.is_empty() => set
            .items
            .iter()
            .filter_map(|selection| match selection {
                query::Selection::Field(field) => Some((
                    field.name.clone(),
                    project(&value[&field.name], &field.selection_set),
                )),
                _ => None,
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Arguments as tables and expectations spell them: `(by:2,id:x)`.
pub fn spelled(arguments: &Map<String, Value>) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let spelled: Vec<String> = arguments
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}:{text}"),
            other => format!("{name}:{other}"),
        })
        .collect();
    format!("({})", spelled.join(","))
}

pub fn json_of(value: &query::Value, variables: &Value) -> Value {
    match value {
        query::Value::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        query::Value::Int(number) => number.as_i64().into(),
        query::Value::Float(number) => (*number).into(),
        query::Value::String(text) | query::Value::Enum(text) => text.clone().into(),
        query::Value::Boolean(truth) => (*truth).into(),
        query::Value::Null => Value::Null,
        query::Value::List(items) => items.iter().map(|item| json_of(item, variables)).collect(),
        query::Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), json_of(value, variables)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
