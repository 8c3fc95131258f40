//! Executing a document on the tables, as a GraphQL server does.

use graphql_tools::static_graphql::{query, schema as ast};
use serde_json::{Map, Value, json};

use crate::demands::provided_below;
use crate::schema::Key;
use crate::subgraph::Subgraph;
use crate::tables::Tables;
use crate::values::{has_all, json_of, project, spelled};

/// An object being answered.
#[derive(Clone)]
pub struct Object {
    pub ty: String,
    pub row: Map<String, Value>,
    /// What the router sent, for an entity.
    pub representation: Option<Value>,
    /// What `@provides` allows here.
    pub provided: Vec<query::SelectionSet>,
}

/// A null that goes up.
pub struct Propagate;

/// One request being answered.
pub struct Run<'a> {
    pub subgraph: &'a Subgraph,
    pub document: &'a query::Document,
    pub variables: &'a Value,
    pub errors: Vec<Value>,
}

pub type Path = Vec<Value>;

impl<'a> Run<'a> {
    fn fail(&mut self, message: String, path: &Path) {
        let message = format!("{}: {message}", self.subgraph.name);
        self.errors.push(json!({"message": message, "path": path}));
    }

    pub fn object(
        &mut self,
        object: &Object,
        sets: &[&'a query::SelectionSet],
        path: &mut Path,
    ) -> Result<Value, Propagate> {
        let mut groups: Vec<(&str, Vec<&'a query::Field>)> = Vec::new();
        for set in sets {
            self.collect(&object.ty, set, &mut groups);
        }
        let mut out = Map::new();
        for (key, fields) in groups {
            path.push(key.into());
            let value = self.field(object, &fields, path);
            path.pop();
            out.insert(key.to_owned(), value?);
        }
        Ok(out.into())
    }

    fn collect(
        &self,
        ty: &str,
        set: &'a query::SelectionSet,
        groups: &mut Vec<(&'a str, Vec<&'a query::Field>)>,
    ) {
        for selection in &set.items {
            let (directives, condition, inner) = match selection {
                query::Selection::Field(field) => {
                    if self.included(&field.directives) {
                        let key = field.alias.as_ref().unwrap_or(&field.name);
                        match groups.iter_mut().find(|(known, _)| known == key) {
                            Some((_, fields)) => fields.push(field),
                            None => groups.push((key, vec![field])),
                        }
                    }
                    continue;
                }
                query::Selection::InlineFragment(fragment) => (
                    &fragment.directives,
                    fragment.type_condition.as_ref(),
                    &fragment.selection_set,
                ),
                query::Selection::FragmentSpread(spread) => {
                    let fragment = self.fragment(&spread.fragment_name);
                    (
                        &spread.directives,
                        Some(&fragment.type_condition),
                        &fragment.selection_set,
                    )
                }
            };
            let applies = condition
                .is_none_or(|query::TypeCondition::On(on)| self.subgraph.schema.is(ty, on));
            if applies && self.included(directives) {
                self.collect(ty, inner, groups);
            }
        }
    }

    fn fragment(&self, name: &str) -> &'a query::FragmentDefinition {
        self.document
            .definitions
            .iter()
            .find_map(|definition| match definition {
                query::Definition::Fragment(fragment) if fragment.name == name => Some(fragment),
                _ => None,
            })
            .unwrap()
    }

    fn included(&self, directives: &[query::Directive]) -> bool {
        directives.iter().all(|directive| {
            let value = json_of(&directive.arguments[0].1, self.variables);
            match directive.name.as_str() {
                "skip" => value == false,
                "include" => value == true,
                _ => true,
            }
        })
    }

    fn field(
        &mut self,
        object: &Object,
        fields: &[&'a query::Field],
        path: &mut Path,
    ) -> Result<Value, Propagate> {
        let field = fields[0];
        if field.name == "__typename" {
            return Ok(object.ty.clone().into());
        }
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        if field.name == "_entities" {
            return self.entities(field, &sets, path);
        }
        let schema = &self.subgraph.schema;
        let known = &schema.types[&object.ty].fields[&field.name];
        let arguments = self.arguments(field, &known.arguments);
        if object.ty == "Mutation" {
            let call = format!("{}{}", field.name, spelled(&arguments));
            self.subgraph.mutated.lock().push(call);
        }
        let found = self
            .may_answer(object, field)
            .and_then(|()| self.find(object, &field.name, &arguments));
        let value = match found {
            Ok(value) => value,
            Err(message) => {
                self.fail(message, path);
                return null_of(&known.ty);
            }
        };
        let mut provided = provided_below(object, &field.name);
        provided.extend(known.provides.clone());
        self.complete(&known.ty, value, &sets, &provided, path)
    }

    pub fn arguments(&self, field: &query::Field, known: &[ast::InputValue]) -> Map<String, Value> {
        let mut arguments = Map::new();
        for argument in known {
            let given = field
                .arguments
                .iter()
                .find(|(name, _)| *name == argument.name);
            let absent = |value: &query::Value| matches!(value, query::Value::Variable(name) if self.variables.get(name).is_none());
            match (given, &argument.default_value) {
                (Some((name, value)), _) if !absent(value) => {
                    arguments.insert(name.clone(), json_of(value, self.variables));
                }
                (_, Some(value)) => {
                    arguments.insert(argument.name.clone(), json_of(value, &Value::Null));
                }
                _ => {}
            }
        }
        arguments
    }

    fn find(
        &self,
        object: &Object,
        field: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Value, String> {
        let tables = &self.subgraph.tables;
        let row = match object.ty.as_str() {
            "Query" | "Mutation" => tables.root(&object.ty),
            ty => tables.complete_row(&self.subgraph.schema, ty, &object.row.clone().into()),
        };
        let found = Tables::value(&row, field, arguments)
            .ok_or_else(|| format!("no data for {}.{field}{}", object.ty, spelled(arguments)))?;
        match found.get("$error").and_then(Value::as_str) {
            Some(message) => Err(message.to_owned()),
            None => Ok(tables.expand(&found)),
        }
    }

    fn complete(
        &mut self,
        ty: &ast::Type,
        value: Value,
        sets: &[&'a query::SelectionSet],
        provided: &[query::SelectionSet],
        path: &mut Path,
    ) -> Result<Value, Propagate> {
        match ty {
            ast::Type::NonNullType(inner) => {
                let before = self.errors.len();
                let value = self.complete(inner, value, sets, provided, path)?;
                if value.is_null() {
                    if self.errors.len() == before {
                        self.fail("null where it is forbidden".into(), path);
                    }
                    return Err(Propagate);
                }
                Ok(value)
            }
            _ if value.is_null() => Ok(Value::Null),
            ast::Type::ListType(inner) => {
                let Value::Array(items) = value else {
                    self.fail(format!("{value} is not a list"), path);
                    return Ok(Value::Null);
                };
                let mut out = Vec::new();
                for (at, item) in items.into_iter().enumerate() {
                    path.push(at.into());
                    let item = self.complete(inner, item, sets, provided, path);
                    path.pop();
                    match item {
                        Ok(item) => out.push(item),
                        Err(Propagate) => return Ok(Value::Null),
                    }
                }
                Ok(out.into())
            }
            ast::Type::NamedType(name) => Ok(self.named(name, value, sets, provided, path)),
        }
    }

    fn named(
        &mut self,
        name: &str,
        value: Value,
        sets: &[&'a query::SelectionSet],
        provided: &[query::SelectionSet],
        path: &mut Path,
    ) -> Value {
        let schema = &self.subgraph.schema;
        let Some(ty) = schema.types.get(name) else {
            return value;
        };
        if let Some(known) = &ty.enum_values {
            if !known.iter().any(|known| value == known.as_str()) {
                self.fail(format!("{value} is not a {name}"), path);
                return Value::Null;
            }
            return value;
        }
        let Value::Object(row) = value else {
            return value;
        };
        let concrete = self.subgraph.tables.type_of(schema, name, &row);
        if !schema.possible(name).contains(&concrete.as_str()) {
            self.fail(format!("{concrete} is not a {name} here"), path);
            return Value::Null;
        }
        let object = Object {
            ty: concrete,
            row,
            representation: None,
            provided: provided.to_vec(),
        };
        self.object(&object, sets, path).unwrap_or(Value::Null)
    }

    fn entities(
        &mut self,
        field: &'a query::Field,
        sets: &[&'a query::SelectionSet],
        path: &mut Path,
    ) -> Result<Value, Propagate> {
        let representations = json_of(&field.arguments[0].1, self.variables);
        let mut out = Vec::new();
        for (at, representation) in representations.as_array().unwrap().iter().enumerate() {
            path.push(at.into());
            out.push(self.entity(representation, sets, path));
            path.pop();
        }
        Ok(out.into())
    }

    fn entity(
        &mut self,
        representation: &Value,
        sets: &[&'a query::SelectionSet],
        path: &mut Path,
    ) -> Value {
        let (schema, tables) = (&self.subgraph.schema, &self.subgraph.tables);
        let name = representation["__typename"].as_str().unwrap_or_default();
        let keys = schema.types.get(name).map_or(&[][..], |ty| &ty.keys);
        let key = keys
            .iter()
            .filter(|key| key.resolvable)
            .find(|key| has_all(representation, &key.fields));
        let Some(Key { fields, .. }) = key else {
            self.fail(format!("no key of {name} is in {representation}"), path);
            return Value::Null;
        };
        let identity = project(representation, fields);
        let Some((ty, row)) = tables.entity(schema, name, &identity) else {
            return Value::Null;
        };
        let object = Object {
            ty,
            row,
            representation: Some(representation.clone()),
            provided: Vec::new(),
        };
        self.object(&object, sets, path).unwrap_or(Value::Null)
    }
}

fn null_of(ty: &ast::Type) -> Result<Value, Propagate> {
    match ty {
        ast::Type::NonNullType(_) => Err(Propagate),
        _ => Ok(Value::Null),
    }
}
