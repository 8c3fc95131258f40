//! The fields that a selection asks of one object.

use smallvec::SmallVec;
use stock::parser::types::{Field, Selection, SelectionSet};
use stock::resolver_utils::ContainerType;
use stock::{ContextSelectionSet, Positioned, ServerError, ServerResult};

/// Fields in the order of the request, fragments taken apart.
pub(crate) type Fields<'a> = SmallVec<[&'a Positioned<Field>; 8]>;

/// What is asked of an object.
pub(crate) enum Selected<'a> {
    Fields(Fields<'a>),
    /// Something only async-graphql can do from inside: an abstract type, or a
    /// directive of the schema on a field.
    Special,
}

/// The fields that `ctx` selects of `object`.
///
/// # Errors
/// For a spread of a fragment that is not there.
pub(crate) fn of<'a, T: ContainerType + ?Sized>(
    ctx: &ContextSelectionSet<'a>,
    object: &T,
) -> ServerResult<Selected<'a>> {
    let name = object.introspection_type_name();
    if name != T::type_name() {
        return Ok(Selected::Special);
    }
    let mut fields = Fields::new();
    if collect(ctx, &name, &ctx.item.node, &mut fields)? {
        Ok(Selected::Fields(fields))
    } else {
        Ok(Selected::Special)
    }
}

/// False when a field has a directive.
fn collect<'a>(
    ctx: &ContextSelectionSet<'a>,
    type_name: &str,
    selections: &'a SelectionSet,
    fields: &mut Fields<'a>,
) -> ServerResult<bool> {
    for selection in &selections.items {
        let (condition, selections) = match &selection.node {
            Selection::Field(field) if field.node.directives.is_empty() => {
                fields.push(field);
                continue;
            }
            Selection::Field(_) => return Ok(false),
            Selection::InlineFragment(fragment) => (
                fragment.node.type_condition.as_ref(),
                &fragment.node.selection_set,
            ),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = ctx.query_env.fragments.get(name) else {
                    let unknown = format!(r#"Unknown fragment "{name}"."#);
                    return Err(ServerError::new(unknown, Some(spread.pos)));
                };
                (
                    Some(&fragment.node.type_condition),
                    &fragment.node.selection_set,
                )
            }
        };
        let applies = condition.is_none_or(|condition| {
            let condition = condition.node.on.node.as_str();
            let implements = &ctx.schema_env.registry.implements;
            condition == type_name
                || implements
                    .get(type_name)
                    .is_some_and(|interfaces| interfaces.contains(condition))
        });
        if applies && !collect(ctx, type_name, &selections.node, fields)? {
            return Ok(false);
        }
    }
    Ok(true)
}
