//! The schema as an attacker reads it: every place that takes input, and all that comes out.

use std::collections::BTreeMap;

use graphql_tools::{
    parser::parse_schema,
    static_graphql::schema::{Definition, Field, InputValue, Type, TypeDefinition},
};
use serde_json::{Map, Value, json};

use crate::harness::repository;

/// Input objects in input objects are followed this far.
const DEEPEST: usize = 5;

/// A schema by the names of its types.
pub struct Schema {
    types: BTreeMap<String, TypeDefinition>,
}

/// A place that takes a value: an argument of a root field, or a field of its input.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// `Query`, `Mutation`, `Subscription`, or `Viewer` for what is asked of the caller themselves.
    pub root: &'static str,
    /// The root field.
    pub field: String,
    /// From the argument to the value.
    pub path: Vec<String>,
    /// A scalar or an enum.
    pub type_name: String,
    /// Whether it takes a list of them.
    pub list: bool,
}

impl std::fmt::Display for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}({})", self.root, self.field, self.path.join("."))
    }
}

/// A document with its variables.
#[derive(Debug, Clone)]
pub struct Operation {
    pub query: String,
    pub variables: Value,
}

fn named(of: &Type) -> &str {
    match of {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
    }
}

fn is_list(of: &Type) -> bool {
    match of {
        Type::NamedType(_) => false,
        Type::ListType(_) => true,
        Type::NonNullType(inner) => is_list(inner),
    }
}

fn is_required(value: &InputValue) -> bool {
    matches!(value.value_type, Type::NonNullType(_)) && value.default_value.is_none()
}

impl Schema {
    /// Reads `schema/NAME.graphql`.
    pub fn read(name: &str) -> Self {
        let path = repository().join("schema").join(format!("{name}.graphql"));
        let text = std::fs::read_to_string(&path).expect("the schema is in the tree");
        // Extensions of the schema itself only say which directives it uses.
        let text = match text.strip_prefix("extend schema") {
            Some(rest) => &rest[rest.find("\n\n").expect("more than a header")..],
            None => &text,
        };
        let document = parse_schema::<String>(text)
            .expect("a schema")
            .into_static();
        let types = document
            .definitions
            .into_iter()
            .filter_map(|definition| match definition {
                Definition::TypeDefinition(definition) => {
                    Some((name_of(&definition).to_owned(), definition))
                }
                _ => None,
            });
        Self {
            types: types.collect(),
        }
    }

    /// The fields of an object type; none for any other.
    pub fn fields(&self, name: &str) -> &[Field] {
        match self.types.get(name) {
            Some(TypeDefinition::Object(object)) => &object.fields,
            Some(TypeDefinition::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    /// The object types that a name can stand for.
    pub fn members(&self, name: &str) -> Vec<&str> {
        match self.types.get(name) {
            Some(TypeDefinition::Union(union)) => union.types.iter().map(String::as_str).collect(),
            Some(TypeDefinition::Interface(_)) => self
                .types
                .values()
                .filter_map(|definition| match definition {
                    TypeDefinition::Object(object) => Some(object),
                    _ => None,
                })
                .filter(|object| object.implements_interfaces.iter().any(|of| of == name))
                .map(|object| object.name.as_str())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Every place that takes a value.
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for root in ["Query", "Mutation", "Subscription", "Viewer"] {
            for field in self.fields(root) {
                for argument in &field.arguments {
                    self.leaves_of(root, field, argument, &mut Vec::new(), &mut leaves);
                }
            }
        }
        leaves
    }

    fn leaves_of(
        &self,
        root: &'static str,
        field: &Field,
        value: &InputValue,
        path: &mut Vec<String>,
        leaves: &mut Vec<Leaf>,
    ) {
        path.push(value.name.clone());
        let name = named(&value.value_type);
        match self.types.get(name) {
            Some(TypeDefinition::InputObject(input)) if path.len() < DEEPEST => {
                for inner in &input.fields {
                    self.leaves_of(root, field, inner, path, leaves);
                }
            }
            Some(TypeDefinition::InputObject(_)) => {}
            _ => leaves.push(Leaf {
                root,
                field: field.name.clone(),
                path: path.clone(),
                type_name: name.to_owned(),
                list: is_list(&value.value_type),
            }),
        }
        path.pop();
    }

    /// Asks for `root.field` with `value` at `path`; everything else that is required is harmless.
    /// All that comes back is asked for, `depth` objects deep.
    pub fn operation(&self, leaf: &Leaf, value: &Value, depth: usize) -> Operation {
        self.call(leaf.root, &leaf.field, Some((&leaf.path, value)), depth)
    }

    /// Asks for a root field with harmless arguments.
    pub fn harmless(&self, root: &str, field: &str, depth: usize) -> Operation {
        self.call(root, field, None, depth)
    }

    fn call(
        &self,
        root: &str,
        field: &str,
        wanted: Option<(&[String], &Value)>,
        depth: usize,
    ) -> Operation {
        let field = self
            .fields(root)
            .iter()
            .find(|known| known.name == field)
            .expect("a field of the root");
        let (mut declared, mut passed, mut variables) = (Vec::new(), Vec::new(), Map::new());
        for argument in &field.arguments {
            let wanted = wanted.filter(|(path, _)| path[0] == argument.name);
            if wanted.is_none() && !is_required(argument) {
                continue;
            }
            let rest = wanted.map(|(path, value)| (&path[1..], value));
            declared.push(format!("${}: {}", argument.name, argument.value_type));
            passed.push(format!("{0}: ${0}", argument.name));
            variables.insert(
                argument.name.clone(),
                self.value(&argument.value_type, rest),
            );
        }
        let in_parentheses = |list: &[String]| match list.is_empty() {
            true => String::new(),
            false => format!("({})", list.join(", ")),
        };
        let selection = self.selection(named(&field.field_type), depth);
        let (declared, passed) = (in_parentheses(&declared), in_parentheses(&passed));
        let asked = format!("{}{passed} {selection}", field.name);
        let query = match root {
            "Viewer" => format!("query{declared} {{ viewer {{ {asked} }} }}"),
            root => format!("{}{declared} {{ {asked} }}", root.to_lowercase()),
        };
        Operation {
            query,
            variables: Value::Object(variables),
        }
    }

    /// A value of a type, with the wanted one at its place.
    fn value(&self, of: &Type, wanted: Option<(&[String], &Value)>) -> Value {
        match (of, wanted) {
            // What is wanted is put in as it is, so that it can be of a wrong type, too.
            (_, Some(([], value))) => value.clone(),
            (Type::NonNullType(inner), wanted) => self.value(inner, wanted),
            (Type::ListType(inner), wanted) => json!([self.value(inner, wanted)]),
            (Type::NamedType(name), wanted) => self.named_value(name, wanted),
        }
    }

    fn named_value(&self, name: &str, wanted: Option<(&[String], &Value)>) -> Value {
        match self.types.get(name) {
            Some(TypeDefinition::InputObject(input)) => {
                let mut object = Map::new();
                for field in &input.fields {
                    let inner = wanted.filter(|(path, _)| path[0] == field.name);
                    if inner.is_some() || is_required(field) {
                        let rest = inner.map(|(path, value)| (&path[1..], value));
                        object.insert(field.name.clone(), self.value(&field.value_type, rest));
                    }
                }
                Value::Object(object)
            }
            Some(TypeDefinition::Enum(known)) => json!(known.values[0].name),
            _ => match name {
                "Int" | "Long" => json!(1),
                "Float" => json!(0.5),
                "Boolean" => json!(true),
                "DateTime" => json!("2090-01-01T00:00:00Z"),
                "JSON" => json!({}),
                _ => json!("xylophone"),
            },
        }
    }

    /// Everything that an object tells without arguments.
    pub fn selection(&self, name: &str, depth: usize) -> String {
        let members = self.members(name);
        if !members.is_empty() {
            let member = |member: &str| format!("... on {member} {{ {} }}", self.scalars(member));
            let members: Vec<String> = members.into_iter().map(member).collect();
            return format!("{{ __typename {} }}", members.join(" "));
        }
        let fields: Vec<String> = self
            .fields(name)
            .iter()
            .filter(|field| !field.arguments.iter().any(is_required) && field.name != "edges")
            .filter_map(|field| {
                let inner = named(&field.field_type);
                if self.is_leaf(inner) {
                    return Some(field.name.clone());
                }
                (depth > 0).then(|| format!("{} {}", field.name, self.selection(inner, depth - 1)))
            })
            .collect();
        match (fields.is_empty(), self.fields(name).is_empty()) {
            (true, true) => String::new(),
            (true, false) => "{ __typename }".to_owned(),
            (false, _) => format!("{{ {} }}", fields.join(" ")),
        }
    }

    /// The scalars of an object, under names that those of other objects do not have.
    fn scalars(&self, name: &str) -> String {
        let fields = self.fields(name).iter();
        let scalars: Vec<String> = fields
            .filter(|field| self.is_leaf(named(&field.field_type)))
            .map(|field| format!("{name}_{0}: {0}", field.name))
            .collect();
        scalars.join(" ")
    }

    fn is_leaf(&self, name: &str) -> bool {
        matches!(
            self.types.get(name),
            None | Some(TypeDefinition::Scalar(_) | TypeDefinition::Enum(_))
        )
    }
}

fn name_of(definition: &TypeDefinition) -> &str {
    match definition {
        TypeDefinition::Scalar(of) => &of.name,
        TypeDefinition::Object(of) => &of.name,
        TypeDefinition::Interface(of) => &of.name,
        TypeDefinition::Union(of) => &of.name,
        TypeDefinition::Enum(of) => &of.name,
        TypeDefinition::InputObject(of) => &of.name,
    }
}

/// Whether a field or a type has a directive.
pub fn has(field: &Field, directive: &str) -> bool {
    field.directives.iter().any(|of| of.name == directive)
}
