//! Which fetch writes what, by place in the answer. A place is a path of
//! response keys; conditions on types met on the way are kept with each entry,
//! so that what is written to one kind of object does not count for another.

use std::collections::{BTreeSet, HashMap};

use super::tree::{RawFetch, Rewrite, RewriteAction, Segment, Selection};
use crate::schema::Schema;

/// Positions of fetches in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FetchSet(Vec<u64>);

impl FetchSet {
    pub(crate) fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, more) in self.0.iter_mut().zip(&other.0) {
            *mine |= more;
        }
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        for (mine, less) in self.0.iter_mut().zip(&other.0) {
            *mine &= !less;
        }
    }

    pub(crate) fn is_subset(&self, of: &Self) -> bool {
        self.0
            .iter()
            .enumerate()
            .all(|(at, word)| word & !of.0.get(at).copied().unwrap_or(0) == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|at| self.contains(*at))
    }
}

/// Object types an object on the way may have, from the root down; `None` at a
/// level means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard(Vec<Option<BTreeSet<String>>>);

impl Guard {
    pub(super) fn root() -> Self {
        Self(vec![None])
    }

    /// The guard of what is under a key of the object.
    pub(super) fn below(&self) -> Self {
        let mut levels = self.0.clone();
        levels.push(None);
        Self(levels)
    }

    /// The guard when the object must also be one of `conditions`.
    pub(super) fn narrowed(&self, schema: &Schema, conditions: &[String]) -> Self {
        let mut names = BTreeSet::new();
        for condition in conditions {
            names.insert(condition.clone());
            if let Some(ty) = schema.ty(condition) {
                names.extend(ty.possible.iter().cloned());
            }
        }
        let mut levels = self.0.clone();
        if let Some(last) = levels.last_mut() {
            *last = Some(match last.take() {
                None => names,
                // Every object of the narrower type also meets the wider one.
                Some(known) => {
                    let both: BTreeSet<String> = known.intersection(&names).cloned().collect();
                    if both.is_empty() { names } else { both }
                }
            });
        }
        Self(levels)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|pair| match pair {
            (Some(a), Some(b)) => !a.is_disjoint(b),
            _ => true,
        })
    }

    /// True when whatever meets `other` and `reader` meets this as well.
    fn covers(&self, other: &Self, reader: &Self) -> bool {
        self.0.iter().enumerate().all(|(level, mine)| {
            let Some(mine) = mine else { return true };
            let at = |guard: &Self| guard.0.get(level).cloned().flatten();
            match (at(other), at(reader)) {
                (Some(a), Some(b)) => a.intersection(&b).all(|name| mine.contains(name)),
                (Some(only), None) | (None, Some(only)) => only.is_subset(mine),
                (None, None) => false,
            }
        })
    }
}

/// Position of a place.
pub(super) type PlaceId = usize;

#[derive(Debug, Default)]
struct Place {
    keys: HashMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    writers: Vec<(usize, Guard)>,
    below: Option<PlaceId>,
}

/// All places of an answer with their writers. Place 0 is the root.
pub(super) struct Places<'a> {
    schema: &'a Schema,
    all: Vec<Place>,
    /// The subgraph of each fetch.
    services: Vec<String>,
}

impl<'a> Places<'a> {
    /// Places written by `fetches`, given in the order they may run in.
    pub(super) fn new<'f>(schema: &'a Schema, fetches: impl Iterator<Item = &'f RawFetch>) -> Self {
        let mut places = Self {
            schema,
            all: vec![Place::default()],
            services: Vec::new(),
        };
        for (at, fetch) in fetches.enumerate() {
            places.services.push(fetch.service.clone());
            places.add(at, fetch);
        }
        places
    }

    fn add(&mut self, fetch: usize, raw: &RawFetch) {
        if raw.branches.is_empty() {
            let mut writer = Writer {
                fetch,
                rewrites: &raw.output_rewrites,
                trail: Vec::new(),
            };
            self.write(0, &Guard::root(), &raw.selection, &mut writer);
        }
        for branch in &raw.branches {
            for path in &branch.paths {
                let (place, guard) = self.enter(path);
                let mut writer = Writer {
                    fetch,
                    rewrites: &branch.output_rewrites,
                    trail: Vec::new(),
                };
                self.write(place, &guard, &branch.selection, &mut writer);
            }
        }
    }

    fn enter(&mut self, path: &[Segment]) -> (PlaceId, Guard) {
        let (mut place, mut guard) = (0, Guard::root());
        for segment in path {
            match segment {
                Segment::Field(key) => {
                    place = self.below(place, key);
                    guard = guard.below();
                }
                Segment::Types(types) => guard = guard.narrowed(self.schema, types),
                Segment::List => {}
            }
        }
        (place, guard)
    }

    fn below(&mut self, place: PlaceId, key: &str) -> PlaceId {
        let next = self.all.len();
        let entry = self.all[place].keys.entry(key.to_owned()).or_default();
        let below = *entry.below.get_or_insert(next);
        if below == next {
            self.all.push(Place::default());
        }
        below
    }

    fn write(
        &mut self,
        place: PlaceId,
        guard: &Guard,
        selection: &[Selection],
        writer: &mut Writer<'_>,
    ) {
        for item in selection {
            match item {
                Selection::Fragment { on, children } => {
                    let guard = guard.narrowed(self.schema, std::slice::from_ref(on));
                    self.write(place, &guard, children, writer);
                }
                Selection::Field { key, children, .. } => {
                    writer.trail.push(key.clone());
                    let mut keys = vec![key.as_str()];
                    keys.extend(writer.renamed());
                    for key in keys {
                        let entry = self.all[place].keys.entry(key.to_owned()).or_default();
                        entry.writers.push((writer.fetch, guard.clone()));
                        if !children.is_empty() {
                            let below = self.below(place, key);
                            self.write(below, &guard.below(), children, writer);
                        }
                    }
                    writer.trail.pop();
                }
            }
        }
    }

    /// The place under `key`.
    pub(super) fn child(&self, place: PlaceId, key: &str) -> Option<PlaceId> {
        self.all[place].keys.get(key)?.below
    }

    fn writers(&self, place: PlaceId, key: &str) -> &[(usize, Guard)] {
        let entry = self.all[place].keys.get(key);
        entry
            .map(|entry| entry.writers.as_slice())
            .unwrap_or_default()
    }

    /// Adds the fetches that must be merged before `key` can be read. A later
    /// fetch that repeats what an earlier one gave is not waited for.
    pub(super) fn read(&self, place: PlaceId, key: &str, reader: &Guard, into: &mut FetchSet) {
        let mut kept: Vec<&Guard> = Vec::new();
        for (fetch, guard) in self.writers(place, key) {
            let known = kept.iter().any(|earlier| earlier.covers(guard, reader));
            if guard.overlaps(reader) && !known {
                into.insert(*fetch);
                kept.push(guard);
            }
        }
    }

    /// As [`Self::read`], but the last fetch that writes it is the one that knows.
    pub(super) fn read_all(&self, place: PlaceId, key: &str, reader: &Guard, into: &mut FetchSet) {
        for (fetch, guard) in self.writers(place, key) {
            if guard.overlaps(reader) {
                into.insert(*fetch);
            }
        }
    }

    /// The fetches among `before` whose data the entity fetch `raw` is made
    /// from; `None` when that cannot be told.
    pub(super) fn inputs(&self, raw: &RawFetch, before: &FetchSet) -> Option<FetchSet> {
        let mut inputs = FetchSet::default();
        for branch in &raw.branches {
            for path in &branch.paths {
                let (place, guard) = self.walk(path, before, &mut inputs)?;
                self.take(place, "__typename", &guard, before, &mut inputs);
                self.required(place, &guard, &branch.requires, before, &mut inputs)?;
            }
        }
        Some(inputs)
    }

    /// Goes down `path`, taking in what makes it.
    fn walk(
        &self,
        path: &[Segment],
        before: &FetchSet,
        inputs: &mut FetchSet,
    ) -> Option<(PlaceId, Guard)> {
        let (mut place, mut guard) = (0, Guard::root());
        for segment in path {
            match segment {
                Segment::Field(key) => {
                    if !self.reach(place, key, &guard, before, inputs) {
                        return None;
                    }
                    place = self.child(place, key)?;
                    guard = guard.below();
                }
                Segment::Types(types) => {
                    self.take(place, "__typename", &guard, before, inputs);
                    guard = guard.narrowed(self.schema, types);
                }
                Segment::List => {}
            }
        }
        Some((place, guard))
    }

    /// Adds those of `before` that give the objects under `key`; false when none
    /// does. A subgraph asked once more for the same objects is not waited for.
    fn reach(
        &self,
        place: PlaceId,
        key: &str,
        guard: &Guard,
        before: &FetchSet,
        inputs: &mut FetchSet,
    ) -> bool {
        let mut kept: Vec<(usize, &Guard)> = Vec::new();
        for (fetch, written) in self.writers(place, key) {
            let known = kept.iter().any(|(earlier, given)| {
                self.services[*earlier] == self.services[*fetch] && given.covers(written, guard)
            });
            if before.contains(*fetch) && written.overlaps(guard) && !known {
                inputs.insert(*fetch);
                kept.push((*fetch, written));
            }
        }
        !kept.is_empty()
    }

    /// Adds all writers of `key` among `before`; false when there are none.
    fn take(
        &self,
        place: PlaceId,
        key: &str,
        guard: &Guard,
        before: &FetchSet,
        inputs: &mut FetchSet,
    ) -> bool {
        let mut found = false;
        for (fetch, written) in self.writers(place, key) {
            if before.contains(*fetch) && written.overlaps(guard) {
                inputs.insert(*fetch);
                found = true;
            }
        }
        found
    }

    fn required(
        &self,
        place: PlaceId,
        guard: &Guard,
        selection: &[Selection],
        before: &FetchSet,
        inputs: &mut FetchSet,
    ) -> Option<()> {
        for item in selection {
            match item {
                Selection::Fragment { children, .. } => {
                    // Not narrowed: a representation may be made under another
                    // type's name (`@interfaceObject`).
                    self.required(place, guard, children, before, inputs)?;
                }
                Selection::Field { name, .. } if name == "__typename" => {
                    self.take(place, name, guard, before, inputs);
                }
                Selection::Field {
                    name,
                    key,
                    children,
                    ..
                } => {
                    let by_name = self.take(place, name, guard, before, inputs);
                    let by_key = name != key && self.take(place, key, guard, before, inputs);
                    let source = match (by_name, by_key) {
                        (true, _) => name,
                        (false, true) => key,
                        (false, false) => return None,
                    };
                    if !children.is_empty() {
                        let below = self.child(place, source)?;
                        self.required(below, &guard.below(), children, before, inputs)?;
                    }
                }
            }
        }
        Some(())
    }
}

/// A fetch while its selection is walked.
struct Writer<'a> {
    fetch: usize,
    rewrites: &'a [Rewrite],
    trail: Vec<String>,
}

impl<'a> Writer<'a> {
    /// The other keys under which the field at the trail's end is put.
    fn renamed(&self) -> Vec<&'a str> {
        let matching = |rewrite: &&Rewrite| {
            let keys = rewrite.path.iter().filter_map(|segment| match segment {
                Segment::Field(key) => Some(key.as_str()),
                _ => None,
            });
            keys.eq(self.trail.iter().map(String::as_str))
        };
        let found = self.rewrites.iter().filter(matching);
        found
            .filter_map(|rewrite| match &rewrite.action {
                RewriteAction::RenameTo(to) => Some(to.as_str()),
                RewriteAction::SetTo(_) => None,
            })
            .collect()
    }
}
