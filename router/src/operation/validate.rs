//! Validation of a document against the public schema. The rules are those of
//! graphql-tools, except the one on overlapping fields: that one takes seconds
//! on small hostile documents, ours does not (see `overlap`).

use std::sync::LazyLock;

use graphql_tools::static_graphql::query;
use graphql_tools::validation::rules::*;
use graphql_tools::validation::validate::ValidationPlan;

use super::document::{kind_of, root_type};
use super::{defer, overlap, reserved};
use crate::config::Limits;
use crate::error::{GraphqlError, Location, code};
use crate::schema::Schema;

/// More errors than this are not reported.
const MAX_ERRORS: usize = 50;

static RULES: LazyLock<ValidationPlan> = LazyLock::new(|| {
    ValidationPlan::from(vec![
        Box::new(UniqueOperationNames::new()),
        Box::new(LoneAnonymousOperation::new()),
        Box::new(SingleFieldSubscriptions::new()),
        Box::new(KnownTypeNames::new()),
        Box::new(FragmentsOnCompositeTypes::new()),
        Box::new(VariablesAreInputTypes::new()),
        Box::new(LeafFieldSelections::new()),
        Box::new(FieldsOnCorrectType::new()),
        Box::new(UniqueFragmentNames::new()),
        Box::new(KnownFragmentNames::new()),
        Box::new(NoUnusedFragments::new()),
        Box::new(NoFragmentsCycle::new()),
        Box::new(PossibleFragmentSpreads::new()),
        Box::new(NoUnusedVariables::new()),
        Box::new(NoUndefinedVariables::new()),
        Box::new(KnownArgumentNames::new()),
        Box::new(UniqueArgumentNames::new()),
        Box::new(UniqueVariableNames::new()),
        Box::new(ProvidedRequiredArguments::new()),
        Box::new(KnownDirectives::new()),
        Box::new(VariablesInAllowedPosition::new()),
        Box::new(ValuesOfCorrectType::new()),
        Box::new(UniqueInputFieldNames::new()),
        Box::new(UniqueDirectivesPerLocation::new()),
    ])
});

pub(crate) fn validate(
    ast: &query::Document,
    schema: &Schema,
    limits: &Limits,
) -> Result<(), Vec<GraphqlError>> {
    check_roots(ast, schema)?;
    reserved::check(ast, schema)
        .map_err(|name| vec![failed(format!("There is no field \"{name}\" here."))])?;
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        graphql_tools::validation::validate::validate(&schema.document, ast, &RULES)
    }));
    let found = checked.map_err(|_| vec![failed("The document could not be validated.".into())])?;
    let errors: Vec<GraphqlError> = found
        .into_iter()
        .take(MAX_ERRORS)
        .map(|error| {
            let mut graphql = failed(error.message);
            graphql.locations = error
                .locations
                .iter()
                .map(|position| Location {
                    line: position.line,
                    column: position.column,
                })
                .collect();
            graphql
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    defer::check(ast, schema).map_err(|error| vec![error])?;
    overlap::check(ast, schema, limits).map_err(|error| vec![error])
}

/// The rules pass over operations whose root type does not exist.
fn check_roots(ast: &query::Document, schema: &Schema) -> Result<(), Vec<GraphqlError>> {
    for definition in &ast.definitions {
        let query::Definition::Operation(operation) = definition else {
            continue;
        };
        let kind = kind_of(operation);
        if root_type(schema, kind).is_none() {
            let kind = kind.as_str();
            return Err(vec![failed(format!(
                "The schema has no {kind} operations."
            ))]);
        }
    }
    Ok(())
}

fn failed(message: String) -> GraphqlError {
    GraphqlError::new(message).with_code(code::GRAPHQL_VALIDATION_FAILED)
}
