//! What a mock subgraph knows of its own SDL: the document requests are
//! validated against, and where federation's directives stand.

use std::collections::{BTreeMap, BTreeSet};

use graphql_tools::parser::schema::TypeExtension;
use graphql_tools::static_graphql::{query, schema as ast};

/// What every schema has, and what federation adds to a subgraph's.
const BUILTIN: &str = "
    directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
    directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
    scalar Int scalar Float scalar String scalar Boolean scalar ID scalar _Any";

pub struct Field {
    pub ty: ast::Type,
    pub arguments: Vec<ast::InputValue>,
    pub external: bool,
    pub requires: Option<query::SelectionSet>,
    pub provides: Option<query::SelectionSet>,
}

pub struct Key {
    pub fields: query::SelectionSet,
    pub resolvable: bool,
}

#[derive(Default)]
pub struct Type {
    pub fields: BTreeMap<String, Field>,
    pub keys: Vec<Key>,
    pub enum_values: Option<Vec<String>>,
    /// For interfaces and unions.
    pub possible: Option<BTreeSet<String>>,
}

pub struct Schema {
    pub types: BTreeMap<String, Type>,
    /// (type, field) of everything a key is made of.
    pub key_fields: BTreeSet<(String, String)>,
    /// For validation.
    pub document: ast::Document,
}

pub fn base(ty: &ast::Type) -> &str {
    match ty {
        ast::Type::NamedType(name) => name,
        ast::Type::ListType(inner) | ast::Type::NonNullType(inner) => base(inner),
    }
}

/// A field set without its braces.
pub fn field_set(text: &str) -> query::SelectionSet {
    let document = graphql_tools::parser::parse_query::<String>(&format!("{{ {text} }}"))
        .unwrap_or_else(|error| panic!("field set {text}: {error}"))
        .into_static();
    match document.definitions.into_iter().next() {
        Some(query::Definition::Operation(query::OperationDefinition::SelectionSet(set))) => set,
        _ => panic!("not a field set: {text}"),
    }
}

fn directive<'a>(all: &'a [ast::Directive], name: &str) -> Option<&'a ast::Directive> {
    directives(all, name).next()
}

fn directives<'a>(
    all: &'a [ast::Directive],
    name: &str,
) -> impl Iterator<Item = &'a ast::Directive> {
    all.iter()
        .filter(move |directive| directive.name.trim_start_matches("federation__") == name)
}

fn fields_argument(directive: &ast::Directive) -> query::SelectionSet {
    match directive
        .arguments
        .iter()
        .find(|(name, _)| name == "fields")
    {
        Some((_, ast::Value::String(text))) => field_set(text),
        _ => panic!("@{} without fields", directive.name),
    }
}

impl Schema {
    pub fn parse(sdl: &str) -> Self {
        // The parser knows no `extend schema`; it stands on a line of its own.
        let lines = sdl
            .lines()
            .filter(|line| !line.starts_with("extend schema"));
        let sdl = lines.collect::<Vec<_>>().join("\n");
        let parsed = graphql_tools::parser::parse_schema::<String>(&sdl)
            .unwrap_or_else(|error| panic!("{error}\n{sdl}"))
            .into_static();
        let definitions = without_extensions(parsed);
        let mut types = BTreeMap::new();
        for definition in &definitions {
            let (name, ty) = facts(definition);
            types.insert(name, ty);
        }
        fill_possible(&definitions, &mut types);
        let mut schema = Self {
            key_fields: BTreeSet::new(),
            document: document(definitions, &types),
            types,
        };
        let mut found = BTreeSet::new();
        for (name, ty) in &schema.types {
            for key in &ty.keys {
                schema.collect_key(name, &key.fields, &mut found);
            }
        }
        schema.key_fields = found;
        schema
    }

    fn collect_key(
        &self,
        on: &str,
        set: &query::SelectionSet,
        found: &mut BTreeSet<(String, String)>,
    ) {
        for selection in &set.items {
            let query::Selection::Field(field) = selection else {
                continue;
            };
            found.insert((on.to_owned(), field.name.clone()));
            for member in self.possible(on) {
                found.insert((member.to_owned(), field.name.clone()));
            }
            if let Some(known) = self.types.get(on).and_then(|ty| ty.fields.get(&field.name)) {
                self.collect_key(base(&known.ty), &field.selection_set, found);
            }
        }
    }

    /// Object types a value of this type may have.
    pub fn possible<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.types.get(name).and_then(|ty| ty.possible.as_ref()) {
            Some(possible) => possible.iter().map(String::as_str).collect(),
            None => vec![name],
        }
    }

    pub fn is(&self, object: &str, condition: &str) -> bool {
        object == condition || self.possible(condition).contains(&object)
    }
}

/// Extensions made part of what they extend, or definitions where that is missing.
fn without_extensions(parsed: ast::Document) -> Vec<ast::TypeDefinition> {
    let mut known: Vec<ast::TypeDefinition> = Vec::new();
    let mut extensions = Vec::new();
    for definition in parsed.definitions {
        match definition {
            ast::Definition::TypeDefinition(ty) => known.push(ty),
            ast::Definition::TypeExtension(ty) => extensions.push(defined(ty)),
            _ => {}
        }
    }
    for extension in extensions {
        let name = name_of(&extension).to_owned();
        match known.iter_mut().find(|ty| name_of(ty) == name) {
            Some(ty) => extend(ty, extension),
            None => known.push(extension),
        }
    }
    known
}

fn defined(extension: TypeExtension<'static, String>) -> ast::TypeDefinition {
    match extension {
        TypeExtension::Object(from) => {
            let mut ty = ast::ObjectType::new(from.name);
            ty.implements_interfaces = from.implements_interfaces;
            ty.directives = from.directives;
            ty.fields = from.fields;
            ast::TypeDefinition::Object(ty)
        }
        TypeExtension::Interface(from) => {
            let mut ty = ast::InterfaceType::new(from.name);
            ty.implements_interfaces = from.implements_interfaces;
            ty.directives = from.directives;
            ty.fields = from.fields;
            ast::TypeDefinition::Interface(ty)
        }
        TypeExtension::Union(from) => {
            let mut ty = ast::UnionType::new(from.name);
            ty.types = from.types;
            ast::TypeDefinition::Union(ty)
        }
        other => panic!("an extension no suite needs: {other:?}"),
    }
}

fn extend(ty: &mut ast::TypeDefinition, by: ast::TypeDefinition) {
    match (ty, by) {
        (ast::TypeDefinition::Object(ty), ast::TypeDefinition::Object(by)) => {
            ty.implements_interfaces.extend(by.implements_interfaces);
            ty.directives.extend(by.directives);
            ty.fields.extend(by.fields);
        }
        (ast::TypeDefinition::Interface(ty), ast::TypeDefinition::Interface(by)) => {
            ty.implements_interfaces.extend(by.implements_interfaces);
            ty.directives.extend(by.directives);
            ty.fields.extend(by.fields);
        }
        (ast::TypeDefinition::Union(ty), ast::TypeDefinition::Union(by)) => {
            ty.types.extend(by.types);
        }
        (ty, _) => panic!("extended as another kind: {ty:?}"),
    }
}

pub fn name_of(ty: &ast::TypeDefinition) -> &str {
    match ty {
        ast::TypeDefinition::Scalar(t) => &t.name,
        ast::TypeDefinition::Object(t) => &t.name,
        ast::TypeDefinition::Interface(t) => &t.name,
        ast::TypeDefinition::Union(t) => &t.name,
        ast::TypeDefinition::Enum(t) => &t.name,
        ast::TypeDefinition::InputObject(t) => &t.name,
    }
}

fn facts(definition: &ast::TypeDefinition) -> (String, Type) {
    let mut ty = Type::default();
    let (fields, marks) = match definition {
        ast::TypeDefinition::Object(t) => (&t.fields, &t.directives),
        ast::TypeDefinition::Interface(t) => (&t.fields, &t.directives),
        ast::TypeDefinition::Enum(t) => {
            ty.enum_values = Some(t.values.iter().map(|value| value.name.clone()).collect());
            return (t.name.clone(), ty);
        }
        other => return (name_of(other).to_owned(), ty),
    };
    ty.keys = directives(marks, "key")
        .map(|key| Key {
            fields: fields_argument(key),
            resolvable: !key
                .arguments
                .iter()
                .any(|(name, value)| name == "resolvable" && *value == ast::Value::Boolean(false)),
        })
        .collect();
    let all_external = directive(marks, "external").is_some();
    for field in fields {
        let set = |name| directive(&field.directives, name).map(fields_argument);
        ty.fields.insert(
            field.name.clone(),
            Field {
                ty: field.field_type.clone(),
                arguments: field.arguments.clone(),
                external: all_external || directive(&field.directives, "external").is_some(),
                requires: set("requires"),
                provides: set("provides"),
            },
        );
    }
    (name_of(definition).to_owned(), ty)
}

fn fill_possible(definitions: &[ast::TypeDefinition], types: &mut BTreeMap<String, Type>) {
    for definition in definitions {
        match definition {
            ast::TypeDefinition::Interface(interface) => {
                let of = |ty: &ast::TypeDefinition| match ty {
                    ast::TypeDefinition::Object(object)
                        if object.implements_interfaces.contains(&interface.name) =>
                    {
                        Some(object.name.clone())
                    }
                    _ => None,
                };
                let possible = definitions.iter().filter_map(of).collect();
                types.get_mut(&interface.name).unwrap().possible = Some(possible);
            }
            ast::TypeDefinition::Union(union) => {
                let possible = union.types.iter().cloned().collect();
                types.get_mut(&union.name).unwrap().possible = Some(possible);
            }
            _ => {}
        }
    }
}

/// The schema a subgraph library serves: with `_entities`.
fn document(
    mut definitions: Vec<ast::TypeDefinition>,
    types: &BTreeMap<String, Type>,
) -> ast::Document {
    let entities: Vec<String> = types
        .iter()
        .filter(|(_, ty)| !ty.keys.is_empty())
        .flat_map(|(name, ty)| match &ty.possible {
            Some(possible) => possible.iter().cloned().collect(),
            None => vec![name.clone()],
        })
        .collect();
    let mut text = BUILTIN.to_owned();
    if !entities.is_empty() {
        text += &format!(
            " type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}
              union _Entity = {}",
            entities.join(" | ")
        );
    }
    let mut document = graphql_tools::parser::parse_schema::<String>(&text)
        .unwrap()
        .into_static();
    for definition in &mut document.definitions {
        if let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(query)) = definition {
            let at = definitions.iter().position(|ty| name_of(ty) == "Query");
            if let Some(ast::TypeDefinition::Object(own)) = at.map(|at| definitions.remove(at)) {
                query.fields.extend(own.fields);
            }
        }
    }
    let rest = definitions.into_iter().map(ast::Definition::TypeDefinition);
    document.definitions.extend(rest);
    document
}
