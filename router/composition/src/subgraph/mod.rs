//! One subgraph as composition sees it: definitions and extensions united,
//! federation directives recognised under whatever name they go by.

mod build;
mod hash;
mod marks;
pub(crate) mod names;
pub(crate) mod walk;

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::error::SubgraphLocation;
use crate::spec::{Link, Version};
use crate::syntax::{
    DirectiveDefinition, Document, EnumValue, FieldDefinition, InputValue, Name, Pos, TypeKind,
    TypeRef, line_column,
};

pub(crate) use build::build;
pub(crate) use hash::HashNames;
pub(crate) use marks::{FieldSet, ListSize, Marks, and as marks_and};
pub(crate) use names::DirectiveNames;

/// A map that keeps the order of insertion.
pub(crate) type Map<'a, T> = IndexMap<&'a str, T, HashNames>;

/// A parsed subgraph.
pub(crate) struct Subgraph<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub source: &'a str,
    /// Its value of `join__Graph`.
    pub graph: String,
    pub version: Version,
    pub links: Vec<Link<'a>>,
    pub names: DirectiveNames<'a>,
    pub document: &'a Document<'a>,
    pub types: Map<'a, Type<'a>>,
    /// The object types that implement each interface, by index.
    pub implementations: Map<'a, Vec<usize>>,
    pub directives: Map<'a, &'a DirectiveDefinition<'a>>,
    /// Local names of directives that `@composeDirective` asks to keep.
    pub composed: Map<'a, Pos>,
    /// Root types that go by another name here: local name, default name.
    pub renamed_roots: Vec<(&'a str, &'static str)>,
}

impl<'a> Subgraph<'a> {
    /// The object types that implement the interface.
    pub(crate) fn implementations_of(&self, interface: &str) -> impl Iterator<Item = &Type<'a>> {
        self.implementations
            .get(interface)
            .into_iter()
            .flatten()
            .map(|index| &self.types[*index])
    }

    /// The place of an offset, for a message.
    pub(crate) fn location(&self, pos: Pos) -> SubgraphLocation {
        let (line, column) = line_column(self.source, pos);
        SubgraphLocation {
            subgraph: self.name.to_owned(),
            line,
            column,
        }
    }
}

/// A type with all its extensions.
pub(crate) struct Type<'a> {
    pub name: &'a str,
    pub pos: Pos,
    /// As in the supergraph: an interface object is an `Interface`.
    pub kind: TypeKind,
    pub description: Option<&'a str>,
    /// Whether it is defined here and not only extended.
    pub defined: bool,
    /// Whether any part is an `extend`.
    pub extended: bool,
    /// Whether `@extends` marks it.
    pub extends_directive: bool,
    pub interface_object: bool,
    pub marks: Marks<'a>,
    pub interfaces: Vec<Name<'a>>,
    pub fields: Map<'a, Field<'a>>,
    pub inputs: Map<'a, Input<'a>>,
    pub values: Map<'a, Value<'a>>,
    pub members: Vec<Name<'a>>,
    pub keys: Vec<Key<'a>>,
}

impl Type<'_> {
    /// Whether the type only adds to an entity that lives elsewhere.
    pub(crate) fn is_federation_extension(&self, version: Version) -> bool {
        if self.extends_directive {
            return true;
        }
        self.extended && version.is_two() && !self.defined
    }

    /// Whether any part of it is written as an extension.
    pub(crate) fn is_extension(&self) -> bool {
        self.extended || self.extends_directive
    }

    /// Whether it implements the interface here.
    pub(crate) fn implements(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|name| name.text == interface)
    }
}

/// A valid `@key`.
pub(crate) struct Key<'a> {
    pub pos: Pos,
    pub fields: FieldSet<'a>,
    pub resolvable: bool,
}

/// How field sets of the same subgraph use a field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// At the top of a key of its own type.
    pub key: bool,
    /// Anywhere in any key.
    pub in_key: bool,
    pub provided: bool,
    pub required: bool,
    /// In any field set at all.
    pub used: bool,
}

/// An output field.
pub(crate) struct Field<'a> {
    pub definition: &'a FieldDefinition<'a>,
    pub ty: TypeRef<'a>,
    pub description: Option<&'a str>,
    /// Written in an `extend` block.
    pub in_extension: bool,
    pub marks: Option<Box<Marks<'a>>>,
    pub external: bool,
    pub shareable: bool,
    pub usage: Usage,
    pub arguments: Map<'a, Input<'a>>,
    pub requires: Option<FieldSet<'a>>,
    pub provides: Option<FieldSet<'a>>,
}

impl<'a> Field<'a> {
    pub(crate) fn pos(&self) -> Pos {
        self.definition.name.pos
    }

    pub(crate) fn marks(&self) -> &Marks<'a> {
        marks::or_none(&self.marks)
    }
}

/// An argument or input field.
pub(crate) struct Input<'a> {
    pub definition: &'a InputValue<'a>,
    pub ty: TypeRef<'a>,
    pub marks: Option<Box<Marks<'a>>>,
}

impl<'a> Input<'a> {
    pub(crate) fn pos(&self) -> Pos {
        self.definition.name.pos
    }

    pub(crate) fn marks(&self) -> &Marks<'a> {
        marks::or_none(&self.marks)
    }

    /// Whether it must be given.
    pub(crate) fn is_required(&self) -> bool {
        self.ty.is_non_null() && self.definition.default.is_none()
    }

    pub(crate) fn description(&self) -> Option<&'a str> {
        text(&self.definition.description)
    }
}

/// An enum value.
pub(crate) struct Value<'a> {
    pub definition: &'a EnumValue<'a>,
    pub marks: Option<Box<Marks<'a>>>,
}

/// The text of a description; an empty one counts as none.
pub(crate) fn text<'a>(description: &'a Option<Cow<'a, str>>) -> Option<&'a str> {
    description.as_deref().filter(|text| !text.is_empty())
}
