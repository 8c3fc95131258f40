//! `@resumable(arg:, cursor:)` on a subscription's field: the argument that says
//! where to continue becomes a variable of the router's own, and the cursor is
//! selected even when the client did not ask for it. Both are only seen upstream.

use graphql_tools::static_graphql::query;
use serde_json::Value;

use super::authorize::Decisions;
use super::prepare::used_variables;
use crate::schema::Schema;
use crate::schema::TypeRef;

/// How a subscription is continued.
#[derive(Debug, Clone)]
pub(crate) struct Resumption {
    /// The client's name of the argument.
    pub(crate) argument: String,
    /// The variable that carries the cursor upstream.
    pub(crate) variable: String,
    /// Response keys from the event to its cursor; the first that leads to one counts.
    pub(crate) paths: Vec<Vec<String>>,
    start: Start,
}

/// What the client gave as the argument.
#[derive(Debug, Clone)]
enum Start {
    Nothing,
    Literal(Value),
    Variable(String, Option<Value>),
}

impl Resumption {
    /// Where the client wants to begin.
    pub(crate) fn start(&self, variables: &serde_json::Map<String, Value>) -> Option<Value> {
        let value = match &self.start {
            Start::Nothing => None,
            Start::Literal(value) => Some(value.clone()),
            Start::Variable(name, default) => {
                variables.get(name).cloned().or_else(|| default.clone())
            }
        };
        value.filter(|value| !value.is_null())
    }
}

/// The one field of a subscription.
pub(crate) fn root_field(document: &query::Document) -> Option<&query::Field> {
    fn first(set: &query::SelectionSet) -> Option<&query::Field> {
        set.items.iter().find_map(|item| match item {
            query::Selection::Field(field) => Some(field),
            query::Selection::InlineFragment(fragment) => first(&fragment.selection_set),
            query::Selection::FragmentSpread(_) => None,
        })
    }
    document.definitions.iter().find_map(|item| match item {
        query::Definition::Operation(query::OperationDefinition::Subscription(subscription)) => {
            first(&subscription.selection_set)
        }
        _ => None,
    })
}

fn root_field_mut(set: &mut query::SelectionSet) -> Option<&mut query::Field> {
    set.items.iter_mut().find_map(|item| match item {
        query::Selection::Field(field) => Some(field),
        query::Selection::InlineFragment(fragment) => root_field_mut(&mut fragment.selection_set),
        query::Selection::FragmentSpread(_) => None,
    })
}

/// Makes the subscription in `document` one that can be continued. Gives `None`
/// and changes nothing when its field is not resumable.
pub(crate) fn prepare(
    schema: &Schema,
    decisions: &Decisions,
    document: &mut query::Document,
) -> Option<Resumption> {
    let field = root_field(document)?;
    let rule = schema.resumable.get(&field.name)?;
    let def = schema
        .ty(schema.subscription.as_deref()?)?
        .field(&field.name)?;
    let argument = def.args.iter().find(|input| input.name == rule.argument)?;
    let text = document.to_string();
    let cursor = Cursor {
        schema,
        decisions,
        alias: unused(&text, "_resumeCursor"),
    };
    let path: Vec<&str> = rule.cursor.split('.').collect();
    let (selections, paths) = cursor.select(def.ty.base(), &path)?;
    let variable = unused(&text, "_resumeAfter");
    let (argument_name, ty) = (argument.name.clone(), as_ast(&argument.ty));
    let subscription = document
        .definitions
        .iter_mut()
        .find_map(|item| match item {
            query::Definition::Operation(query::OperationDefinition::Subscription(
                subscription,
            )) => Some(subscription),
            _ => None,
        })?;
    let given = root_field_mut(&mut subscription.selection_set)?;
    let at = given
        .arguments
        .iter()
        .position(|(name, _)| *name == argument_name);
    let start = match at.map(|at| &given.arguments[at].1) {
        None | Some(query::Value::Null) => Start::Nothing,
        Some(query::Value::Variable(name)) => {
            let declared = subscription
                .variable_definitions
                .iter()
                .find(|declared| declared.name == *name);
            let default = declared.and_then(|declared| declared.default_value.as_ref());
            Start::Variable(name.clone(), default.and_then(scalar))
        }
        Some(other) => Start::Literal(scalar(other)?),
    };
    if let Some(at) = at {
        given.arguments.remove(at);
    }
    let own = query::Value::Variable(variable.clone());
    given.arguments.push((argument_name.clone(), own));
    given.selection_set.items.extend(selections);
    subscription
        .variable_definitions
        .push(query::VariableDefinition {
            position: Default::default(),
            name: variable.clone(),
            var_type: ty,
            default_value: None,
        });
    let used = used_variables(&subscription.selection_set);
    subscription
        .variable_definitions
        .retain(|declared| used.contains(&declared.name));
    Some(Resumption {
        argument: argument_name,
        variable,
        paths,
        start,
    })
}

/// `name`, or with underscores behind it when the document uses that.
fn unused(document: &str, name: &str) -> String {
    let mut name = name.to_owned();
    while document.contains(&name) {
        name.push('_');
    }
    name
}

/// A scalar literal as JSON.
fn scalar(value: &query::Value) -> Option<Value> {
    match value {
        query::Value::String(text) => Some(Value::from(text.as_str())),
        query::Value::Int(number) => number.as_i64().map(Value::from),
        query::Value::Null => Some(Value::Null),
        _ => None,
    }
}

fn as_ast(ty: &TypeRef) -> query::Type {
    match ty {
        TypeRef::Named(name) => query::Type::NamedType(name.clone()),
        TypeRef::List(inner) => query::Type::ListType(Box::new(as_ast(inner))),
        TypeRef::NonNull(inner) => query::Type::NonNullType(Box::new(as_ast(inner))),
    }
}

type Selected = (Vec<query::Selection>, Vec<Vec<String>>);

struct Cursor<'a> {
    schema: &'a Schema,
    decisions: &'a Decisions,
    alias: String,
}

impl Cursor<'_> {
    /// Selections of the cursor on `ty`, or on each of its object types that have one.
    fn select(&self, ty: &str, path: &[&str]) -> Option<Selected> {
        if let Some((selection, keys, _)) = self.field(ty, path, Some(&self.alias)) {
            return Some((vec![selection], vec![keys]));
        }
        let mut selections = Vec::new();
        let mut paths = Vec::new();
        // Fields of one response key must have one type, so each type gets its own.
        let mut types: Vec<String> = Vec::new();
        for object in &self.schema.ty(ty)?.possible {
            let Some((_, _, leaf)) = self.field(object, path, None) else {
                continue;
            };
            let at = types.iter().position(|known| *known == leaf);
            let at = at.unwrap_or_else(|| {
                types.push(leaf);
                types.len() - 1
            });
            let alias = match at {
                0 => self.alias.clone(),
                at => format!("{}{at}", self.alias),
            };
            let (selection, keys, _) = self.field(object, path, Some(&alias))?;
            if !paths.contains(&keys) {
                paths.push(keys);
            }
            selections.push(fragment(object, selection));
        }
        (!selections.is_empty()).then_some((selections, paths))
    }

    /// The field at `path`, its response keys, and the types on the way.
    fn field(
        &self,
        ty: &str,
        path: &[&str],
        alias: Option<&str>,
    ) -> Option<(query::Selection, Vec<String>, String)> {
        let (name, rest) = path.split_first()?;
        let def = self.schema.ty(ty)?.field(name)?;
        if self.decisions.denial(&def.rule).is_some() {
            return None;
        }
        let mut keys = vec![alias.unwrap_or(name).to_owned()];
        let mut types = def.ty.to_string();
        let mut items = Vec::new();
        if !rest.is_empty() {
            let (inner, more, leaf) = self.field(def.ty.base(), rest, None)?;
            items.push(inner);
            keys.extend(more);
            types.push_str(&leaf);
        }
        let field = query::Field {
            position: Default::default(),
            alias: alias.map(str::to_owned),
            name: (*name).to_owned(),
            arguments: Vec::new(),
            directives: Vec::new(),
            selection_set: query::SelectionSet {
                span: Default::default(),
                items,
            },
        };
        Some((query::Selection::Field(field), keys, types))
    }
}

fn fragment(on: &str, selection: query::Selection) -> query::Selection {
    query::Selection::InlineFragment(query::InlineFragment {
        position: Default::default(),
        type_condition: Some(query::TypeCondition::On(on.to_owned())),
        directives: Vec::new(),
        selection_set: query::SelectionSet {
            span: Default::default(),
            items: vec![selection],
        },
    })
}
