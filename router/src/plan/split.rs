//! Splitting fetches that give both what a client wants first and what it wants
//! later: the planner makes one request per subgraph, whose slowest field would
//! hold up the first answer. Fields only deferred fragments ask for are moved to
//! a request of their own, by the entity's key or from the root.

use std::collections::HashSet;

use super::deferral::{Deferral, FIRST};
use super::moved::{KeyUse, Moved, Place, SplitBy, extended, plain};
use super::tree::{RawBranch, RawFetch, Segment, Selection};
use crate::operation::{Kind, PreparedOperation};
use crate::schema::{self, Schema};

/// Plans with more fetches are left as they are.
const MAX_FETCHES: usize = 256;

/// Splits what can be split. Order is kept: a new fetch stands behind the one it
/// was part of, and before all that waited for that.
pub(super) fn split(
    schema: &Schema,
    operation: &PreparedOperation,
    fetches: &mut Vec<(RawFetch, Vec<usize>)>,
) {
    let Some(mut known) = Known::new(schema, operation, fetches) else {
        return;
    };
    let mut at = 0;
    while at < fetches.len() && fetches.len() < MAX_FETCHES {
        let made = one(schema, &known, fetches, at);
        if !made.is_empty() {
            insert(fetches, at, made);
            match Known::new(schema, operation, fetches) {
                Some(now) => known = now,
                None => return,
            }
        }
        at += 1;
    }
}

/// What the fetches as they are mean for the answer.
pub(super) struct Known {
    pub(super) deferral: Deferral,
    /// Fields that representations are made of, by path: they stay where they are.
    pub(super) inputs: HashSet<Vec<String>>,
}

impl Known {
    fn new(
        schema: &Schema,
        operation: &PreparedOperation,
        fetches: &[(RawFetch, Vec<usize>)],
    ) -> Option<Self> {
        let (deferral, _) = Deferral::new(schema, operation, fetches)?;
        let inputs = inputs(fetches);
        Some(Self { deferral, inputs })
    }
}

/// Puts `made` behind the fetch at `at`, waiting for it or for what it waits for.
fn insert(fetches: &mut Vec<(RawFetch, Vec<usize>)>, at: usize, made: Vec<(RawFetch, bool)>) {
    let count = made.len();
    for (_, dependencies) in &mut *fetches {
        let waits = dependencies.contains(&at);
        for dependency in &mut *dependencies {
            *dependency += if *dependency > at { count } else { 0 };
        }
        if waits {
            dependencies.extend(at + 1..=at + count);
        }
    }
    let same = fetches[at].1.clone();
    let waiting = |(fetch, is_after): (RawFetch, bool)| {
        let dependencies = if is_after { vec![at] } else { same.clone() };
        (fetch, dependencies)
    };
    let made: Vec<_> = made.into_iter().map(waiting).collect();
    fetches.splice(at + 1..at + 1, made);
}

/// Takes what can come later out of the fetch at `at`; gives the new fetches,
/// each with whether it needs the answer of that one.
fn one(
    schema: &Schema,
    known: &Known,
    fetches: &mut [(RawFetch, Vec<usize>)],
    at: usize,
) -> Vec<(RawFetch, bool)> {
    let raw = &fetches[at].0;
    let rewritten = |branch: &RawBranch| !branch.output_rewrites.is_empty();
    if raw.is_subscription || !raw.output_rewrites.is_empty() || raw.branches.iter().any(rewritten)
    {
        return Vec::new();
    }
    let mut splitter = Splitter {
        schema,
        known,
        service: raw.service.clone(),
        kind: raw.kind,
        base: FIRST,
        moved: Vec::new(),
    };
    let mut left = raw.clone();
    if !known.deferral.pieces[FIRST].needs.contains(at) {
        splitter.base = splitter.earliest(&left);
    }
    if left.branches.is_empty() {
        let place = splitter.root();
        splitter.take(&place, &mut left.selection);
        if left.selection.is_empty() {
            return Vec::new();
        }
    }
    for nth in 0..left.branches.len() {
        let place = splitter.branch(&left.branches[nth], nth);
        let mut selection = std::mem::take(&mut left.branches[nth].selection);
        splitter.take(&place, &mut selection);
        left.branches[nth].selection = selection;
    }
    let moved = std::mem::take(&mut splitter.moved);
    if moved.is_empty() {
        return Vec::new();
    }
    let made = moved.into_iter().map(|moved| moved.fetch(&left)).collect();
    drop_empty_branches(&mut left.branches);
    left.write();
    fetches[at].0 = left;
    made
}

/// Nothing is asked of entities of which everything comes later.
fn drop_empty_branches(branches: &mut Vec<RawBranch>) {
    let is_empty = |branch: &RawBranch| branch.selection.is_empty();
    if branches.iter().all(is_empty) {
        branches.truncate(1);
        for branch in branches {
            // Not as the type: for `@interfaceObject` the subgraph names the interface.
            branch.selection.push(Selection::Field {
                name: "__typename".to_owned(),
                key: "_typename".to_owned(),
                arguments: String::new(),
                uses: Vec::new(),
                children: Vec::new(),
            });
        }
    } else {
        branches.retain(|branch| !is_empty(branch));
    }
}

fn inputs(fetches: &[(RawFetch, Vec<usize>)]) -> HashSet<Vec<String>> {
    fn add(selection: &[Selection], path: &mut Vec<String>, into: &mut HashSet<Vec<String>>) {
        for item in selection {
            match item {
                Selection::Fragment { children, .. } => add(children, path, into),
                Selection::Field {
                    name,
                    key,
                    children,
                    ..
                } => {
                    for key in [name, key] {
                        path.push(key.clone());
                        into.insert(path.clone());
                        add(children, path, into);
                        path.pop();
                    }
                }
            }
        }
    }
    let mut found = HashSet::new();
    for branch in fetches.iter().flat_map(|(raw, _)| &raw.branches) {
        for path in &branch.paths {
            add(&branch.requires, &mut keys(path), &mut found);
        }
    }
    found
}

fn keys(path: &[Segment]) -> Vec<String> {
    let key = |segment: &Segment| match segment {
        Segment::Field(key) => Some(key.clone()),
        Segment::Types(_) | Segment::List => None,
    };
    path.iter().filter_map(key).collect()
}

pub(super) struct Splitter<'a> {
    pub(super) schema: &'a Schema,
    pub(super) known: &'a Known,
    pub(super) service: String,
    pub(super) kind: Kind,
    /// The piece whose fields stay.
    base: usize,
    moved: Vec<Moved>,
}

impl Splitter<'_> {
    fn root(&self) -> Place {
        let root = match self.kind {
            Kind::Query => Some(self.schema.query.clone()),
            Kind::Mutation => self.schema.mutation.clone(),
            Kind::Subscription => self.schema.subscription.clone(),
        };
        Place {
            keys: vec![Vec::new()],
            ty: root,
            ..Place::default()
        }
    }

    fn branch(&self, branch: &RawBranch, nth: usize) -> Place {
        Place {
            branch: Some(nth),
            keys: branch.paths.iter().map(|path| keys(path)).collect(),
            ..Place::default()
        }
    }

    /// The first of the pieces that ask for something in `raw`.
    fn earliest(&self, raw: &RawFetch) -> usize {
        let mut pieces = Vec::new();
        if raw.branches.is_empty() {
            self.pieces(&raw.selection, &self.root().keys, &mut pieces);
        }
        for (nth, branch) in raw.branches.iter().enumerate() {
            let place = self.branch(branch, nth);
            self.pieces(&branch.selection, &place.keys, &mut pieces);
        }
        pieces.into_iter().min().unwrap_or(FIRST)
    }

    /// The pieces that ask for what is in `selection`. What is only on the way to
    /// fields does not count.
    fn pieces(&self, selection: &[Selection], keys: &[Vec<String>], into: &mut Vec<usize>) {
        for item in selection {
            match item {
                Selection::Fragment { children, .. } => self.pieces(children, keys, into),
                Selection::Field { key, children, .. } => {
                    let before = into.len();
                    self.pieces(children, &extended(keys, key), into);
                    if into.len() == before {
                        into.extend(self.askers(keys, key));
                    }
                }
            }
        }
    }

    fn askers(&self, keys: &[Vec<String>], key: &str) -> Vec<usize> {
        let mut askers: Vec<usize> = extended(keys, key)
            .iter()
            .flat_map(|path| self.known.deferral.asked.at(path).iter().copied())
            .collect();
        askers.sort_unstable();
        askers.dedup();
        askers
    }

    /// Takes what can come later out of `selection`.
    fn take(&mut self, place: &Place, selection: &mut Vec<Selection>) {
        let all = std::mem::take(selection);
        let plain_keys = plain_keys(&all);
        let mut jump = None;
        for mut item in all {
            match &mut item {
                Selection::Fragment { on, children } => {
                    self.take(&place.narrowed(on), children);
                    if children.is_empty() {
                        continue;
                    }
                }
                Selection::Field { .. } => {
                    let askers = self.askers(&place.keys, key_of(&item));
                    if askers.contains(&self.base) || self.is_on_the_way(place, &item) {
                        self.take_below(place, &mut item);
                    } else if !askers.is_empty()
                        && let Some(split_by) = self.split_by(place, &item, &plain_keys)
                    {
                        if let SplitBy::Key(key) = &split_by {
                            jump = Some(key.clone());
                        }
                        self.put(place, askers, split_by, item);
                        continue;
                    }
                }
            }
            selection.push(item);
        }
        if let Some(key) = jump {
            let fields = key.iter().map(KeyUse::selection);
            for field in std::iter::once(plain("__typename")).chain(fields) {
                if !selection.contains(&field) {
                    selection.push(field);
                }
            }
        }
    }

    fn take_below(&mut self, place: &Place, item: &mut Selection) {
        let Some(below) = self.below(place, item) else {
            return;
        };
        if let Selection::Field { children, .. } = item {
            self.take(&below, children);
            if children.is_empty() {
                children.push(plain("__typename"));
            }
        }
    }

    /// True when the piece whose fields stay asks for something in the field only.
    fn is_on_the_way(&self, place: &Place, item: &Selection) -> bool {
        let Selection::Field { key, children, .. } = item else {
            return false;
        };
        let mut pieces = Vec::new();
        self.pieces(children, &extended(&place.keys, key), &mut pieces);
        pieces.contains(&self.base)
    }

    fn put(&mut self, place: &Place, pieces: Vec<usize>, split_by: SplitBy, item: Selection) {
        let same = |moved: &&mut Moved| {
            moved.pieces == pieces
                && moved.split_by == split_by
                && moved.place.branch == place.branch
                && moved.place.path == place.path
                && moved.place.keys == place.keys
        };
        match self.moved.iter_mut().find(same) {
            Some(moved) => moved.selection.push(item),
            None => self.moved.push(Moved {
                place: place.clone(),
                pieces,
                split_by,
                selection: vec![item],
            }),
        }
    }

    /// The object under a field.
    fn below(&self, place: &Place, item: &Selection) -> Option<Place> {
        let Selection::Field {
            name,
            key,
            arguments,
            uses,
            children,
        } = item
        else {
            return None;
        };
        if children.is_empty() {
            return None;
        }
        let def = self.schema.ty(place.ty.as_deref()?)?.field(name)?;
        let mut below = place.clone();
        below.path.push(Segment::Field(key.to_owned()));
        if matches!(&def.ty, schema::TypeRef::List(_))
            || matches!(&def.ty, schema::TypeRef::NonNull(inner) if matches!(**inner, schema::TypeRef::List(_)))
        {
            below.path.push(Segment::List);
        }
        below.chain.push(Selection::Field {
            name: name.clone(),
            key: key.clone(),
            arguments: arguments.clone(),
            uses: uses.clone(),
            children: Vec::new(),
        });
        below.keys = extended(&place.keys, key);
        below.ty = Some(def.ty.base().to_owned());
        Some(below)
    }
}

fn key_of(item: &Selection) -> &str {
    match item {
        Selection::Field { key, .. } => key,
        Selection::Fragment { .. } => "",
    }
}

/// Fields that are in `selection` under their own name, without arguments.
fn plain_keys(selection: &[Selection]) -> HashSet<String> {
    let plain = selection
        .iter()
        .filter(|item| **item == plain(key_of(item)));
    plain.map(|item| key_of(item).to_owned()).collect()
}
