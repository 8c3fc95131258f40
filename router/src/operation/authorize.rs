//! Access rules of the schema against a caller. Refused fields are not planned
//! and come back null; see `plan::projection` for how the answer tells it.

use std::collections::HashSet;

use graphql_tools::static_graphql::query;

use super::Document;
use super::document::{kind_of, root_type, selection_of};
use crate::identity::Caller;
use crate::schema::{Rule, Schema};

/// Why a field is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denial {
    Unauthenticated,
    Forbidden,
}

impl Denial {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Sign in to read this field.",
            Self::Forbidden => "You may not read this field.",
        }
    }
}

/// What a caller lacks for `rule`; `None` when nothing.
pub(crate) fn decide(rule: &Rule, caller: &Caller) -> Option<Denial> {
    if rule.is_open() {
        return None;
    }
    let refused = if caller.authenticated {
        Denial::Forbidden
    } else {
        Denial::Unauthenticated
    };
    if rule.authenticated && !caller.authenticated {
        return Some(Denial::Unauthenticated);
    }
    let holds = |groups: &Vec<Vec<String>>, held: &[String]| {
        groups
            .iter()
            .any(|group| group.iter().all(|wanted| held.contains(wanted)))
    };
    let scopes = rule
        .scopes
        .iter()
        .all(|groups| holds(groups, &caller.scopes));
    let policies = rule
        .policies
        .iter()
        .all(|groups| holds(groups, &caller.policies));
    (!scopes || !policies).then_some(refused)
}

/// The decisions on all rules of an operation, for one caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decisions(Vec<(Rule, Denial)>);

impl Decisions {
    /// Decides every rule of `rules`; only refusals are kept.
    pub(crate) fn new(rules: &[Rule], caller: &Caller) -> Self {
        let refused = |rule: &Rule| decide(rule, caller).map(|denial| (rule.clone(), denial));
        Self(rules.iter().filter_map(refused).collect())
    }

    /// Text that tells these decisions from others.
    pub(crate) fn fingerprint(&self) -> String {
        if self.0.is_empty() {
            String::new()
        } else {
            format!("\n{:?}", self.0)
        }
    }

    pub(crate) fn denial(&self, rule: &Rule) -> Option<Denial> {
        if rule.is_open() {
            return None;
        }
        self.0
            .iter()
            .find(|(known, _)| known == rule)
            .map(|(_, denial)| *denial)
    }
}

/// Every distinct rule an operation can meet, on the types its document names
/// and on the object types behind them.
pub(crate) fn rules(
    schema: &Schema,
    document: &Document,
    operation: &query::OperationDefinition,
) -> Vec<Rule> {
    let mut found = Rules {
        schema,
        document,
        found: Vec::new(),
        seen: HashSet::new(),
    };
    if let Some(root) = root_type(schema, kind_of(operation)) {
        found.visit(root, selection_of(operation));
    }
    found.found
}

struct Rules<'a> {
    schema: &'a Schema,
    document: &'a Document,
    found: Vec<Rule>,
    seen: HashSet<(String, *const query::SelectionSet)>,
}

impl Rules<'_> {
    fn add(&mut self, rule: &Rule) {
        if !rule.is_open() && !self.found.contains(rule) {
            self.found.push(rule.clone());
        }
    }

    fn visit(&mut self, parent: &str, set: &query::SelectionSet) {
        if !self
            .seen
            .insert((parent.to_owned(), std::ptr::from_ref(set)))
        {
            return;
        }
        let schema = self.schema;
        let Some(ty) = schema.ty(parent) else { return };
        self.add(&ty.rule);
        // Each object type can refuse on its own, so each is looked at.
        let types: Vec<_> = if ty.kind.is_abstract() {
            ty.possible
                .iter()
                .filter_map(|name| schema.ty(name))
                .chain([ty])
                .collect()
        } else {
            vec![ty]
        };
        for selection in &set.items {
            match selection {
                query::Selection::Field(field) => {
                    for ty in &types {
                        self.add(&ty.rule);
                        let Some(def) = ty.field(&field.name) else {
                            continue;
                        };
                        self.add(&def.rule);
                        self.visit(def.ty.base(), &field.selection_set);
                    }
                }
                query::Selection::InlineFragment(fragment) => {
                    let query::TypeCondition::On(on) = fragment
                        .type_condition
                        .clone()
                        .unwrap_or_else(|| query::TypeCondition::On(parent.to_owned()));
                    self.visit(&on, &fragment.selection_set);
                }
                query::Selection::FragmentSpread(spread) => {
                    let document = self.document;
                    if let Some(fragment) = document.fragment(&spread.fragment_name) {
                        let query::TypeCondition::On(on) = &fragment.type_condition;
                        self.visit(on, &fragment.selection_set);
                    }
                }
            }
        }
    }
}
