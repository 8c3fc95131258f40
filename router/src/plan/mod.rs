//! Plans: what is fetched from which subgraph, in which order, and how the
//! answer is put together. `hive` is the only module that knows the planner
//! crate; everything outwards is in the types of this module.

mod answer;
mod asked;
mod compile;
mod deferral;
mod hive;
mod layout;
mod moved;
mod once;
mod places;
mod projection;
mod split;
mod split_strategy;
mod tree;

use std::sync::Arc;

pub(crate) use answer::{
    Denial, FieldProjection, Leaf, Projection, Shape, ValueProjection, Variant, Variants,
};
pub(crate) use deferral::{Deferral, FIRST};
pub(crate) use hive::Planner;
pub(crate) use places::FetchSet;

use crate::operation::{Kind, PreparedOperation};
use crate::schema::Schema;
use crate::subgraph::{SizeHint, SubgraphOperation};

/// A slot of an object in the response store.
pub(crate) type SlotIndex = u32;

/// Everything needed to answer one operation in one variant (conditions and
/// permissions decided), apart from variable values.
#[derive(Debug)]
pub(crate) struct OperationPlan {
    pub(crate) kind: Kind,
    /// Number of slots of the root object.
    pub(crate) root_width: u32,
    pub(crate) fetches: Vec<Fetch>,
    /// Position in `fetches` of the subscription's own fetch.
    pub(crate) subscription: Option<usize>,
    pub(crate) projection: Projection,
    /// Set when the answer is delivered in pieces.
    pub(crate) deferral: Option<Deferral>,
    /// Slots that answers take.
    pub(crate) size: SizeHint,
}

/// Names of types, each as a quoted JSON string, for comparing with raw answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeSet(pub(crate) Vec<Box<[u8]>>);

impl TypeSet {
    pub(crate) fn contains(&self, quoted: &[u8]) -> bool {
        self.0.iter().any(|name| **name == *quoted)
    }
}

/// One request to one subgraph.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) subgraph: Arc<str>,
    pub(crate) operation: Arc<SubgraphOperation>,
    /// Client variables this request needs, each with its JSON key and colon.
    pub(crate) variables: Vec<(String, Box<[u8]>)>,
    pub(crate) target: Target,
    /// Fetches that may start once this one is merged.
    pub(crate) dependents: Vec<usize>,
    /// How many fetches must be merged before this one.
    pub(crate) dependencies: u32,
}

/// Where the data of a fetch goes.
#[derive(Debug)]
pub(crate) enum Target {
    /// Into the root object. Keys of the root fields are for error paths.
    Root { shape: ObjectShape },
    /// Into entities found in the answer so far.
    Entities { branches: Vec<Branch> },
}

/// One `_entities` field of a request.
#[derive(Debug)]
pub(crate) struct Branch {
    /// Response key of the `_entities` field.
    pub(crate) alias: Box<[u8]>,
    /// `"variable":` of its representations.
    pub(crate) variable: Box<[u8]>,
    /// Paths from the root to the entities.
    pub(crate) paths: Vec<Vec<PathStep>>,
    pub(crate) requires: Requires,
    pub(crate) shape: ObjectShape,
}

/// A step on the way from the root to entities. Lists are always entered.
#[derive(Debug, Clone)]
pub(crate) enum PathStep {
    Field {
        key: String,
        slot: SlotIndex,
        is_list: bool,
    },
    Types {
        typename: SlotIndex,
        types: TypeSet,
    },
}

/// The fields of an entity that are sent as its representation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requires {
    /// Nested objects only name their type when the planner asks for it.
    pub(crate) send_typename: bool,
    pub(crate) typename: Option<SlotIndex>,
    /// `__typename` to send instead of the entity's own, per type.
    pub(crate) typename_override: Vec<(TypeSet, Box<[u8]>)>,
    /// Type to send when the answer so far does not tell.
    pub(crate) default_typename: Option<Box<[u8]>>,
    pub(crate) fields: Vec<RequiredField>,
}

/// A field of a representation.
#[derive(Debug, Clone)]
pub(crate) struct RequiredField {
    /// Types the field applies to; `None` means all.
    pub(crate) types: Option<TypeSet>,
    /// `"key":`
    pub(crate) key: Box<[u8]>,
    pub(crate) slot: SlotIndex,
    /// Read first: the value a rename has put aside.
    pub(crate) aside: Option<SlotIndex>,
    pub(crate) children: Option<Requires>,
}

/// How the JSON objects of one selection set land in slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectShape {
    /// Slots of an object here.
    pub(crate) width: u32,
    pub(crate) fields: Vec<FieldShape>,
    pub(crate) renames: Vec<Rename>,
}

impl ObjectShape {
    /// Where a key is among the fields. Subgraphs answer in the order of the
    /// request, so the field after the last one is a good guess.
    pub(crate) fn position(&self, key: &[u8], guess: usize) -> Option<usize> {
        match self.fields.get(guess) {
            Some(field) if *field.key == *key => Some(guess),
            _ => self.fields.iter().position(|field| *field.key == *key),
        }
    }
}

/// One key of a subgraph's JSON object.
#[derive(Debug, Clone)]
pub(crate) struct FieldShape {
    pub(crate) key: Box<[u8]>,
    pub(crate) slot: SlotIndex,
    /// For composite fields; leaves have none and are kept as raw JSON.
    pub(crate) object: Option<Box<ObjectShape>>,
}

/// A key that was aliased for the subgraph's sake, to be put back.
#[derive(Debug, Clone)]
pub(crate) struct Rename {
    pub(crate) typename: Option<SlotIndex>,
    pub(crate) types: Option<TypeSet>,
    pub(crate) from: SlotIndex,
    pub(crate) to: SlotIndex,
    /// Where the value that was under `to` goes: what a field requires may be the
    /// same field with other arguments than the client's.
    pub(crate) aside: SlotIndex,
}

/// Why an operation could not be planned.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("planning took longer than allowed")]
    Timeout,
    #[error("the operation cannot be planned: {0}")]
    Refused(String),
    #[error("the planner failed")]
    Panicked,
}

/// Plans an operation. Blocking and possibly slow: run it off the async threads.
pub(crate) fn plan(
    planner: &Planner,
    schema: &Schema,
    operation: &PreparedOperation,
    timeout: std::time::Duration,
) -> Result<OperationPlan, PlanError> {
    let tree = match &operation.to_plan {
        Some(document) => planner.plan(document, timeout)?,
        None => tree::Tree::Sequence(Vec::new()),
    };
    compile::compile(schema, operation, tree)
}
