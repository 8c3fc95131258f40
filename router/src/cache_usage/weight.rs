//! What things cost in memory, estimated from what can be counted quickly.
//! `tests/memory` holds these figures against those of the allocator.

use crate::operation::{Document, PreparedOperation, nodes};
use crate::plan::{ObjectShape, OperationPlan, Target, ValueProjection};

/// A selection, value or variable in a parsed document, with its strings.
const PER_NODE: usize = 340;
/// A selection in a subgraph's document, as text and parsed.
const PER_ASKED_BYTE: usize = 20;
/// A key of a subgraph's answer.
const PER_SHAPE: usize = 96;
/// A field of the client's answer.
const PER_FIELD: usize = 220;
/// What the smallest of them costs.
const BASE: usize = 2048;

/// A document with its operations.
pub(crate) fn of_document(text: &str, document: &Document) -> usize {
    BASE + text.len() * 2 + nodes::of(&document.ast) * PER_NODE
}

/// An operation as far as it is its own and not its document's.
pub(crate) fn of_prepared(operation: &PreparedOperation) -> usize {
    let planned = operation.to_plan.as_ref();
    512 + planned.map_or(0, |document| nodes::of(document) * PER_NODE)
}

/// A plan, with a key of this length that it is found by.
pub(crate) fn of_plan(key: usize, plan: &OperationPlan) -> usize {
    let fetches = plan.fetches.iter().map(|fetch| {
        let shapes = match &fetch.target {
            Target::Root { shape } => shapes(shape),
            Target::Entities { branches } => branches
                .iter()
                .map(|branch| 8 + shapes(&branch.shape) + 4 * branch.paths.len())
                .sum(),
        };
        1024 + fetch.operation.text().len() * PER_ASKED_BYTE + shapes * PER_SHAPE
    });
    let lists = plan.projection.lists.iter();
    let fields = lists.map(|list| {
        let fields = list.fields.iter().map(|field| {
            let keys = field.key.len() * 2;
            let typename = matches!(field.value, ValueProjection::Typename(_));
            PER_FIELD + keys + usize::from(typename) * 32
        });
        64 + fields.sum::<usize>()
    });
    BASE + key + fetches.sum::<usize>() + fields.sum::<usize>()
}

fn shapes(shape: &ObjectShape) -> usize {
    let below = shape
        .fields
        .iter()
        .map(|field| 1 + field.object.as_ref().map_or(0, |object| 1 + shapes(object)));
    below.sum::<usize>() + shape.renames.len()
}
