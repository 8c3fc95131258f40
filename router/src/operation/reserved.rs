//! Fields whose names begin with two underscores: the introspection system's, and nobody else's
//! (GraphQL specification §4). The rules of validation leave all such names alone.

use graphql_tools::static_graphql::query;

use super::Kind;
use super::document::{kind_of, selection_of};
use crate::schema::Schema;

/// The first field with a reserved name that is not there.
pub(super) fn check<'a>(ast: &'a query::Document, schema: &Schema) -> Result<(), &'a str> {
    for definition in &ast.definitions {
        match definition {
            query::Definition::Operation(operation) => {
                check_set(
                    selection_of(operation),
                    kind_of(operation) == Kind::Query,
                    schema,
                )?;
            }
            query::Definition::Fragment(fragment) => {
                let query::TypeCondition::On(name) = &fragment.type_condition;
                check_set(&fragment.selection_set, *name == schema.query, schema)?;
            }
        }
    }
    Ok(())
}

fn check_set<'a>(
    set: &'a query::SelectionSet,
    of_query: bool,
    schema: &Schema,
) -> Result<(), &'a str> {
    for selection in &set.items {
        match selection {
            query::Selection::Field(field) => {
                let known = match field.name.as_str() {
                    "__typename" => true,
                    "__schema" | "__type" => of_query,
                    name => !name.starts_with("__"),
                };
                if !known {
                    return Err(&field.name);
                }
                check_set(&field.selection_set, false, schema)?;
            }
            query::Selection::InlineFragment(fragment) => {
                let of_query = match &fragment.type_condition {
                    Some(query::TypeCondition::On(name)) => *name == schema.query,
                    None => of_query,
                };
                check_set(&fragment.selection_set, of_query, schema)?;
            }
            // Checked as a definition of its own.
            query::Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}
