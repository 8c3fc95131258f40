//! Introspection, answered by the router from the public schema.

use graphql_tools::static_graphql::query;
use serde_json::{Map, Value};

use super::PreparedOperation;
use super::introspect_type::TypeView;
use crate::json::write;
use crate::schema::Schema;
use crate::schema::{DirectiveDef, EnumValueDef, FieldDef, InputDef};

/// Writes the value of a `__schema` or `__type` field. Stops somewhere when `out` has
/// become longer than `ceiling`.
pub(crate) fn write(
    schema: &Schema,
    operation: &PreparedOperation,
    variables: &Map<String, Value>,
    field: &query::Field,
    out: &mut Vec<u8>,
    ceiling: usize,
) {
    let writer = Writer {
        schema,
        operation,
        variables,
        ceiling,
    };
    match field.name.as_str() {
        "__schema" => writer.object(&Node::Schema, &field.selection_set, out),
        _ => {
            let name = writer.argument(field, "name");
            let ty = name
                .as_ref()
                .and_then(Value::as_str)
                .and_then(|name| schema.ty(name));
            match ty {
                Some(ty) => {
                    let node = Node::Type(TypeView::named(schema, &ty.name));
                    writer.object(&node, &field.selection_set, out);
                }
                None => out.extend_from_slice(b"null"),
            }
        }
    }
}

/// An object of the introspection schema.
pub(super) enum Node<'a> {
    Schema,
    Type(TypeView<'a>),
    Field(&'a FieldDef),
    Input(&'a InputDef),
    EnumValue(&'a EnumValueDef),
    Directive(&'a DirectiveDef),
}

impl Node<'_> {
    fn typename(&self) -> &'static str {
        match self {
            Self::Schema => "__Schema",
            Self::Type(_) => "__Type",
            Self::Field(_) => "__Field",
            Self::Input(_) => "__InputValue",
            Self::EnumValue(_) => "__EnumValue",
            Self::Directive(_) => "__Directive",
        }
    }
}

/// A value of the introspection schema.
pub(super) enum Out<'a> {
    Null,
    Bool(bool),
    Text(&'a str),
    Owned(String),
    One(Node<'a>),
    Many(Vec<Node<'a>>),
    Words(Vec<&'a str>),
}

impl<'a> Out<'a> {
    pub(super) fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

pub(super) struct Writer<'a> {
    pub(super) schema: &'a Schema,
    operation: &'a PreparedOperation,
    variables: &'a Map<String, Value>,
    ceiling: usize,
}

impl<'a> Writer<'a> {
    /// The value of an argument, variables resolved.
    fn argument(&self, field: &query::Field, name: &str) -> Option<Value> {
        let (_, value) = field.arguments.iter().find(|(key, _)| key == name)?;
        match value {
            query::Value::String(text) => Some(Value::String(text.clone())),
            query::Value::Boolean(value) => Some(Value::Bool(*value)),
            query::Value::Variable(name) => self.variables.get(name).cloned().or_else(|| {
                let operation = &self.operation.document.operations[self.operation.index];
                let declared = operation.variables.iter().find(|v| v.name == *name)?;
                match declared.default.as_ref()? {
                    query::Value::String(text) => Some(Value::String(text.clone())),
                    query::Value::Boolean(value) => Some(Value::Bool(*value)),
                    _ => None,
                }
            }),
            _ => None,
        }
    }

    pub(super) fn with_deprecated(&self, field: &query::Field) -> bool {
        self.argument(field, "includeDeprecated")
            .and_then(|v| v.as_bool())
            .unwrap_or(false)
    }

    fn object(&self, node: &Node<'a>, set: &query::SelectionSet, out: &mut Vec<u8>) {
        if out.len() > self.ceiling {
            return;
        }
        let mut fields: Vec<(&str, Vec<&query::Field>)> = Vec::new();
        self.collect(node.typename(), set, &mut fields);
        out.push(b'{');
        for (at, (key, selected)) in fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write::string(out, key);
            out.push(b':');
            let Some(first) = selected.first() else {
                continue;
            };
            if first.name == "__typename" {
                write::string(out, node.typename());
                continue;
            }
            let mut set = first.selection_set.clone();
            for more in &selected[1..] {
                set.items.extend(more.selection_set.items.iter().cloned());
            }
            self.value(self.resolve(node, first), &set, out);
        }
        out.push(b'}');
    }

    fn collect<'q>(
        &'q self,
        typename: &str,
        set: &'q query::SelectionSet,
        into: &mut Vec<(&'q str, Vec<&'q query::Field>)>,
    ) {
        for selection in &set.items {
            if !self.operation.conditions.keep(selection) {
                continue;
            }
            match selection {
                query::Selection::Field(field) => {
                    let key = field.alias.as_deref().unwrap_or(&field.name);
                    match into.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, fields)) => fields.push(field),
                        None => into.push((key, vec![field])),
                    }
                }
                query::Selection::InlineFragment(fragment) => {
                    let applies = match &fragment.type_condition {
                        Some(query::TypeCondition::On(on)) => on == typename,
                        None => true,
                    };
                    if applies {
                        self.collect(typename, &fragment.selection_set, into);
                    }
                }
                query::Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.operation.document.fragment(&spread.fragment_name)
                    {
                        self.collect(typename, &fragment.selection_set, into);
                    }
                }
            }
        }
    }

    fn value(&self, value: Out<'a>, set: &query::SelectionSet, out: &mut Vec<u8>) {
        match value {
            Out::Null => out.extend_from_slice(b"null"),
            Out::Bool(true) => out.extend_from_slice(b"true"),
            Out::Bool(false) => out.extend_from_slice(b"false"),
            Out::Text(text) => write::string(out, text),
            Out::Owned(text) => write::string(out, &text),
            Out::One(node) => self.object(&node, set, out),
            Out::Many(nodes) => {
                out.push(b'[');
                for (at, node) in nodes.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.object(node, set, out);
                }
                out.push(b']');
            }
            Out::Words(words) => {
                out.push(b'[');
                for (at, word) in words.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write::string(out, word);
                }
                out.push(b']');
            }
        }
    }

    fn resolve(&self, node: &Node<'a>, field: &query::Field) -> Out<'a> {
        let name = field.name.as_str();
        match node {
            Node::Schema => self.of_schema(name),
            Node::Type(ty) => ty.resolve(self, field),
            Node::Field(def) => match name {
                "name" => Out::Text(&def.name),
                "description" => Out::optional(def.description.as_deref()),
                "args" => self.inputs(&def.args, self.with_deprecated(field)),
                "type" => Out::One(Node::Type(TypeView::of(self.schema, &def.ty))),
                "isDeprecated" => Out::Bool(def.deprecated.is_some()),
                "deprecationReason" => Out::optional(def.deprecated.as_deref()),
                _ => Out::Null,
            },
            Node::Input(def) => match name {
                "name" => Out::Text(&def.name),
                "description" => Out::optional(def.description.as_deref()),
                "type" => Out::One(Node::Type(TypeView::of(self.schema, &def.ty))),
                "defaultValue" => def
                    .default
                    .as_ref()
                    .map_or(Out::Null, |v| Out::Owned(v.to_string())),
                "isDeprecated" => Out::Bool(def.deprecated.is_some()),
                "deprecationReason" => Out::optional(def.deprecated.as_deref()),
                _ => Out::Null,
            },
            Node::EnumValue(def) => match name {
                "name" => Out::Text(&def.name),
                "description" => Out::optional(def.description.as_deref()),
                "isDeprecated" => Out::Bool(def.deprecated.is_some()),
                "deprecationReason" => Out::optional(def.deprecated.as_deref()),
                _ => Out::Null,
            },
            Node::Directive(def) => match name {
                "name" => Out::Text(&def.name),
                "description" => Out::optional(def.description.as_deref()),
                "isRepeatable" => Out::Bool(def.repeatable),
                "locations" => Out::Words(def.locations.clone()),
                "args" => self.inputs(&def.args, self.with_deprecated(field)),
                _ => Out::Null,
            },
        }
    }

    fn of_schema(&self, name: &str) -> Out<'a> {
        let schema = self.schema;
        let root = |name: Option<&'a str>| match name {
            Some(name) => Out::One(Node::Type(TypeView::named(schema, name))),
            None => Out::Null,
        };
        match name {
            "types" => Out::Many(
                schema
                    .types
                    .iter()
                    .map(|ty| Node::Type(TypeView::named(schema, &ty.name)))
                    .collect(),
            ),
            "queryType" => root(Some(&schema.query)),
            "mutationType" => root(schema.mutation.as_deref()),
            "subscriptionType" => root(schema.subscription.as_deref()),
            "directives" => Out::Many(schema.directives.iter().map(Node::Directive).collect()),
            _ => Out::Null,
        }
    }

    pub(super) fn inputs(&self, inputs: &'a [InputDef], deprecated: bool) -> Out<'a> {
        Out::Many(
            inputs
                .iter()
                .filter(|input| deprecated || input.deprecated.is_none())
                .map(Node::Input)
                .collect(),
        )
    }
}
