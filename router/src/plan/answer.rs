//! How the answer is written, as data: for each place the client's fields in the
//! client's order, per object type where types differ, with slots resolved.

use graphql_tools::static_graphql::query;

use super::{SlotIndex, TypeSet};
pub(crate) use crate::operation::authorize::Denial;
use crate::schema::TypeRef;

/// All field lists of an answer. Lists are shared between places that ask the same.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    pub(crate) root: usize,
    pub(crate) objects: Vec<Variants>,
    pub(crate) lists: Vec<FieldList>,
    /// Introspection fields of the root, selections of the same key merged.
    pub(crate) introspection: Vec<query::Field>,
    /// When pieces are told by id: sets of pieces that have fields in common.
    pub(crate) groups: Vec<Vec<usize>>,
}

/// The fields of an object, and the fragments of it that come later.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FieldList {
    pub(crate) fields: Vec<FieldProjection>,
    pub(crate) deferred: Vec<DeferredFields>,
}

/// Fields of an object that come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeferredFields {
    /// Whose they are: a position in `Deferral::fragments`, or when pieces are told
    /// by id, where each field comes once, in `Projection::groups`.
    pub(crate) of: usize,
    /// Position in `Projection::lists`.
    pub(crate) list: usize,
}

/// Which field list an object gets.
#[derive(Debug)]
pub(crate) enum Variants {
    /// The type is known from the schema.
    One(usize),
    /// By the object's `__typename`.
    ByType {
        typename: Option<SlotIndex>,
        table: Vec<(Box<[u8]>, Variant)>,
        /// For objects without a `__typename` in the answer.
        fallback: Option<usize>,
        /// The type has members that are not public.
        hidden_members: bool,
    },
}

/// What an object of one type gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Variant {
    Fields(usize),
    Denied(Denial),
}

/// One key of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldProjection {
    /// `"key":`
    pub(crate) json_key: Box<[u8]>,
    pub(crate) key: String,
    pub(crate) slot: Option<SlotIndex>,
    pub(crate) shape: Shape,
    pub(crate) value: ValueProjection,
}

/// Lists and non-nulls around a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) non_null: bool,
    pub(crate) item: Option<Box<Shape>>,
}

impl Shape {
    pub(super) fn new(ty: &TypeRef) -> Self {
        match ty {
            TypeRef::NonNull(inner) => Self {
                non_null: true,
                ..Self::new(inner)
            },
            TypeRef::List(inner) => Self {
                non_null: false,
                item: Some(Box::new(Self::new(inner))),
            },
            TypeRef::Named(_) => Self {
                non_null: false,
                item: None,
            },
        }
    }

    /// True when nulls inside of lists matter.
    pub(crate) fn has_non_null_items(&self) -> bool {
        self.item
            .as_ref()
            .is_some_and(|item| item.non_null || item.has_non_null_items())
    }
}

/// What is under a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueProjection {
    Leaf(Leaf),
    /// Position in `Projection::objects`.
    Object(usize),
    /// `__typename` where the type is known: the quoted name.
    Typename(Box<[u8]>),
    /// Position in `Projection::introspection`.
    Introspection(usize),
    Denied(Denial),
}

/// A value without selections.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf {
    Any,
    /// An enum some of whose values are hidden; these come out null.
    Enum(TypeSet),
}
