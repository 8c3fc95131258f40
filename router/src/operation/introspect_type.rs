//! `__Type`: a named type, or a list or non-null around another.

use graphql_tools::static_graphql::query;

use super::introspect::{Node, Out, Writer};
use crate::schema::Schema;
use crate::schema::{Kind, TypeDef, TypeRef};

/// A type as introspection shows it.
pub(super) enum TypeView<'a> {
    Named(Option<&'a TypeDef>),
    Wrapped(&'static str, &'a TypeRef),
}

impl<'a> TypeView<'a> {
    pub(super) fn named(schema: &'a Schema, name: &str) -> Self {
        Self::Named(schema.ty(name))
    }

    pub(super) fn of(schema: &'a Schema, ty: &'a TypeRef) -> Self {
        match ty {
            TypeRef::Named(name) => Self::named(schema, name),
            TypeRef::List(inner) => Self::Wrapped("LIST", inner),
            TypeRef::NonNull(inner) => Self::Wrapped("NON_NULL", inner),
        }
    }

    pub(super) fn resolve(&self, writer: &Writer<'a>, field: &query::Field) -> Out<'a> {
        match self {
            Self::Wrapped(kind, inner) => match field.name.as_str() {
                "kind" => Out::Text(kind),
                "ofType" => Out::One(Node::Type(Self::of(writer.schema, inner))),
                _ => Out::Null,
            },
            Self::Named(None) => Out::Null,
            Self::Named(Some(ty)) => Self::resolve_named(ty, writer, field),
        }
    }

    fn resolve_named(ty: &'a TypeDef, writer: &Writer<'a>, field: &query::Field) -> Out<'a> {
        let schema = writer.schema;
        let types = |names: &'a [String]| {
            Out::Many(
                names
                    .iter()
                    .map(|name| Node::Type(Self::named(schema, name)))
                    .collect(),
            )
        };
        let deprecated = writer.with_deprecated(field);
        match field.name.as_str() {
            "kind" => Out::Text(match ty.kind {
                Kind::Scalar => "SCALAR",
                Kind::Object => "OBJECT",
                Kind::Interface => "INTERFACE",
                Kind::Union => "UNION",
                Kind::Enum => "ENUM",
                Kind::InputObject => "INPUT_OBJECT",
            }),
            "name" => Out::Text(&ty.name),
            "description" => Out::optional(ty.description.as_deref()),
            "specifiedByURL" => Out::optional(ty.specified_by.as_deref()),
            "fields" if matches!(ty.kind, Kind::Object | Kind::Interface) => Out::Many(
                ty.fields
                    .iter()
                    .filter(|field| deprecated || field.deprecated.is_none())
                    .map(Node::Field)
                    .collect(),
            ),
            "interfaces" if matches!(ty.kind, Kind::Object | Kind::Interface) => {
                types(&ty.interfaces)
            }
            "possibleTypes" if ty.kind.is_abstract() => types(&ty.possible),
            "enumValues" if ty.kind == Kind::Enum => Out::Many(
                ty.values
                    .iter()
                    .filter(|value| deprecated || value.deprecated.is_none())
                    .map(Node::EnumValue)
                    .collect(),
            ),
            "inputFields" if ty.kind == Kind::InputObject => writer.inputs(&ty.inputs, deprecated),
            "isOneOf" if ty.kind == Kind::InputObject => Out::Bool(ty.one_of),
            _ => Out::Null,
        }
    }
}
