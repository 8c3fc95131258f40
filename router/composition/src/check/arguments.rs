//! Differences between arguments and between input fields.

use crate::syntax::print::print_value;
use crate::syntax::{InputValue, TypeRef};

use super::{Changes, pairs};

/// Compares the arguments of one field or directive.
pub(super) fn compare(
    parent: &str,
    old: &[InputValue<'_>],
    new: &[InputValue<'_>],
    changes: &mut Changes,
) {
    for (name, pair) in pairs(old, new, |argument| argument.name.text) {
        compare_pair(&format!("{parent}({name}:)"), "argument", pair, changes);
    }
}

/// Compares the fields of one input type.
pub(super) fn compare_inputs(
    parent: &str,
    old: &[InputValue<'_>],
    new: &[InputValue<'_>],
    changes: &mut Changes,
) {
    for (name, pair) in pairs(old, new, |input| input.name.text) {
        compare_pair(&format!("{parent}.{name}"), "input field", pair, changes);
    }
}

fn compare_pair(
    coordinate: &str,
    what: &str,
    pair: (Option<&InputValue<'_>>, Option<&InputValue<'_>>),
    changes: &mut Changes,
) {
    match pair {
        (Some(_), None) => changes.breaking(coordinate, format!("The {what} was removed.")),
        (None, Some(new)) if new.ty.is_non_null() && new.default.is_none() => {
            changes.breaking(coordinate, format!("A required {what} was added."));
        }
        (None, Some(_)) => changes.dangerous(coordinate, format!("An optional {what} was added.")),
        (Some(old), Some(new)) => compare_both(coordinate, old, new, changes),
        (None, None) => {}
    }
}

fn compare_both(
    coordinate: &str,
    old: &InputValue<'_>,
    new: &InputValue<'_>,
    changes: &mut Changes,
) {
    if !old.ty.same(new.ty) {
        let message = format!("The type changed from {} to {}.", old.ty, new.ty);
        if accepts(new, old.ty) {
            changes.safe(coordinate, message);
        } else {
            changes.breaking(coordinate, message);
        }
    }
    if old.default != new.default {
        let text = |value: &InputValue<'_>| {
            value
                .default
                .as_ref()
                .map_or("none".to_owned(), print_value)
        };
        let message = format!("The default changed from {} to {}.", text(old), text(new));
        let was_optional = old.default.is_some() && old.ty.is_non_null();
        if was_optional && new.default.is_none() && new.ty.is_non_null() {
            changes.breaking(coordinate, message);
        } else {
            changes.dangerous(coordinate, message);
        }
    }
}

/// Whether every value for the old type is one for the new input too.
fn accepts(new: &InputValue<'_>, old: TypeRef<'_>) -> bool {
    let mut wanted = new.ty;
    if wanted.is_non_null() && new.default.is_some() && !old.is_non_null() {
        return false;
    }
    // A single item is accepted where a list is wanted.
    while wanted.lists > old.lists {
        match wanted.item() {
            Some(item) => wanted = item,
            None => return false,
        }
    }
    wanted.name == old.name && wanted.lists == old.lists && wanted.non_null & !old.non_null == 0
}
