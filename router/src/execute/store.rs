//! The answer while it is put together: objects are runs of slots, leaves are
//! ranges in the bytes the subgraphs sent. Nothing is copied until the end.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::plan::{ObjectShape, SlotIndex};

/// The value under one key of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Slot {
    /// No subgraph has answered this.
    #[default]
    Missing,
    Null,
    /// JSON text in one of the store's buffers.
    Leaf {
        buffer: u16,
        start: u32,
        len: u32,
    },
    /// First slot of an object.
    Object(u32),
    /// A run of slots.
    List {
        start: u32,
        len: u32,
    },
}

/// An object that a subgraph was asked for and does not have.
#[derive(Debug)]
pub(crate) struct Absent {
    pub(crate) subgraph: Arc<str>,
    /// The type it was asked as, when that is known.
    pub(crate) ty: Option<Box<str>>,
}

/// The answer to subgraph requests so far. Object 0 is the root.
#[derive(Debug)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    buffers: Vec<Bytes>,
    /// Items of lists that are still being read.
    pub(super) pending: Vec<Slot>,
    absent: HashMap<u32, Absent>,
}

impl Store {
    /// An empty store, with memory reserved for this many slots.
    pub(crate) fn new(root_width: u32, slots: usize) -> Self {
        let mut store = Self {
            slots: Vec::with_capacity(slots),
            buffers: Vec::new(),
            pending: Vec::new(),
            absent: HashMap::new(),
        };
        store.allocate(root_width);
        store
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn allocate(&mut self, width: u32) -> u32 {
        let start = self.slots.len();
        self.slots.resize(start + width as usize, Slot::Missing);
        u32::try_from(start).unwrap_or(u32::MAX)
    }

    /// Keeps bytes that leaves will point into; `None` when there are too many.
    pub(crate) fn keep(&mut self, bytes: Bytes) -> Option<u16> {
        let id = u16::try_from(self.buffers.len()).ok()?;
        u32::try_from(bytes.len()).ok()?;
        self.buffers.push(bytes);
        Some(id)
    }

    /// Fills in the bytes of a buffer that was kept empty.
    pub(crate) fn fill(&mut self, id: u16, bytes: Bytes) {
        if let Some(buffer) = self.buffers.get_mut(usize::from(id)) {
            *buffer = bytes;
        }
    }

    pub(crate) fn get(&self, object: u32, slot: SlotIndex) -> Slot {
        self.slots
            .get((object + slot) as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Takes note of the subgraph that does not have `object`; the first one counts.
    pub(super) fn set_absent(&mut self, object: u32, absent: Absent) {
        self.absent.entry(object).or_insert(absent);
    }

    /// The subgraph that does not have `object`.
    pub(super) fn absent(&self, object: u32) -> Option<&Absent> {
        self.absent.get(&object)
    }

    pub(crate) fn set(&mut self, object: u32, slot: SlotIndex, value: Slot) {
        if let Some(place) = self.slots.get_mut((object + slot) as usize) {
            *place = value;
        }
    }

    /// The JSON text of a leaf.
    pub(crate) fn text(&self, buffer: u16, start: u32, len: u32) -> &[u8] {
        let range = start as usize..(start as usize + len as usize);
        self.buffers
            .get(usize::from(buffer))
            .and_then(|bytes| bytes.get(range))
            .unwrap_or(b"null")
    }

    /// The text of a leaf in a slot.
    pub(crate) fn leaf(&self, object: u32, slot: SlotIndex) -> Option<&[u8]> {
        match self.get(object, slot) {
            Slot::Leaf { buffer, start, len } => Some(self.text(buffer, start, len)),
            _ => None,
        }
    }

    pub(crate) fn items(&self, start: u32, len: u32) -> &[Slot] {
        self.slots
            .get(start as usize..(start as usize + len as usize))
            .unwrap_or_default()
    }

    /// Makes a list of what was pushed to `pending` since it had `mark` items.
    pub(super) fn list_from(&mut self, mark: usize) -> Slot {
        let start = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(self.pending.len() - mark).unwrap_or(u32::MAX);
        self.slots.extend(self.pending.drain(mark..));
        Slot::List { start, len }
    }

    /// Puts back keys that were aliased for the subgraph.
    pub(super) fn rename(&mut self, object: u32, shape: &ObjectShape) {
        for rename in &shape.renames {
            let applies = match (&rename.types, rename.typename) {
                (Some(types), Some(typename)) => self
                    .leaf(object, typename)
                    .is_none_or(|name| types.contains(name)),
                _ => true,
            };
            let value = self.get(object, rename.from);
            if applies && value != Slot::Missing {
                let direct = self.get(object, rename.to);
                if direct != Slot::Missing {
                    self.set(object, rename.aside, direct);
                }
                self.set(object, rename.to, value);
            }
        }
    }

    /// Merges the object `from` into `into`; `shape` says which slots `from` has.
    pub(crate) fn merge(&mut self, into: u32, from: u32, shape: &ObjectShape) {
        if into == from {
            return;
        }
        for field in &shape.fields {
            self.merge_slot(into, from, field.slot, field.object.as_deref());
        }
        for rename in &shape.renames {
            let object = shape.fields.iter().find(|field| field.slot == rename.from);
            self.merge_slot(
                into,
                from,
                rename.to,
                object.and_then(|f| f.object.as_deref()),
            );
        }
    }

    fn merge_slot(&mut self, into: u32, from: u32, slot: SlotIndex, shape: Option<&ObjectShape>) {
        let merged = self.merged(self.get(into, slot), self.get(from, slot), shape);
        self.set(into, slot, merged);
    }

    fn merged(&mut self, known: Slot, new: Slot, shape: Option<&ObjectShape>) -> Slot {
        match (known, new) {
            (known, Slot::Missing) => known,
            (Slot::Missing | Slot::Null, new) => new,
            // One subgraph not knowing a shared object does not undo another's answer.
            (known, Slot::Null) => known,
            (Slot::Object(known), Slot::Object(new)) => {
                if let Some(shape) = shape {
                    self.merge(known, new, shape);
                }
                Slot::Object(known)
            }
            (
                Slot::List { start, len },
                Slot::List {
                    start: other,
                    len: count,
                },
            ) if len == count => {
                for at in 0..len {
                    let (a, b) = (
                        self.slots[(start + at) as usize],
                        self.slots[(other + at) as usize],
                    );
                    let merged = self.merged(a, b, shape);
                    self.slots[(start + at) as usize] = merged;
                }
                Slot::List { start, len }
            }
            (_, new) => new,
        }
    }
}
