//! The access rules a supergraph carries: `@authenticated`, `@requiresScopes`
//! and `@policy`, on fields and on types, read into one conjunction per field.

use std::collections::HashMap;

use graphql_tools::static_graphql::schema as ast;

/// What a caller must bring to see a field or a type. An empty rule asks nothing.
///
/// Lists of scopes and policies mean: the outer list is an OR, the inner an AND.
/// Rules from several places (a field, its type) must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    pub(crate) authenticated: bool,
    pub(crate) scopes: Vec<Vec<Vec<String>>>,
    pub(crate) policies: Vec<Vec<Vec<String>>>,
}

impl Rule {
    pub(crate) fn is_open(&self) -> bool {
        !self.authenticated && self.scopes.is_empty() && self.policies.is_empty()
    }

    /// The conjunction of both.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.authenticated |= other.authenticated;
        for scopes in &other.scopes {
            if !self.scopes.contains(scopes) {
                self.scopes.push(scopes.clone());
            }
        }
        for policies in &other.policies {
            if !self.policies.contains(policies) {
                self.policies.push(policies.clone());
            }
        }
        self
    }

    fn read(directives: &[ast::Directive]) -> Self {
        let mut rule = Self::default();
        for directive in directives {
            match local_name(&directive.name) {
                "authenticated" => rule.authenticated = true,
                "requiresScopes" => rule.scopes.extend(nested_lists(directive, "scopes")),
                "policy" => rule.policies.extend(nested_lists(directive, "policies")),
                _ => {}
            }
        }
        rule
    }
}

/// A directive that was imported without being renamed keeps the prefix of its
/// specification (`federation__authenticated`).
fn local_name(name: &str) -> &str {
    name.strip_prefix("federation__").unwrap_or(name)
}

fn nested_lists(directive: &ast::Directive, argument: &str) -> Option<Vec<Vec<String>>> {
    let value = directive
        .arguments
        .iter()
        .find(|(name, _)| name == argument)
        .map(|(_, v)| v)?;
    // A single value is coerced to a list, as GraphQL's list coercion says.
    let outer: Vec<&ast::Value> = match value {
        ast::Value::List(items) => items.iter().collect(),
        other => vec![other],
    };
    Some(
        outer
            .into_iter()
            .map(|inner| match inner {
                ast::Value::List(items) => items.iter().filter_map(string).collect(),
                other => string(other).into_iter().collect(),
            })
            .collect(),
    )
}

fn string(value: &ast::Value) -> Option<String> {
    match value {
        ast::Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The rules of every type and field of a supergraph.
#[derive(Debug, Default)]
pub(crate) struct TypeRules {
    types: HashMap<String, Rule>,
    fields: HashMap<(String, String), Rule>,
}

impl TypeRules {
    pub(crate) fn read(document: &ast::Document) -> Self {
        let mut rules = Self::default();
        for definition in &document.definitions {
            let ast::Definition::TypeDefinition(ty) = definition else {
                continue;
            };
            let (name, directives, fields) = match ty {
                ast::TypeDefinition::Object(o) => (&o.name, &o.directives, o.fields.as_slice()),
                ast::TypeDefinition::Interface(i) => (&i.name, &i.directives, i.fields.as_slice()),
                ast::TypeDefinition::Scalar(s) => (&s.name, &s.directives, &[][..]),
                ast::TypeDefinition::Enum(e) => (&e.name, &e.directives, &[][..]),
                ast::TypeDefinition::Union(_) | ast::TypeDefinition::InputObject(_) => continue,
            };
            let rule = Rule::read(directives);
            if !rule.is_open() {
                rules.types.insert(name.clone(), rule);
            }
            for field in fields {
                let rule = Rule::read(&field.directives);
                if !rule.is_open() {
                    rules
                        .fields
                        .insert((name.clone(), field.name.clone()), rule);
                }
            }
        }
        rules
    }

    pub(crate) fn of_type(&self, name: &str) -> Rule {
        self.types.get(name).cloned().unwrap_or_default()
    }

    /// The rule of a field: its own, and that of the type it returns.
    pub(crate) fn of_field(&self, parent: &str, field: &str, returns: &str) -> Rule {
        let own = self.fields.get(&(parent.to_owned(), field.to_owned()));
        own.cloned().unwrap_or_default().and(&self.of_type(returns))
    }
}
