//! What composes, plans: the router's planner takes every recorded case that
//! composes, and plans a query for each of its root fields.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hive_router_query_planner::ast::normalization::normalize_operation;
use hive_router_query_planner::graph::PlannerOverrideContext;
use hive_router_query_planner::planner::{Planner, QueryPlannerOptions};
use hive_router_query_planner::utils::cancellation::CancellationToken;
use hive_router_query_planner::utils::parsing::{safe_parse_operation, safe_parse_schema};

use crate::syntax::{Document, FieldDefinition, TypeDefinition, TypeKind, parse_document};

/// Plans a query for every root field; what the planner said where it failed.
pub(super) fn failures(supergraph_sdl: &str, api_sdl: &str) -> Vec<String> {
    let planner = catch_unwind(AssertUnwindSafe(|| {
        let document = safe_parse_schema(supergraph_sdl).map_err(|error| error.to_string())?;
        Planner::new_from_supergraph(&document, QueryPlannerOptions::default())
            .map_err(|error| error.to_string())
    }));
    let planner = match planner {
        Ok(Ok(planner)) => planner,
        Ok(Err(error)) => return vec![error],
        Err(_) => return vec!["the planner panicked on the supergraph".to_owned()],
    };
    let mut failures = Vec::new();
    for operation in operations(api_sdl) {
        let planned = catch_unwind(AssertUnwindSafe(|| plan(&planner, &operation)));
        match planned {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(format!("{operation}: {error}")),
            Err(_) => failures.push(format!("{operation}: the planner panicked")),
        }
    }
    failures
}

fn plan(planner: &Planner, operation: &str) -> Result<(), String> {
    let parsed = safe_parse_operation(operation).map_err(|error| error.to_string())?;
    let normalized = normalize_operation(&planner.supergraph, &parsed, None)
        .map_err(|error| error.to_string())?;
    planner
        .plan_from_normalized_operation(
            &normalized.operation,
            PlannerOverrideContext::default(),
            &CancellationToken::with_timeout(Duration::from_secs(20)),
        )
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// A query for each field of the root types, three levels deep.
fn operations(api_sdl: &str) -> Vec<String> {
    let document = parse_document(api_sdl).expect("the API schema parses");
    let mut operations = Vec::new();
    for (keyword, root) in [("query", "Query"), ("mutation", "Mutation")] {
        let Some(ty) = find(&document, root) else {
            continue;
        };
        for field in &ty.fields {
            if let Some(selection) = select(&document, field, 3) {
                operations.push(format!("{keyword} {{ {selection} }}"));
            }
        }
    }
    operations
}

fn find<'d, 'a>(document: &'d Document<'a>, name: &str) -> Option<&'d TypeDefinition<'a>> {
    document.types.iter().find(|ty| ty.name.text == name)
}

/// The field with all it has below; nothing for one that needs arguments.
fn select(document: &Document<'_>, field: &FieldDefinition<'_>, depth: usize) -> Option<String> {
    let required = |a: &crate::syntax::InputValue<'_>| a.ty.is_non_null() && a.default.is_none();
    if field.arguments.iter().any(required) {
        return None;
    }
    let Some(ty) = find(document, field.ty.name) else {
        return Some(field.name.text.to_owned());
    };
    if !matches!(
        ty.kind,
        TypeKind::Object | TypeKind::Interface | TypeKind::Union
    ) {
        return Some(field.name.text.to_owned());
    }
    let mut inner = String::from("__typename ");
    if depth > 0 {
        for field in &ty.fields {
            if let Some(selection) = select(document, field, depth - 1) {
                inner.push_str(&selection);
                inner.push(' ');
            }
        }
    }
    Some(format!("{} {{ {inner}}}", field.name.text))
}
