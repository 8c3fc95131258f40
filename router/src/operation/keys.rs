//! Response keys on the way to the subgraphs. A client may call a field by the
//! name of another one, which a plan needs under its own name to send it as part
//! of a key or of what a field requires. Such an alias is given a prefix, here and
//! back. Fields of an interface that is an object somewhere are asked of the interface
//! for all its objects at once, where one alias may stand for a field of one object and
//! for another field of another: there the name is part of the key.

use std::borrow::Cow;

use graphql_tools::static_graphql::query;

use crate::error::PathSegment;
use crate::schema::Schema;

const PREFIX: &str = "_as_";

/// The key a field has in plans and in requests to subgraphs.
pub(crate) fn planned<'a>(schema: &Schema, field: &'a query::Field) -> Cow<'a, str> {
    if field.name == "__typename" {
        // It is the same under every alias, and is read under its name.
        return Cow::Borrowed(&field.name);
    }
    let key = field.alias.as_ref().unwrap_or(&field.name);
    if field.alias.is_some() && schema.has_object_field_named(&field.name) {
        return Cow::Owned(format!("{PREFIX}{}_{key}_{}", key.len(), field.name));
    }
    let is_taken = *key != field.name && schema.has_field_named(key);
    match is_taken || key.starts_with(PREFIX) {
        true => Cow::Owned(format!("{PREFIX}{key}")),
        false => Cow::Borrowed(key),
    }
}

/// What a length stands before, if one does: no alias begins with a digit.
fn alias(asked: &str) -> &str {
    let counted = asked.split_once('_').and_then(|(length, rest)| {
        let length: usize = length.parse().ok()?;
        rest.get(..length)
    });
    counted.unwrap_or(asked)
}

/// Puts the client's keys into the path of an error.
pub(crate) fn restore(path: &mut [PathSegment]) {
    for segment in path {
        if let PathSegment::Key(key) = segment
            && let Some(asked) = key.strip_prefix(PREFIX)
        {
            *key = alias(asked).to_owned();
        }
    }
}
