//! Whether a constant is a value of a type.

use crate::subgraph::Subgraph;
use crate::syntax::{TypeKind, TypeRef, Value};

/// Whether a string may stand for the enum value of its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strings {
    MayBeEnums,
    AreNoEnums,
}

/// Whether the value can be coerced to the type.
pub(crate) fn fits(
    subgraph: &Subgraph<'_>,
    ty: TypeRef<'_>,
    value: &Value<'_>,
    strings: Strings,
) -> bool {
    if matches!(value, Value::Null) {
        return !ty.is_non_null();
    }
    if let Some(item) = ty.item() {
        return match value {
            Value::List(items) => items.iter().all(|v| fits(subgraph, item, v, strings)),
            single => fits(subgraph, item, single, strings),
        };
    }
    match ty.name {
        "Int" => matches!(value, Value::Int(text) if text.parse::<i32>().is_ok()),
        "Float" => matches!(value, Value::Int(_) | Value::Float(_)),
        "String" => matches!(value, Value::String(_)),
        "Boolean" => matches!(value, Value::Boolean(_)),
        "ID" => matches!(value, Value::String(_) | Value::Int(_)),
        name => named_fits(subgraph, name, value, strings),
    }
}

fn named_fits(subgraph: &Subgraph<'_>, name: &str, value: &Value<'_>, strings: Strings) -> bool {
    let Some(ty) = subgraph.types.get(name) else {
        // An unknown type is reported where it is named.
        return true;
    };
    match (ty.kind, value) {
        (TypeKind::Scalar, _) => true,
        (TypeKind::Enum, Value::Enum(text)) => ty.values.contains_key(&**text),
        (TypeKind::Enum, Value::String(text)) => {
            strings == Strings::MayBeEnums && ty.values.contains_key(&**text)
        }
        (TypeKind::Input, Value::Object(fields)) => {
            let known = fields.iter().all(|(name, value)| {
                ty.inputs
                    .get(&**name)
                    .is_some_and(|input| fits(subgraph, input.ty, value, strings))
            });
            let complete = ty
                .inputs
                .iter()
                .all(|(name, input)| !input.is_required() || fields.iter().any(|(n, _)| n == name));
            known && complete
        }
        _ => false,
    }
}
