//! Differences between the members of two versions of a type.

use crate::syntax::{FieldDefinition, Name, TypeDefinition, TypeRef};

use super::{Changes, arguments, pairs};

/// Compares fields, values, members and interfaces.
pub(super) fn compare(old: &TypeDefinition<'_>, new: &TypeDefinition<'_>, changes: &mut Changes) {
    let name = old.name.text;
    for (field, pair) in pairs(&old.fields, &new.fields, |field| field.name.text) {
        let coordinate = format!("{name}.{field}");
        match pair {
            (Some(_), None) => changes.breaking(&coordinate, "The field was removed."),
            (None, Some(_)) => changes.safe(&coordinate, "The field was added."),
            (Some(old), Some(new)) => compare_fields(&coordinate, old, new, changes),
            (None, None) => {}
        }
    }
    arguments::compare_inputs(name, &old.inputs, &new.inputs, changes);
    for (value, pair) in pairs(&old.values, &new.values, |value| value.name.text) {
        let coordinate = format!("{name}.{value}");
        match pair {
            (Some(_), None) => changes.breaking(&coordinate, "The enum value was removed."),
            (None, Some(_)) => changes.dangerous(&coordinate, "An enum value was added."),
            _ => {}
        }
    }
    let text = |name: &Name<'_>| -> String { name.text.to_owned() };
    let member = |list: &[Name<'_>]| -> Vec<String> { list.iter().map(text).collect() };
    for gone in missing(&member(&old.members), &member(&new.members)) {
        changes.breaking(
            name,
            format!("The member {gone} was removed from the union."),
        );
    }
    for added in missing(&member(&new.members), &member(&old.members)) {
        changes.dangerous(name, format!("The member {added} was added to the union."));
    }
    for gone in missing(&member(&old.interfaces), &member(&new.interfaces)) {
        changes.breaking(name, format!("The type no longer implements {gone}."));
    }
    for added in missing(&member(&new.interfaces), &member(&old.interfaces)) {
        changes.dangerous(name, format!("The type now implements {added}."));
    }
    let one_of = |ty: &TypeDefinition<'_>| ty.directives.iter().any(|d| d.name.text == "oneOf");
    match (one_of(old), one_of(new)) {
        (false, true) => changes.breaking(name, "Exactly one field may be given now (@oneOf)."),
        (true, false) => changes.safe(name, "Several fields may be given now."),
        _ => {}
    }
}

/// What the first has and the second lacks.
fn missing(of: &[String], from: &[String]) -> Vec<String> {
    of.iter()
        .filter(|name| !from.contains(name))
        .cloned()
        .collect()
}

fn compare_fields(
    coordinate: &str,
    old: &FieldDefinition<'_>,
    new: &FieldDefinition<'_>,
    changes: &mut Changes,
) {
    if !old.ty.same(new.ty) {
        let message = format!("The type changed from {} to {}.", old.ty, new.ty);
        if stricter(new.ty, old.ty) {
            changes.safe(coordinate, message);
        } else {
            changes.breaking(coordinate, message);
        }
    }
    let deprecated =
        |field: &FieldDefinition<'_>| field.directives.iter().any(|d| d.name.text == "deprecated");
    match (deprecated(old), deprecated(new)) {
        (false, true) => changes.safe(coordinate, "The field was deprecated."),
        (true, false) => changes.safe(coordinate, "The field is no longer deprecated."),
        _ => {}
    }
    if old.description != new.description {
        changes.safe(coordinate, "The description changed.");
    }
    arguments::compare(coordinate, &old.arguments, &new.arguments, changes);
}

/// Whether the new type only promises more than the old.
fn stricter(new: TypeRef<'_>, old: TypeRef<'_>) -> bool {
    new.name == old.name && new.lists == old.lists && old.non_null & !new.non_null == 0
}
