//! The tree of a schema document.

use std::borrow::Cow;

/// Byte offset into the source of the node's first character.
pub type Pos = u32;

/// A name and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    pub text: &'a str,
    pub pos: Pos,
}

/// A whole SDL text.
#[derive(Clone, Debug, Default)]
pub struct Document<'a> {
    pub schemas: Vec<SchemaDefinition<'a>>,
    pub directives: Vec<DirectiveDefinition<'a>>,
    pub types: Vec<TypeDefinition<'a>>,
}

/// `schema { … }` or `extend schema …`.
#[derive(Clone, Debug)]
pub struct SchemaDefinition<'a> {
    pub pos: Pos,
    pub extend: bool,
    pub description: Option<Cow<'a, str>>,
    pub directives: Vec<Directive<'a>>,
    pub operations: Vec<(Operation, Name<'a>)>,
}

/// The three kinds of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Query,
    Mutation,
    Subscription,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Subscription];

    /// The keyword: `query`, `mutation`, `subscription`.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    /// The root type's name when the schema names no other.
    pub fn default_type(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Subscription => "Subscription",
        }
    }
}

/// `directive @name(args) repeatable on A | B`.
#[derive(Clone, Debug)]
pub struct DirectiveDefinition<'a> {
    pub name: Name<'a>,
    pub description: Option<Cow<'a, str>>,
    pub arguments: Vec<InputValue<'a>>,
    pub repeatable: bool,
    pub locations: Vec<&'a str>,
}

/// The six kinds of named type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeKind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    Input,
}

impl TypeKind {
    /// The SDL keyword of a definition.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Object => "type",
            Self::Interface => "interface",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Input => "input",
        }
    }

    /// The directive location of a definition.
    pub fn location(self) -> &'static str {
        match self {
            Self::Scalar => "SCALAR",
            Self::Object => "OBJECT",
            Self::Interface => "INTERFACE",
            Self::Union => "UNION",
            Self::Enum => "ENUM",
            Self::Input => "INPUT_OBJECT",
        }
    }
}

/// A type definition or extension; which lists may be filled follows the kind.
#[derive(Clone, Debug)]
pub struct TypeDefinition<'a> {
    pub name: Name<'a>,
    pub kind: TypeKind,
    pub extend: bool,
    pub description: Option<Cow<'a, str>>,
    pub directives: Vec<Directive<'a>>,
    pub interfaces: Vec<Name<'a>>,
    pub fields: Vec<FieldDefinition<'a>>,
    pub inputs: Vec<InputValue<'a>>,
    pub values: Vec<EnumValue<'a>>,
    pub members: Vec<Name<'a>>,
}

/// An output field of an object or interface.
#[derive(Clone, Debug)]
pub struct FieldDefinition<'a> {
    pub name: Name<'a>,
    pub description: Option<Cow<'a, str>>,
    pub arguments: Vec<InputValue<'a>>,
    pub ty: TypeRef<'a>,
    pub directives: Vec<Directive<'a>>,
}

/// An argument or an input field.
#[derive(Clone, Debug)]
pub struct InputValue<'a> {
    pub name: Name<'a>,
    pub description: Option<Cow<'a, str>>,
    pub ty: TypeRef<'a>,
    pub default: Option<Value<'a>>,
    pub directives: Vec<Directive<'a>>,
}

/// One value of an enum.
#[derive(Clone, Debug)]
pub struct EnumValue<'a> {
    pub name: Name<'a>,
    pub description: Option<Cow<'a, str>>,
    pub directives: Vec<Directive<'a>>,
}

/// An applied directive.
#[derive(Clone, Debug)]
pub struct Directive<'a> {
    pub name: Name<'a>,
    pub arguments: Vec<(Name<'a>, Value<'a>)>,
}

impl<'a> Directive<'a> {
    /// The value of an argument, if it was given.
    pub fn argument(&self, name: &str) -> Option<&Value<'a>> {
        self.arguments
            .iter()
            .find(|(n, _)| n.text == name)
            .map(|(_, v)| v)
    }

    /// The text of a string argument.
    pub fn string(&self, name: &str) -> Option<&str> {
        match self.argument(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// A constant value. `PartialEq` compares meaning: object fields in any order.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Null,
    Int(&'a str),
    Float(&'a str),
    String(Cow<'a, str>),
    Boolean(bool),
    Enum(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int(a), Self::Int(b)) | (Self::Float(a), Self::Float(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Enum(a), Self::Enum(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(k, v)| b.iter().any(|(k2, v2)| k == k2 && v == v2))
            }
            _ => false,
        }
    }
}

/// A type reference: a name wrapped in lists, each layer non-null or not.
///
/// Bit 0 of `non_null` is the named type itself, bit *n* the *n*-th list
/// around it, counted from the inside.
#[derive(Clone, Copy, Debug)]
pub struct TypeRef<'a> {
    pub name: &'a str,
    pub pos: Pos,
    pub lists: u8,
    pub non_null: u32,
}

impl<'a> TypeRef<'a> {
    /// A nullable reference by name alone.
    pub fn named(name: &'a str) -> Self {
        Self {
            name,
            pos: 0,
            lists: 0,
            non_null: 0,
        }
    }

    /// Whether the outermost layer is non-null.
    pub fn is_non_null(self) -> bool {
        self.non_null >> self.lists & 1 == 1
    }

    /// Whether the outermost layer (below non-null) is a list.
    pub fn is_list(self) -> bool {
        self.lists > 0
    }

    /// Same name and wrappers, wherever they stand.
    pub fn same(self, other: Self) -> bool {
        self.name == other.name && self.lists == other.lists && self.non_null == other.non_null
    }

    /// Layer-wise: non-null only where both are.
    pub fn weakest(self, other: Self) -> Self {
        Self {
            non_null: self.non_null & other.non_null,
            ..self
        }
    }

    /// Layer-wise: non-null where either is.
    pub fn strictest(self, other: Self) -> Self {
        Self {
            non_null: self.non_null | other.non_null,
            ..self
        }
    }

    /// The reference with its outermost non-null and list taken off.
    pub fn item(self) -> Option<Self> {
        let lists = self.lists.checked_sub(1)?;
        Some(Self {
            lists,
            non_null: self.non_null & ((1 << self.lists) - 1),
            ..self
        })
    }
}

impl std::fmt::Display for TypeRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for _ in 0..self.lists {
            f.write_str("[")?;
        }
        f.write_str(self.name)?;
        for layer in 0..=self.lists {
            if layer > 0 {
                f.write_str("]")?;
            }
            if self.non_null >> layer & 1 == 1 {
                f.write_str("!")?;
            }
        }
        Ok(())
    }
}
