//! `@defer`: which fragments a client wants later, and the rules for asking so
//! (incremental delivery RFC). Subgraphs and the planner never see it.

use std::collections::{HashMap, HashSet};

use graphql_tools::static_graphql::query;
use serde_json::{Map, Value};

use super::Kind;
use super::document::{Conditions, Operation, directives_of, kind_of, root_type, selection_of};
use crate::error::{GraphqlError, Location, code};
use crate::schema::Schema;

/// Formats of answers that come in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncrementalFormat {
    /// Each piece names its path and its label: `deferSpec=20220824`.
    ByPath,
    /// Pieces are announced, then named by id; each field comes once:
    /// `incrementalSpec=v0.2`.
    ById,
}

/// That an answer comes in pieces, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Deferring {
    /// Which fragments come later.
    pub(crate) conditions: Conditions,
    pub(crate) format: IncrementalFormat,
}

/// What an operation defers, as far as its text tells.
#[derive(Debug, Default)]
pub(crate) struct Defers {
    /// A fragment is deferred whatever the variables are.
    always: bool,
    /// Variables that decide about the others.
    variables: Vec<String>,
}

impl Defers {
    pub(super) fn collect(&mut self, directive: &query::Directive) {
        if directive.name != "defer" {
            return;
        }
        match argument(directive, "if") {
            Some(query::Value::Boolean(false)) => {}
            Some(query::Value::Variable(name)) => {
                if !self.variables.contains(name) {
                    self.variables.push(name.clone());
                }
            }
            _ => self.always = true,
        }
    }

    /// True when the operation may defer something.
    pub(crate) fn possibly(&self) -> bool {
        self.always || !self.variables.is_empty()
    }

    /// What the values of the deciding variables come to; `None` when nothing is
    /// deferred.
    pub(crate) fn decide(
        &self,
        operation: &Operation,
        values: &Map<String, Value>,
        format: IncrementalFormat,
    ) -> Option<Deferring> {
        if !self.possibly() {
            return None;
        }
        let value = |name: &String| {
            let given = values.get(name).and_then(Value::as_bool);
            let default = || {
                let declared = operation.variables.iter().find(|v| v.name == *name)?;
                match declared.default {
                    Some(query::Value::Boolean(value)) => Some(value),
                    _ => None,
                }
            };
            // The argument's own default is true.
            (name.clone(), given.or_else(default).unwrap_or(true))
        };
        let conditions: Vec<(String, bool)> = self.variables.iter().map(value).collect();
        let any = self.always || conditions.iter().any(|(_, value)| *value);
        any.then_some(Deferring {
            conditions: Conditions(conditions),
            format,
        })
    }
}

/// A fragment that is delivered later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deferred<'a> {
    pub(crate) label: Option<&'a str>,
}

/// Whether `selection` is deferred under `conditions`.
pub(super) fn deferred<'a>(
    selection: &'a query::Selection,
    conditions: &Conditions,
) -> Option<Deferred<'a>> {
    let directive = directive(selection)?;
    if argument(directive, "if").is_some_and(|value| !conditions.value(value)) {
        return None;
    }
    let label = match argument(directive, "label") {
        Some(query::Value::String(label)) => Some(label.as_str()),
        _ => None,
    };
    Some(Deferred { label })
}

fn directive(selection: &query::Selection) -> Option<&query::Directive> {
    directives_of(selection)
        .iter()
        .find(|directive| directive.name == "defer")
}

fn argument<'a>(directive: &'a query::Directive, name: &str) -> Option<&'a query::Value> {
    let found = directive.arguments.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value)
}

/// Checks the RFC's rules: labels are static and unique; nothing is deferred at
/// the root of a mutation or anywhere in a subscription.
pub(super) fn check(ast: &query::Document, schema: &Schema) -> Result<(), GraphqlError> {
    let mut fragments = HashMap::new();
    for definition in &ast.definitions {
        if let query::Definition::Fragment(fragment) = definition {
            fragments.insert(fragment.name.as_str(), fragment);
        }
    }
    let mut labels = HashSet::new();
    for definition in &ast.definitions {
        let (parent, set) = match definition {
            query::Definition::Operation(operation) => (
                root_type(schema, kind_of(operation)),
                selection_of(operation),
            ),
            query::Definition::Fragment(fragment) => {
                let query::TypeCondition::On(on) = &fragment.type_condition;
                (Some(on.as_str()), &fragment.selection_set)
            }
        };
        Rules { schema }.set(parent, set, &mut labels)?;
        if let query::Definition::Operation(operation) = definition
            && kind_of(operation) == Kind::Subscription
        {
            no_defer(selection_of(operation), &fragments, &mut HashSet::new())?;
        }
    }
    Ok(())
}

struct Rules<'a> {
    schema: &'a Schema,
}

impl<'a> Rules<'a> {
    fn set(
        &self,
        parent: Option<&'a str>,
        set: &'a query::SelectionSet,
        labels: &mut HashSet<&'a str>,
    ) -> Result<(), GraphqlError> {
        for selection in &set.items {
            if let Some(directive) = directive(selection) {
                self.directive(parent, directive, labels)?;
            }
            match selection {
                query::Selection::Field(field) => {
                    let def = parent
                        .and_then(|parent| self.schema.ty(parent))
                        .and_then(|ty| ty.field(&field.name));
                    self.set(def.map(|def| def.ty.base()), &field.selection_set, labels)?;
                }
                query::Selection::InlineFragment(fragment) => {
                    let on = match &fragment.type_condition {
                        Some(query::TypeCondition::On(on)) => Some(on.as_str()),
                        None => parent,
                    };
                    self.set(on, &fragment.selection_set, labels)?;
                }
                query::Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    fn directive(
        &self,
        parent: Option<&str>,
        directive: &'a query::Directive,
        labels: &mut HashSet<&'a str>,
    ) -> Result<(), GraphqlError> {
        match argument(directive, "label") {
            None | Some(query::Value::Null) => {}
            Some(query::Value::String(label)) => {
                if !labels.insert(label) {
                    let message = format!("The label \"{label}\" of @defer is used twice.");
                    return Err(refused(message, directive));
                }
            }
            Some(_) => {
                let message = "The label of @defer must be a string, not a variable.";
                return Err(refused(message.into(), directive));
            }
        }
        for kind in [Kind::Mutation, Kind::Subscription] {
            if parent.is_some() && parent == root_type(self.schema, kind) {
                let kind = kind.as_str();
                let message = format!("@defer cannot be used at the root of a {kind}.");
                return Err(refused(message, directive));
            }
        }
        Ok(())
    }
}

/// Refuses what a subscription defers, unless a variable or `false` decides.
fn no_defer<'a>(
    set: &'a query::SelectionSet,
    fragments: &HashMap<&'a str, &'a query::FragmentDefinition>,
    seen: &mut HashSet<&'a str>,
) -> Result<(), GraphqlError> {
    for selection in &set.items {
        if let Some(directive) = directive(selection)
            && !matches!(
                argument(directive, "if"),
                Some(query::Value::Boolean(false) | query::Value::Variable(_))
            )
        {
            let message = "@defer is not supported in subscriptions; \
                           switch it off there by its argument \"if\".";
            return Err(refused(message.into(), directive));
        }
        match selection {
            query::Selection::Field(field) => no_defer(&field.selection_set, fragments, seen)?,
            query::Selection::InlineFragment(fragment) => {
                no_defer(&fragment.selection_set, fragments, seen)?;
            }
            query::Selection::FragmentSpread(spread) => {
                if seen.insert(&spread.fragment_name)
                    && let Some(fragment) = fragments.get(spread.fragment_name.as_str())
                {
                    no_defer(&fragment.selection_set, fragments, seen)?;
                }
            }
        }
    }
    Ok(())
}

fn refused(message: String, directive: &query::Directive) -> GraphqlError {
    let mut error = GraphqlError::new(message).with_code(code::GRAPHQL_VALIDATION_FAILED);
    error.locations.push(Location {
        line: directive.position.line,
        column: directive.position.column,
    });
    error
}
