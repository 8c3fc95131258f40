//! Finding entities in the answer so far and writing their representations,
//! each distinct one once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::store::{Slot, Store};
use crate::error::PathSegment;
use crate::plan::{Branch, PathStep, RequiredField, Requires};

/// Entities that get one item of an `_entities` answer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Representation and object, in the order objects are found.
    pub(crate) targets: Vec<Found>,
    /// Number of distinct representations.
    pub(crate) representations: usize,
}

/// An entity in the answer and the representation that stands for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) representation: usize,
    pub(crate) object: u32,
    /// How many entities were met before it, counting those that need nothing.
    pub(crate) ordinal: usize,
}

/// Writes the list of representations of `branch` to `out`.
pub(crate) fn represent(store: &Store, branch: &Branch, out: &mut Vec<u8>) -> Batch {
    let mut objects = Vec::new();
    for path in &branch.paths {
        walk(store, Slot::Object(0), path, &mut |object| {
            objects.push(object)
        });
    }
    let hasher = DefaultHashBuilder::default();
    let mut known: HashTable<(std::ops::Range<usize>, usize)> =
        HashTable::with_capacity(objects.len());
    let mut batch = Batch::default();
    out.push(b'[');
    let first = out.len();
    for (ordinal, object) in objects.into_iter().enumerate() {
        let rollback = out.len();
        if rollback > first {
            out.push(b',');
        }
        let start = out.len();
        if !entity(store, object, &branch.requires, out) {
            out.truncate(rollback);
            continue;
        }
        let range = start..out.len();
        let hash = hasher.hash_one(&out[range.clone()]);
        let same = known.find(hash, |(other, _)| out[other.clone()] == out[range.clone()]);
        let representation = match same {
            Some((_, representation)) => {
                let representation = *representation;
                out.truncate(rollback);
                representation
            }
            None => {
                let representation = batch.representations;
                batch.representations += 1;
                let bytes: &[u8] = out;
                known.insert_unique(hash, (range, representation), |(other, _)| {
                    hasher.hash_one(&bytes[other.clone()])
                });
                representation
            }
        };
        batch.targets.push(Found {
            representation,
            object,
            ordinal,
        });
    }
    out.push(b']');
    batch
}

/// Calls `visit` for every object at the end of `path`.
fn walk(store: &Store, from: Slot, path: &[PathStep], visit: &mut impl FnMut(u32)) {
    match from {
        Slot::Object(object) => match path.split_first() {
            None => visit(object),
            Some((PathStep::Field { slot, .. }, rest)) => {
                walk(store, store.get(object, *slot), rest, visit);
            }
            Some((PathStep::Types { typename, types }, rest)) => {
                if store
                    .leaf(object, *typename)
                    .is_none_or(|name| types.contains(name))
                {
                    walk(store, from, rest, visit);
                }
            }
        },
        Slot::List { start, len } => {
            for at in 0..len as usize {
                let item = store.items(start, len).get(at).copied().unwrap_or_default();
                walk(store, item, path, visit);
            }
        }
        Slot::Missing | Slot::Null | Slot::Leaf { .. } => {}
    }
}

/// The paths of the entities of `branch`, in the order of `Found::ordinal`.
pub(crate) fn paths(store: &Store, branch: &Branch) -> Vec<Vec<PathSegment>> {
    let mut found = Vec::new();
    for path in &branch.paths {
        trace(store, Slot::Object(0), path, &mut Vec::new(), &mut found);
    }
    found
}

fn trace(
    store: &Store,
    from: Slot,
    path: &[PathStep],
    here: &mut Vec<PathSegment>,
    found: &mut Vec<Vec<PathSegment>>,
) {
    match from {
        Slot::Object(object) => match path.split_first() {
            None => found.push(here.clone()),
            Some((PathStep::Field { key, slot, .. }, rest)) => {
                here.push(PathSegment::Key(key.clone()));
                trace(store, store.get(object, *slot), rest, here, found);
                here.pop();
            }
            Some((PathStep::Types { typename, types }, rest)) => {
                if store
                    .leaf(object, *typename)
                    .is_none_or(|name| types.contains(name))
                {
                    trace(store, from, rest, here, found);
                }
            }
        },
        Slot::List { start, len } => {
            for at in 0..len as usize {
                let item = store.items(start, len).get(at).copied().unwrap_or_default();
                here.push(PathSegment::Index(at));
                trace(store, item, path, here, found);
                here.pop();
            }
        }
        Slot::Missing | Slot::Null | Slot::Leaf { .. } => {}
    }
}

/// Writes one representation; false when the entity has no key to be found by.
fn entity(store: &Store, object: u32, requires: &Requires, out: &mut Vec<u8>) -> bool {
    let own = requires.typename.and_then(|slot| store.leaf(object, slot));
    out.push(b'{');
    if let Some(name) = typename(own, requires) {
        out.extend_from_slice(b"\"__typename\":");
        out.extend_from_slice(name);
    }
    let present = fields(store, object, own, requires, out);
    out.push(b'}');
    present || requires.fields.is_empty()
}

fn typename<'a>(own: Option<&'a [u8]>, requires: &'a Requires) -> Option<&'a [u8]> {
    if !requires.send_typename {
        return None;
    }
    let matches = |types: &crate::plan::TypeSet| {
        types.0.is_empty() || own.is_none_or(|name| types.contains(name))
    };
    let set = requires
        .typename_override
        .iter()
        .find(|(types, _)| matches(types));
    set.map(|(_, name)| &**name)
        .or(own)
        .or(requires.default_typename.as_deref())
}

/// The name of the type `object` is asked for as.
pub(crate) fn asked_as(store: &Store, branch: &Branch, object: u32) -> Option<Box<str>> {
    let requires = &branch.requires;
    let own = requires.typename.and_then(|slot| store.leaf(object, slot));
    serde_json::from_slice(typename(own, requires)?).ok()
}

/// Writes the fields after what is there; true when one of them is not null.
fn fields(
    store: &Store,
    object: u32,
    own: Option<&[u8]>,
    requires: &Requires,
    out: &mut Vec<u8>,
) -> bool {
    let applies = |field: &RequiredField| match (&field.types, own) {
        (Some(types), Some(name)) => types.contains(name),
        _ => true,
    };
    let mut present = false;
    for (at, field) in requires.fields.iter().enumerate() {
        let repeated = requires.fields[..at]
            .iter()
            .any(|f| f.key == field.key && applies(f));
        let aside = field
            .aside
            .map_or(Slot::Missing, |slot| store.get(object, slot));
        let value = if aside == Slot::Missing {
            store.get(object, field.slot)
        } else {
            aside
        };
        if !applies(field) || repeated || value == Slot::Missing {
            continue;
        }
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        out.extend_from_slice(&field.key);
        write_value(store, value, field.children.as_ref(), out);
        present |= value != Slot::Null;
    }
    present
}

fn write_value(store: &Store, value: Slot, children: Option<&Requires>, out: &mut Vec<u8>) {
    match value {
        Slot::Missing | Slot::Null => out.extend_from_slice(b"null"),
        Slot::Leaf { buffer, start, len } => out.extend_from_slice(store.text(buffer, start, len)),
        Slot::List { start, len } => {
            out.push(b'[');
            for (at, item) in store.items(start, len).iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(store, *item, children, out);
            }
            out.push(b']');
        }
        Slot::Object(object) => {
            out.push(b'{');
            if let Some(requires) = children {
                let own = requires.typename.and_then(|slot| store.leaf(object, slot));
                if let Some(name) = typename(own, requires) {
                    out.extend_from_slice(b"\"__typename\":");
                    out.extend_from_slice(name);
                }
                fields(store, object, own, requires, out);
            }
            out.push(b'}');
        }
    }
}
