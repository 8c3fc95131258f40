//! One variant of an operation: conditions and permissions decided. What is
//! refused, skipped or answered by the router itself is not given to the planner.

use std::sync::Arc;

use graphql_tools::static_graphql::query;

use super::authorize::Decisions;
use super::defer::{self, Deferred, Deferring};
use super::document::{Conditions, kind_of, name_of, root_type, selection_of, variables_of};
use super::gather;
use super::keys;
use super::resume::{self, Resumption};
use super::{Document, IncrementalFormat, Kind};
use crate::schema::Schema;

/// An operation whose conditions and permissions are decided.
#[derive(Debug)]
pub(crate) struct PreparedOperation {
    pub(crate) kind: Kind,
    pub(crate) document: Arc<Document>,
    pub(crate) index: usize,
    pub(crate) conditions: Conditions,
    pub(crate) decisions: Decisions,
    /// `None` when the answer comes in one piece.
    pub(crate) deferral: Option<Deferring>,
    /// What the planner gets; `None` when nothing is to be fetched.
    pub(crate) to_plan: Option<query::Document>,
    /// For subscriptions that can be continued.
    pub(crate) resumption: Option<Resumption>,
}

impl PreparedOperation {
    pub(crate) fn new(
        schema: &Schema,
        document: Arc<Document>,
        index: usize,
        conditions: Conditions,
        decisions: Decisions,
        deferral: Option<Deferring>,
    ) -> Self {
        let kind = document.operations[index].kind;
        let mut stripped = {
            let strip = Strip {
                schema,
                document: &document,
                conditions: &conditions,
                decisions: &decisions,
            };
            document
                .definition(&document.operations[index])
                .and_then(|op| strip.operation(op))
        };
        let resumption = stripped
            .as_mut()
            .filter(|_| kind == Kind::Subscription)
            .and_then(|to_plan| resume::prepare(schema, &decisions, to_plan));
        Self {
            kind,
            document,
            index,
            conditions,
            decisions,
            deferral,
            to_plan: stripped,
            resumption,
        }
    }

    /// The label and more of `selection` when it is to be delivered later.
    pub(crate) fn deferred<'s>(&self, selection: &'s query::Selection) -> Option<Deferred<'s>> {
        self.deferral
            .as_ref()
            .and_then(|deferring| defer::deferred(selection, &deferring.conditions))
    }

    /// Text that is the same for operations that plan and project the same.
    pub(crate) fn cache_key(&self) -> String {
        let mut key = self
            .to_plan
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        // What is not planned still shapes the answer: aliases of refused or
        // introspection fields, and `__typename` at the root.
        if let Some(operation) = self
            .document
            .definition(&self.document.operations[self.index])
        {
            key.push('\n');
            key.push_str(&operation.to_string());
            for definition in &self.document.ast.definitions {
                if let query::Definition::Fragment(fragment) = definition {
                    key.push('\n');
                    key.push_str(&fragment.to_string());
                }
            }
        }
        for (name, value) in &self.conditions.0 {
            key.push_str(if *value { "\n+" } else { "\n-" });
            key.push_str(name);
        }
        key.push_str(&self.decisions.fingerprint());
        if let Some(deferral) = &self.deferral {
            key.push_str("\ndefer ");
            key.push_str(match deferral.format {
                IncrementalFormat::ByPath => "by path",
                IncrementalFormat::ById => "by id",
            });
            for (name, value) in &deferral.conditions.0 {
                key.push_str(if *value { "\n+" } else { "\n-" });
                key.push_str(name);
            }
        }
        key
    }
}

struct Strip<'a> {
    schema: &'a Schema,
    document: &'a Document,
    conditions: &'a Conditions,
    decisions: &'a Decisions,
}

impl Strip<'_> {
    /// The operation with fragments inlined, so that refusals can differ by place.
    fn operation(&self, operation: &query::OperationDefinition) -> Option<query::Document> {
        let root = root_type(self.schema, kind_of(operation))?;
        let mut set = self.set(root, &[root], selection_of(operation));
        drop_answered_here(&mut set);
        if set.items.is_empty() {
            return None;
        }
        let used = used_variables(&set);
        let variables: Vec<_> = variables_of(operation)
            .iter()
            .filter(|variable| used.contains(&variable.name))
            .cloned()
            .collect();
        let position = Default::default();
        let name = name_of(operation).cloned();
        let directives = Vec::new();
        let definition = match kind_of(operation) {
            Kind::Query => query::OperationDefinition::Query(query::Query {
                position,
                name,
                variable_definitions: variables,
                directives,
                selection_set: set,
            }),
            Kind::Mutation => query::OperationDefinition::Mutation(query::Mutation {
                position,
                name,
                variable_definitions: variables,
                directives,
                selection_set: set,
            }),
            Kind::Subscription => query::OperationDefinition::Subscription(query::Subscription {
                position,
                name,
                variable_definitions: variables,
                directives,
                selection_set: set,
            }),
        };
        Some(query::Document {
            definitions: vec![query::Definition::Operation(definition)],
        })
    }

    /// The selections of `parent` that apply to one of the object types `within`.
    fn set(&self, parent: &str, within: &[&str], set: &query::SelectionSet) -> query::SelectionSet {
        let mut items = Vec::with_capacity(set.items.len());
        for selection in &set.items {
            let kept = self.conditions.keep(selection);
            let selection = kept.then(|| self.selection(parent, within, selection));
            if let Some(selection) = selection.flatten() {
                gather::add(parent, &mut items, selection);
            }
        }
        query::SelectionSet {
            span: set.span,
            items,
        }
    }

    fn selection(
        &self,
        parent: &str,
        within: &[&str],
        selection: &query::Selection,
    ) -> Option<query::Selection> {
        match selection {
            query::Selection::Field(field) => self.field(parent, field),
            query::Selection::InlineFragment(fragment) => {
                let on = fragment.type_condition.as_ref();
                let on = on.map_or(parent, |query::TypeCondition::On(on)| on.as_str());
                self.fragment(parent, on, within, &fragment.selection_set)
            }
            query::Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragment(&spread.fragment_name)?;
                let query::TypeCondition::On(on) = &fragment.type_condition;
                self.fragment(parent, on, within, &fragment.selection_set)
            }
        }
    }

    fn field(&self, parent: &str, field: &query::Field) -> Option<query::Selection> {
        let mut stripped = query::Field {
            position: field.position,
            alias: match keys::planned(self.schema, field) {
                key if key == field.name => None,
                key => Some(key.into_owned()),
            },
            name: field.name.clone(),
            arguments: field.arguments.clone(),
            directives: Vec::new(),
            selection_set: query::SelectionSet {
                span: field.selection_set.span,
                items: Vec::new(),
            },
        };
        if field.name.starts_with("__") {
            stripped.selection_set = field.selection_set.clone();
            return Some(query::Selection::Field(stripped));
        }
        let def = self.schema.ty(parent)?.field(&field.name)?;
        if self.decisions.denial(&def.rule).is_some() {
            return None;
        }
        if !field.selection_set.items.is_empty() {
            let within = self.schema.possible(def.ty.base());
            stripped.selection_set = self.set(def.ty.base(), &within, &field.selection_set);
            // An object must be fetched even without fields, to know whether it is
            // there, and its type must be known when it decides what may be seen.
            if stripped.selection_set.items.is_empty() || self.needs_typename(def.ty.base()) {
                stripped.selection_set.items.push(typename_field());
            }
        }
        Some(query::Selection::Field(stripped))
    }

    /// True for abstract types some of whose objects this caller must not get.
    fn needs_typename(&self, base: &str) -> bool {
        let Some(ty) = self.schema.ty(base).filter(|ty| ty.kind.is_abstract()) else {
            return false;
        };
        let refused = |name: &String| {
            self.schema
                .ty(name)
                .is_some_and(|object| self.decisions.denial(&object.rule).is_some())
        };
        ty.has_hidden_values || ty.possible.iter().any(refused)
    }

    fn fragment(
        &self,
        parent: &str,
        on: &str,
        within: &[&str],
        set: &query::SelectionSet,
    ) -> Option<query::Selection> {
        if on != parent && self.decisions.denial(&self.schema.ty(on)?.rule).is_some() {
            return None;
        }
        let satisfying = within.iter().copied();
        let narrowed: Vec<&str> = satisfying
            .filter(|object| self.schema.satisfies(object, on))
            .collect();
        // What contradicts the conditions around it is for no object. An interface
        // that is an object in some subgraph may have no other objects at all.
        if narrowed.is_empty() && !within.is_empty() {
            return None;
        }
        let set = self.set(on, &narrowed, set);
        if set.items.is_empty() {
            return None;
        }
        Some(query::Selection::InlineFragment(query::InlineFragment {
            position: Default::default(),
            type_condition: Some(query::TypeCondition::On(on.to_owned())),
            directives: Vec::new(),
            selection_set: set,
        }))
    }
}

/// Takes out root fields the router answers without a subgraph.
fn drop_answered_here(set: &mut query::SelectionSet) {
    set.items.retain_mut(|selection| match selection {
        query::Selection::Field(field) => !field.name.starts_with("__"),
        query::Selection::InlineFragment(fragment) => {
            drop_answered_here(&mut fragment.selection_set);
            !fragment.selection_set.items.is_empty()
        }
        query::Selection::FragmentSpread(_) => true,
    });
}

fn typename_field() -> query::Selection {
    query::Selection::Field(query::Field {
        position: Default::default(),
        alias: None,
        name: "__typename".to_owned(),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: query::SelectionSet {
            span: Default::default(),
            items: Vec::new(),
        },
    })
}

pub(super) fn used_variables(set: &query::SelectionSet) -> Vec<String> {
    fn in_value(value: &query::Value, used: &mut Vec<String>) {
        match value {
            query::Value::Variable(name) => used.push(name.clone()),
            query::Value::List(items) => items.iter().for_each(|item| in_value(item, used)),
            query::Value::Object(fields) => fields.iter().for_each(|(_, v)| in_value(v, used)),
            _ => {}
        }
    }
    fn in_set(set: &query::SelectionSet, used: &mut Vec<String>) {
        for selection in &set.items {
            match selection {
                query::Selection::Field(field) => {
                    field
                        .arguments
                        .iter()
                        .for_each(|(_, value)| in_value(value, used));
                    in_set(&field.selection_set, used);
                }
                query::Selection::InlineFragment(fragment) => in_set(&fragment.selection_set, used),
                query::Selection::FragmentSpread(_) => {}
            }
        }
    }
    let mut used = Vec::new();
    in_set(set, &mut used);
    used
}
