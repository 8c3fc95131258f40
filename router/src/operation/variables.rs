//! Values of variables, checked against the schema before anything is planned.

use graphql_tools::static_graphql::query;
use serde_json::{Map, Value};

use super::document::Operation;
use crate::error::{GraphqlError, code};
use crate::schema::Schema;
use crate::schema::{InputDef, Kind, TypeRef};

/// Checks the given values against the declarations of `operation`.
/// Values of undeclared variables are dropped.
///
/// # Errors
/// One per wrong variable, code `BAD_USER_INPUT`.
pub(crate) fn coerce(
    schema: &Schema,
    operation: &Operation,
    mut given: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<GraphqlError>> {
    let mut values = Map::new();
    let mut errors = Vec::new();
    for variable in &operation.variables {
        match given.remove(&variable.name) {
            Some(value) => {
                let mut path = format!("${}", variable.name);
                match check(schema, &variable.ty, &value, &mut path) {
                    Ok(()) => {
                        values.insert(variable.name.clone(), value);
                    }
                    Err(problem) => errors.push(invalid(&variable.name, &problem)),
                }
            }
            None if variable.ty.is_non_null() && variable.default.is_none() => {
                errors.push(bad(format!(
                    "Variable \"${}\" of required type \"{}\" was not provided.",
                    variable.name, variable.ty
                )));
            }
            None => {}
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

/// The values of the variables that decide `@skip` and `@include`.
pub(crate) fn conditions(
    operation: &Operation,
    values: &Map<String, Value>,
) -> super::document::Conditions {
    let value = |name: &String| {
        let given = values.get(name).and_then(Value::as_bool);
        let declared = operation
            .variables
            .iter()
            .find(|variable| variable.name == *name);
        let default = declared.and_then(|variable| match variable.default {
            Some(query::Value::Boolean(value)) => Some(value),
            _ => None,
        });
        (name.clone(), given.or(default).unwrap_or(false))
    };
    super::document::Conditions(operation.conditions.iter().map(value).collect())
}

fn bad(message: String) -> GraphqlError {
    GraphqlError::new(message).with_code(code::BAD_USER_INPUT)
}

fn invalid(name: &str, problem: &str) -> GraphqlError {
    bad(format!(
        "Variable \"${name}\" has an invalid value: {problem}"
    ))
}

fn check(schema: &Schema, ty: &TypeRef, value: &Value, path: &mut String) -> Result<(), String> {
    match ty {
        TypeRef::NonNull(_) if value.is_null() => {
            Err(format!("{path} must not be null (type \"{ty}\")."))
        }
        TypeRef::NonNull(inner) => check(schema, inner, value, path),
        _ if value.is_null() => Ok(()),
        TypeRef::List(inner) => match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let length = path.len();
                    path.push_str(&format!("[{at}]"));
                    check(schema, inner, item, path)?;
                    path.truncate(length);
                }
                Ok(())
            }
            // GraphQL takes a single value for a list of one.
            single => check(schema, inner, single, path),
        },
        TypeRef::Named(name) => named(schema, name, value, path),
    }
}

fn named(schema: &Schema, name: &str, value: &Value, path: &mut String) -> Result<(), String> {
    let expected = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{path} must be {what}."))
        }
    };
    match name {
        "Int" => {
            let whole = value.as_i64().or_else(|| {
                value
                    .as_f64()
                    .filter(|f| f.fract() == 0.0 && f.abs() < 1e15)
                    .map(|f| f as i64)
            });
            expected(
                whole.is_some_and(|i| i32::try_from(i).is_ok()),
                "a 32-bit integer",
            )
        }
        "Float" => expected(value.is_number(), "a number"),
        "String" => expected(value.is_string(), "a string"),
        "Boolean" => expected(value.is_boolean(), "true or false"),
        "ID" => expected(
            value.is_string() || value.is_i64() || value.is_u64(),
            "a string or an integer",
        ),
        _ => match schema.ty(name) {
            Some(ty) if ty.kind == Kind::Enum => match value {
                Value::String(text) if ty.values.iter().any(|v| v.name == *text) => Ok(()),
                _ => Err(format!("{path} must be a value of the enum \"{name}\".")),
            },
            Some(ty) if ty.kind == Kind::InputObject => {
                object(schema, name, &ty.inputs, ty.one_of, value, path)
            }
            // Custom scalars are for the subgraph to judge.
            _ => Ok(()),
        },
    }
}

fn object(
    schema: &Schema,
    name: &str,
    inputs: &[InputDef],
    one_of: bool,
    value: &Value,
    path: &mut String,
) -> Result<(), String> {
    let Value::Object(fields) = value else {
        return Err(format!("{path} must be an object of type \"{name}\"."));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|key| inputs.iter().all(|input| input.name != **key))
    {
        return Err(format!(
            "{path} has no field \"{unknown}\" (type \"{name}\")."
        ));
    }
    if one_of && (fields.len() != 1 || fields.values().any(Value::is_null)) {
        return Err(format!(
            "{path} must have exactly one field that is not null (type \"{name}\")."
        ));
    }
    for input in inputs {
        match fields.get(&input.name) {
            Some(value) => {
                let length = path.len();
                path.push('.');
                path.push_str(&input.name);
                check(schema, &input.ty, value, path)?;
                path.truncate(length);
            }
            None if input.ty.is_non_null() && input.default.is_none() => {
                return Err(format!(
                    "{path}.{} is required (type \"{}\").",
                    input.name, input.ty
                ));
            }
            None => {}
        }
    }
    Ok(())
}
