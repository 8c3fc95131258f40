//! The public (API) schema as the router's stages read it: types by name,
//! fields by name, possible types, and the authorization rules of each.

pub(crate) mod api;
mod build;
pub(crate) mod directives;
mod entities;
mod error;
mod rules;

use std::collections::{HashMap, HashSet};

use graphql_tools::static_graphql::schema as ast;

pub(crate) use entities::{Entities, KeyField};
pub use error::SupergraphError;
pub(crate) use rules::Rule;

/// A type reference with its list and non-null wrappers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypeRef {
    Named(String),
    List(Box<TypeRef>),
    NonNull(Box<TypeRef>),
}

impl TypeRef {
    pub(crate) fn from_ast(ty: &ast::Type) -> Self {
        match ty {
            ast::Type::NamedType(name) => Self::Named(name.clone()),
            ast::Type::ListType(inner) => Self::List(Box::new(Self::from_ast(inner))),
            ast::Type::NonNullType(inner) => Self::NonNull(Box::new(Self::from_ast(inner))),
        }
    }

    /// The named type under all wrappers.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::List(inner) | Self::NonNull(inner) => inner.base(),
        }
    }

    pub(crate) fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }
}

impl std::fmt::Display for TypeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::List(inner) => write!(f, "[{inner}]"),
            Self::NonNull(inner) => write!(f, "{inner}!"),
        }
    }
}

/// What sort of type a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
}

impl Kind {
    pub(crate) fn is_composite(self) -> bool {
        matches!(self, Self::Object | Self::Interface | Self::Union)
    }

    pub(crate) fn is_abstract(self) -> bool {
        matches!(self, Self::Interface | Self::Union)
    }
}

/// An argument or an input field.
#[derive(Debug, Clone)]
pub(crate) struct InputDef {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) ty: TypeRef,
    pub(crate) default: Option<ast::Value>,
    pub(crate) deprecated: Option<String>,
}

/// An output field.
#[derive(Debug, Clone)]
pub(crate) struct FieldDef {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) args: Vec<InputDef>,
    pub(crate) ty: TypeRef,
    pub(crate) deprecated: Option<String>,
    pub(crate) rule: Rule,
}

/// A value of an enum.
#[derive(Debug, Clone)]
pub(crate) struct EnumValueDef {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) deprecated: Option<String>,
}

/// A type of the public schema.
#[derive(Debug, Clone)]
pub(crate) struct TypeDef {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) description: Option<String>,
    pub(crate) fields: Vec<FieldDef>,
    field_index: HashMap<String, usize>,
    pub(crate) interfaces: Vec<String>,
    /// Object types a value of this type can have, sorted; an object has itself.
    pub(crate) possible: Vec<String>,
    pub(crate) values: Vec<EnumValueDef>,
    pub(crate) inputs: Vec<InputDef>,
    pub(crate) specified_by: Option<String>,
    pub(crate) one_of: bool,
    /// True when the supergraph has enum values, or object types behind an
    /// abstract type, that the public schema hides.
    pub(crate) has_hidden_values: bool,
    pub(crate) rule: Rule,
}

impl TypeDef {
    pub(crate) fn field(&self, name: &str) -> Option<&FieldDef> {
        self.field_index.get(name).map(|index| &self.fields[*index])
    }
}

/// A directive definition of the public schema.
#[derive(Debug, Clone)]
pub(crate) struct DirectiveDef {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) args: Vec<InputDef>,
    pub(crate) locations: Vec<&'static str>,
    pub(crate) repeatable: bool,
}

/// The public schema.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The document that clients see.
    pub(crate) document: ast::Document,
    /// Types in the order of the supergraph document.
    pub(crate) types: Vec<TypeDef>,
    index: HashMap<String, usize>,
    pub(crate) query: String,
    pub(crate) mutation: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) directives: Vec<DirectiveDef>,
    pub(crate) entities: Entities,
    /// Fields of the subscription type with `@resumable`.
    pub(crate) resumable: HashMap<String, Resumable>,
    /// Of all types, also of fields that clients do not see.
    field_names: HashSet<String>,
    /// Of interfaces that some subgraph has as objects.
    object_fields: HashSet<String>,
}

/// `@resumable(arg:, cursor:)`.
#[derive(Debug, Clone)]
pub(crate) struct Resumable {
    /// The argument that takes the cursor to continue behind.
    pub(crate) argument: String,
    /// Path of the cursor in an event, dotted.
    pub(crate) cursor: String,
}

impl Schema {
    /// True when some type has a field of this name.
    pub(crate) fn has_field_named(&self, name: &str) -> bool {
        self.field_names.contains(name)
    }

    pub(crate) fn ty(&self, name: &str) -> Option<&TypeDef> {
        self.index.get(name).map(|index| &self.types[*index])
    }

    /// True when an interface that some subgraph has as an object has such a field.
    pub(crate) fn has_object_field_named(&self, name: &str) -> bool {
        self.object_fields.contains(name)
    }

    /// The object types of values of the type `name`.
    pub(crate) fn possible<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.ty(name) {
            Some(ty) if ty.kind.is_abstract() => ty.possible.iter().map(String::as_str).collect(),
            _ => vec![name],
        }
    }

    /// True when an object of type `object` satisfies the condition `condition`.
    pub(crate) fn satisfies(&self, object: &str, condition: &str) -> bool {
        object == condition
            || self.ty(condition).is_some_and(|ty| {
                ty.possible
                    .binary_search_by(|p| p.as_str().cmp(object))
                    .is_ok()
            })
    }
}
