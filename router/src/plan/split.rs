//! Splitting fetches that give both what a client wants first and what it wants
//! later: the planner makes one request per subgraph, whose slowest field would
//! hold up the first answer. Fields only deferred fragments ask for are moved to
//! a request of their own, by the entity's key or from the root.

use std::collections::HashSet;

use super::deferral::{Deferral, FIRST};
use super::moved::{Moved, Place, extended, plain};
use super::tree::{RawBranch, RawFetch, Segment, Selection};
use crate::operation::{Kind, PreparedOperation};
use crate::supergraph::Schema;
use crate::supergraph::schema;

/// Plans with more fetches are left as they are.
const MAX_FETCHES: usize = 64;

/// Splits what can be split. Order is kept: a new fetch stands behind the one it
/// was part of, and before all that waited for that.
pub(super) fn split(
    schema: &Schema,
    operation: &PreparedOperation,
    fetches: &mut Vec<(RawFetch, Vec<usize>)>,
) {
    let mut at = 0;
    while at < fetches.len() && fetches.len() < MAX_FETCHES {
        let Some((deferral, _)) = Deferral::new(schema, operation, fetches) else {
            return;
        };
        let made = one(schema, &deferral, fetches, at);
        insert(fetches, at, made);
        at += 1;
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
    deferral: &Deferral,
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
        deferral,
        service: raw.service.clone(),
        kind: raw.kind,
        base: FIRST,
        inputs: inputs(fetches),
        moved: Vec::new(),
    };
    let mut left = raw.clone();
    if !deferral.pieces[FIRST].needs.contains(at) {
        let mut pieces = Vec::new();
        for (selection, place) in splitter.starts(&left) {
            splitter.pieces(&selection, &place, &mut pieces);
        }
        splitter.base = pieces.into_iter().min().unwrap_or(FIRST);
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
        if selection.is_empty() {
            selection.push(plain("__typename"));
        }
        left.branches[nth].selection = selection;
    }
    let moved = std::mem::take(&mut splitter.moved);
    if moved.is_empty() {
        return Vec::new();
    }
    let made = moved.into_iter().map(|moved| moved.fetch(&left)).collect();
    left.write();
    fetches[at].0 = left;
    made
}

/// Fields that representations are made of, by path: they stay where they are.
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

struct Splitter<'a> {
    schema: &'a Schema,
    deferral: &'a Deferral,
    service: String,
    kind: Kind,
    /// The piece whose fields stay.
    base: usize,
    inputs: HashSet<Vec<String>>,
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
            branch: None,
            path: Vec::new(),
            keys: vec![Vec::new()],
            ty: root,
        }
    }

    fn branch(&self, branch: &RawBranch, nth: usize) -> Place {
        Place {
            branch: Some(nth),
            path: Vec::new(),
            keys: branch.paths.iter().map(|path| keys(path)).collect(),
            ty: None,
        }
    }

    fn starts(&self, raw: &RawFetch) -> Vec<(Vec<Selection>, Place)> {
        if raw.branches.is_empty() {
            return vec![(raw.selection.clone(), self.root())];
        }
        let branches = raw.branches.iter().enumerate();
        branches
            .map(|(nth, branch)| (branch.selection.clone(), self.branch(branch, nth)))
            .collect()
    }

    /// All pieces that ask for something in `selection`.
    fn pieces(&self, selection: &[Selection], place: &Place, into: &mut Vec<usize>) {
        for item in selection {
            match item {
                Selection::Fragment { children, .. } => self.pieces(children, place, into),
                Selection::Field { key, children, .. } => {
                    into.extend(self.askers(place, key));
                    let below = Place {
                        keys: extended(&place.keys, key),
                        ..place.clone()
                    };
                    self.pieces(children, &below, into);
                }
            }
        }
    }

    fn askers(&self, place: &Place, key: &str) -> Vec<usize> {
        let mut askers: Vec<usize> = extended(&place.keys, key)
            .iter()
            .flat_map(|path| self.deferral.asked.at(path).iter().copied())
            .collect();
        askers.sort_unstable();
        askers.dedup();
        askers
    }

    /// Takes what can come later out of `selection`.
    fn take(&mut self, place: &Place, selection: &mut Vec<Selection>) {
        let mut kept = Vec::with_capacity(selection.len());
        let mut jump = None;
        for mut item in std::mem::take(selection) {
            match &mut item {
                Selection::Fragment { on, children } => {
                    let mut inner = place.clone();
                    if inner.ty.as_ref() != Some(on) {
                        inner.path.push(Segment::Types(vec![on.clone()]));
                        inner.ty = Some(on.clone());
                    }
                    self.take(&inner, children);
                    if children.is_empty() {
                        continue;
                    }
                }
                Selection::Field {
                    name,
                    key,
                    children,
                    ..
                } => {
                    let askers = self.askers(place, key);
                    if askers.contains(&self.base) {
                        if let Some(below) = self.below(place, name, key, children) {
                            self.take(&below, children);
                        }
                    } else if !askers.is_empty()
                        && let Some(key) = self.way(place, &item)
                    {
                        jump = key.clone().or(jump);
                        self.put(place, askers, key, item);
                        continue;
                    }
                }
            }
            kept.push(item);
        }
        if let Some(key) = jump {
            for name in std::iter::once("__typename").chain(key.iter().map(String::as_str)) {
                let has =
                    |item: &Selection| matches!(item, Selection::Field { key, .. } if key == name);
                if !kept.iter().any(has) {
                    kept.push(plain(name));
                }
            }
        }
        *selection = kept;
    }

    fn put(
        &mut self,
        place: &Place,
        pieces: Vec<usize>,
        key: Option<Vec<String>>,
        item: Selection,
    ) {
        let same = |moved: &&mut Moved| {
            moved.pieces == pieces
                && moved.place.branch == place.branch
                && moved.place.path == place.path
                && moved.place.keys == place.keys
        };
        match self.moved.iter_mut().find(same) {
            Some(moved) => moved.selection.push(item),
            None => self.moved.push(Moved {
                place: place.clone(),
                pieces,
                key,
                selection: vec![item],
            }),
        }
    }

    /// The object under a field.
    fn below(&self, place: &Place, name: &str, key: &str, children: &[Selection]) -> Option<Place> {
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
        below.keys = extended(&place.keys, key);
        below.ty = Some(def.ty.base().to_owned());
        Some(below)
    }

    /// How the field can be asked for apart: `Some(None)` where the fetch
    /// starts, `Some(Some(key))` by a key of the object, `None` not at all.
    fn way(&self, place: &Place, item: &Selection) -> Option<Option<Vec<String>>> {
        let Selection::Field { name, key, .. } = item else {
            return None;
        };
        let ty = place.ty.as_deref()?;
        let is_input = |path: &Vec<String>| self.inputs.contains(path);
        if name.starts_with("__") || extended(&place.keys, key).iter().any(is_input) {
            return None;
        }
        let is_start = place.path.iter().all(|s| matches!(s, Segment::Types(_)));
        if is_start && (place.branch.is_some() || self.kind == Kind::Query) {
            return Some(None);
        }
        let is_object = self.schema.ty(ty)?.kind == schema::Kind::Object;
        if is_start || !is_object || !self.resolves(ty, item) {
            return None;
        }
        let clear = |name: &String| {
            extended(&place.keys, name)
                .iter()
                .all(|path| !self.deferral.asked.is_alias(path))
        };
        let keys = self.schema.entities.keys(ty, &self.service);
        let key = keys.iter().find(|key| key.iter().all(clear))?;
        // Whoever has the key has this field.
        (!key.contains(name)).then(|| Some(key.clone()))
    }

    /// True when the subgraph resolves the field and all in it on every path,
    /// not only where some `@provides` says so.
    fn resolves(&self, ty: &str, item: &Selection) -> bool {
        match item {
            Selection::Fragment { on, children } => {
                children.iter().all(|child| self.resolves(on, child))
            }
            Selection::Field { name, .. } if name == "__typename" => true,
            Selection::Field { name, children, .. } => {
                let entities = &self.schema.entities;
                let def = self.schema.ty(ty).and_then(|ty| ty.field(name));
                def.is_some_and(|def| {
                    !entities.is_external(ty, name, &self.service)
                        && children
                            .iter()
                            .all(|child| self.resolves(def.ty.base(), child))
                })
            }
        }
    }
}
