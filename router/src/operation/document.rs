//! A parsed and validated document with what later stages need to know of it.

use std::collections::HashMap;
use std::sync::Arc;

use graphql_tools::static_graphql::query;

use super::Kind;
use super::defer::Defers;
use crate::schema::TypeRef;
use crate::schema::{Rule, Schema};

/// A document; parsed, limited and validated once, then shared.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) ast: query::Document,
    /// What it was parsed from, where a subscription may have to be parsed again
    /// for another schema.
    pub(crate) text: Option<Arc<str>>,
    fragments: HashMap<String, usize>,
    pub(crate) operations: Vec<Operation>,
}

/// One operation of a document.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    definition: usize,
    pub(crate) variables: Vec<Variable>,
    /// Variables that decide `@skip` and `@include`.
    pub(crate) conditions: Vec<String>,
    /// What the operation defers.
    pub(crate) defers: Defers,
    /// Distinct access rules met anywhere in the operation.
    pub(crate) rules: Vec<Rule>,
}

/// A declared variable.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) ty: TypeRef,
    pub(crate) default: Option<query::Value>,
}

impl Document {
    pub(crate) fn new(text: &str, ast: query::Document, schema: &Schema) -> Self {
        let fragments = fragment_index(&ast);
        let mut document = Self {
            ast,
            text: None,
            fragments,
            operations: Vec::new(),
        };
        let mut operations = Vec::new();
        for (at, definition) in document.ast.definitions.iter().enumerate() {
            let query::Definition::Operation(operation) = definition else {
                continue;
            };
            let mut conditions = Vec::new();
            let mut defers = Defers::default();
            visit_directives(
                &document,
                selection_of(operation),
                &mut |directive| {
                    collect_condition(directive, &mut conditions);
                    defers.collect(directive);
                },
                &mut Vec::new(),
            );
            operations.push(Operation {
                name: name_of(operation).cloned(),
                kind: kind_of(operation),
                definition: at,
                variables: variables_of(operation).iter().map(variable).collect(),
                conditions,
                defers,
                rules: super::authorize::rules(schema, &document, operation),
            });
        }
        let subscribes = |operation: &Operation| operation.kind == Kind::Subscription;
        document.text = operations.iter().any(subscribes).then(|| text.into());
        document.operations = operations;
        document
    }

    pub(crate) fn fragment(&self, name: &str) -> Option<&query::FragmentDefinition> {
        match self.ast.definitions.get(*self.fragments.get(name)?)? {
            query::Definition::Fragment(fragment) => Some(fragment),
            query::Definition::Operation(_) => None,
        }
    }

    /// True when the operation asks for `__schema` or `__type`.
    pub(crate) fn introspects(&self, operation: &Operation) -> bool {
        self.definition(operation)
            .is_some_and(|definition| self.set_introspects(selection_of(definition)))
    }

    fn set_introspects(&self, set: &query::SelectionSet) -> bool {
        set.items.iter().any(|selection| match selection {
            query::Selection::Field(field) => matches!(field.name.as_str(), "__schema" | "__type"),
            query::Selection::InlineFragment(fragment) => {
                self.set_introspects(&fragment.selection_set)
            }
            query::Selection::FragmentSpread(spread) => self
                .fragment(&spread.fragment_name)
                .is_some_and(|fragment| self.set_introspects(&fragment.selection_set)),
        })
    }

    /// The definition behind an operation of this document.
    pub(crate) fn definition(&self, operation: &Operation) -> Option<&query::OperationDefinition> {
        match self.ast.definitions.get(operation.definition)? {
            query::Definition::Operation(definition) => Some(definition),
            query::Definition::Fragment(_) => None,
        }
    }
}

fn fragment_index(ast: &query::Document) -> HashMap<String, usize> {
    ast.definitions
        .iter()
        .enumerate()
        .filter_map(|(at, definition)| match definition {
            query::Definition::Fragment(fragment) => Some((fragment.name.clone(), at)),
            query::Definition::Operation(_) => None,
        })
        .collect()
}

fn variable(definition: &query::VariableDefinition) -> Variable {
    Variable {
        name: definition.name.clone(),
        ty: TypeRef::from_ast(&definition.var_type),
        default: definition.default_value.clone(),
    }
}

pub(crate) fn kind_of(operation: &query::OperationDefinition) -> Kind {
    match operation {
        query::OperationDefinition::SelectionSet(_) | query::OperationDefinition::Query(_) => {
            Kind::Query
        }
        query::OperationDefinition::Mutation(_) => Kind::Mutation,
        query::OperationDefinition::Subscription(_) => Kind::Subscription,
    }
}

pub(crate) fn name_of(operation: &query::OperationDefinition) -> Option<&String> {
    match operation {
        query::OperationDefinition::SelectionSet(_) => None,
        query::OperationDefinition::Query(query) => query.name.as_ref(),
        query::OperationDefinition::Mutation(mutation) => mutation.name.as_ref(),
        query::OperationDefinition::Subscription(subscription) => subscription.name.as_ref(),
    }
}

pub(crate) fn selection_of(operation: &query::OperationDefinition) -> &query::SelectionSet {
    match operation {
        query::OperationDefinition::SelectionSet(set) => set,
        query::OperationDefinition::Query(query) => &query.selection_set,
        query::OperationDefinition::Mutation(mutation) => &mutation.selection_set,
        query::OperationDefinition::Subscription(subscription) => &subscription.selection_set,
    }
}

pub(crate) fn variables_of(operation: &query::OperationDefinition) -> &[query::VariableDefinition] {
    match operation {
        query::OperationDefinition::SelectionSet(_) => &[],
        query::OperationDefinition::Query(query) => &query.variable_definitions,
        query::OperationDefinition::Mutation(mutation) => &mutation.variable_definitions,
        query::OperationDefinition::Subscription(sub) => &sub.variable_definitions,
    }
}

/// The root type of an operation.
pub(crate) fn root_type(schema: &Schema, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Query => Some(&schema.query),
        Kind::Mutation => schema.mutation.as_deref(),
        Kind::Subscription => schema.subscription.as_deref(),
    }
}

pub(crate) fn directives_of(selection: &query::Selection) -> &[query::Directive] {
    match selection {
        query::Selection::Field(field) => &field.directives,
        query::Selection::InlineFragment(fragment) => &fragment.directives,
        query::Selection::FragmentSpread(spread) => &spread.directives,
    }
}

/// Calls `visit` for every directive of the selections, each fragment once.
fn visit_directives<'a>(
    document: &'a Document,
    set: &'a query::SelectionSet,
    visit: &mut impl FnMut(&query::Directive),
    seen: &mut Vec<&'a str>,
) {
    for selection in &set.items {
        directives_of(selection).iter().for_each(&mut *visit);
        match selection {
            query::Selection::Field(field) => {
                visit_directives(document, &field.selection_set, visit, seen);
            }
            query::Selection::InlineFragment(fragment) => {
                visit_directives(document, &fragment.selection_set, visit, seen);
            }
            query::Selection::FragmentSpread(spread) => {
                if seen.contains(&spread.fragment_name.as_str()) {
                    continue;
                }
                seen.push(&spread.fragment_name);
                if let Some(fragment) = document.fragment(&spread.fragment_name) {
                    visit_directives(document, &fragment.selection_set, visit, seen);
                }
            }
        }
    }
}

fn collect_condition(directive: &query::Directive, found: &mut Vec<String>) {
    if !matches!(directive.name.as_str(), "skip" | "include") {
        return;
    }
    for (_, value) in &directive.arguments {
        if let query::Value::Variable(name) = value
            && !found.contains(name)
        {
            found.push(name.clone());
        }
    }
}

/// Values of the variables that decide `@skip` and `@include`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Conditions(pub(crate) Vec<(String, bool)>);

impl Conditions {
    pub(super) fn value(&self, value: &query::Value) -> bool {
        match value {
            query::Value::Boolean(value) => *value,
            query::Value::Variable(name) => self
                .0
                .iter()
                .find(|(known, _)| known == name)
                .is_some_and(|(_, value)| *value),
            _ => false,
        }
    }

    /// True when `@skip` and `@include` let the selection stand.
    pub(crate) fn keep(&self, selection: &query::Selection) -> bool {
        directives_of(selection).iter().all(|directive| {
            let Some((_, value)) = directive.arguments.iter().find(|(name, _)| name == "if") else {
                return true;
            };
            match directive.name.as_str() {
                "skip" => !self.value(value),
                "include" => self.value(value),
                _ => true,
            }
        })
    }
}
