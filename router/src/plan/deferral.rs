//! What `@defer` means for a plan: which fetches the first answer needs, which
//! each deferred fragment needs, and where an error belongs.

use std::collections::HashMap;

use graphql_tools::static_graphql::query;

use super::asked::{Asked, SelectedId};
use super::places::{FetchSet, Guard, PlaceId, Places};
use super::tree::RawFetch;
use crate::error::PathSegment;
use crate::json::write::quoted;
use crate::operation::document::{root_type, selection_of};
use crate::operation::keys;
use crate::operation::{Kind, PreparedOperation};
use crate::schema::Schema;

/// The first answer, among the pieces of an answer.
pub(crate) const FIRST: usize = 0;

/// Everything the executor needs to deliver an answer in pieces.
#[derive(Debug)]
pub(crate) struct Deferral {
    /// Deferred fragments as written: the label of each as JSON.
    pub(crate) fragments: Vec<Option<Box<[u8]>>>,
    /// Pieces of the answer: the first answer, then each deferred fragment at
    /// each place (a path without list positions).
    pub(crate) pieces: Vec<Piece>,
    /// What each fetch waits for.
    pub(crate) inputs: Vec<FetchSet>,
    /// The client's selections, for finding who answers for an error.
    pub(crate) asked: Asked,
}

/// One piece of the answer.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    fragment: usize,
    path: Vec<String>,
    parents: Vec<usize>,
    /// Fetches that must be merged before the piece can be written.
    pub(crate) needs: FetchSet,
    /// Those of `needs` that no piece around it needs, and those it reads itself.
    pub(crate) own: FetchSet,
}

impl Deferral {
    /// Works out the pieces; `None` when nothing is deferred. Also gives the
    /// fragments by where they are written.
    pub(super) fn new<'a>(
        schema: &'a Schema,
        operation: &'a PreparedOperation,
        fetches: &[(RawFetch, Vec<usize>)],
    ) -> Option<(Self, Fragments)> {
        operation.deferral.as_ref()?;
        let definition = operation
            .document
            .definition(&operation.document.operations[operation.index])?;
        let root = root_type(schema, operation.kind)?;
        let places = Places::new(schema, fetches.iter().map(|(raw, _)| raw));
        let mut walk = Walk {
            schema,
            operation,
            places: &places,
            fragments: Fragments::default(),
            labels: Vec::new(),
            pieces: vec![Piece::default()],
            asked: Asked::new(),
            path: Vec::new(),
        };
        let here = Here {
            piece: FIRST,
            place: Some(0),
            guard: Guard::root(),
            parent: root,
            selected: 0,
        };
        walk.set(&here, selection_of(definition));
        if walk.labels.is_empty() {
            return None;
        }
        let Walk {
            fragments,
            labels,
            pieces,
            asked,
            ..
        } = walk;
        let mut deferral = Self {
            fragments: labels,
            pieces,
            inputs: inputs(&places, fetches),
            asked,
        };
        deferral.settle(operation.kind, fetches);
        Some((deferral, fragments))
    }

    /// From what each piece reads to what it needs.
    fn settle(&mut self, kind: Kind, fetches: &[(RawFetch, Vec<usize>)]) {
        if kind == Kind::Mutation {
            self.keep_order(fetches);
        }
        // A piece comes after the pieces it is in, so those are settled.
        for at in 0..self.pieces.len() {
            let reads = std::mem::take(&mut self.pieces[at].own);
            let mut needs = FetchSet::default();
            self.close(&reads, &mut needs);
            let mut around = FetchSet::default();
            for parent in self.pieces[at].parents.clone() {
                around.add(&self.pieces[parent].needs.clone());
            }
            let mut own = needs.clone();
            own.remove(&around);
            own.add(&reads);
            needs.add(&around);
            self.pieces[at].needs = needs;
            self.pieces[at].own = own;
        }
    }

    /// Root fields of a mutation run in series: each waits for the ones before
    /// it and for what the first answer reads of those.
    fn keep_order(&mut self, fetches: &[(RawFetch, Vec<usize>)]) {
        let is_mutation = |at: usize| fetches[at].0.kind == Kind::Mutation;
        let mut first = FetchSet::default();
        for at in 0..fetches.len() {
            if is_mutation(at) {
                for before in (0..at).filter(|before| is_mutation(*before)) {
                    self.inputs[at].insert(before);
                }
            }
        }
        let reads = self.pieces[FIRST].own.clone();
        self.close(&reads, &mut first);
        let before = ancestors(fetches);
        for at in (0..fetches.len()).filter(|at| is_mutation(*at)) {
            for other in before[at].iter().filter(|other| first.contains(*other)) {
                self.inputs[at].insert(other);
            }
        }
    }

    /// Adds `fetches` and all they wait for.
    fn close(&self, fetches: &FetchSet, into: &mut FetchSet) {
        for at in fetches.iter() {
            if !into.contains(at) {
                into.insert(at);
                self.close(&self.inputs[at], into);
            }
        }
    }

    /// The piece of a fragment that is written at the keys `path`.
    pub(super) fn piece_at(&self, fragment: usize, path: &[String]) -> Option<usize> {
        self.pieces
            .iter()
            .enumerate()
            .skip(1)
            .find(|(_, piece)| piece.fragment == fragment && piece.path == *path)
            .map(|(at, _)| at)
    }

    /// The set without the pieces that come after others of it; the fields they
    /// have in common come with those. Nothing is left of a set with the first
    /// answer.
    pub(super) fn earliest(&self, set: &[usize]) -> Vec<usize> {
        let mut earliest: Vec<usize> = set
            .iter()
            .copied()
            .filter(|piece| !set.contains(&FIRST) && !self.comes_after(*piece, set))
            .collect();
        earliest.sort_unstable();
        earliest.dedup();
        earliest
    }

    /// True when every way to the piece goes through one of `set`.
    fn comes_after(&self, piece: usize, set: &[usize]) -> bool {
        let parents = &self.pieces[piece].parents;
        !parents.is_empty()
            && parents
                .iter()
                .all(|parent| set.contains(parent) || self.comes_after(*parent, set))
    }

    /// The pieces that `piece` is in.
    pub(crate) fn parents(&self, piece: usize) -> &[usize] {
        &self.pieces[piece].parents
    }

    /// The place of a piece that has or had something at `path`, which is in it.
    pub(crate) fn place<'p>(&self, piece: usize, path: &'p [PathSegment]) -> &'p [PathSegment] {
        let keys = self.pieces[piece].path.len();
        let is_key = |(_, segment): &(usize, &PathSegment)| matches!(segment, PathSegment::Key(_));
        let next_key = path.iter().enumerate().filter(is_key).nth(keys);
        next_key.map_or(path, |(at, _)| &path[..at])
    }

    /// The piece of a fragment that was met at `path`.
    pub(crate) fn piece(&self, fragment: usize, path: &[PathSegment]) -> Option<usize> {
        let keys = || {
            path.iter().filter_map(|segment| match segment {
                PathSegment::Key(key) => Some(key),
                PathSegment::Index(_) => None,
            })
        };
        self.pieces
            .iter()
            .enumerate()
            .skip(1)
            .find(|(_, piece)| piece.fragment == fragment && piece.path.iter().eq(keys()))
            .map(|(at, _)| at)
    }

    /// The label of a piece as JSON.
    pub(crate) fn label(&self, piece: usize) -> Option<&[u8]> {
        self.fragments
            .get(self.pieces[piece].fragment)
            .and_then(Option::as_deref)
    }
}

/// Deferred fragments by the address of their selection.
#[derive(Debug, Default)]
pub(super) struct Fragments(HashMap<usize, usize>);

impl Fragments {
    fn address(selection: &query::Selection) -> usize {
        std::ptr::from_ref(selection) as usize
    }

    pub(super) fn get(&self, selection: &query::Selection) -> Option<usize> {
        self.0.get(&Self::address(selection)).copied()
    }
}

/// Where the walk over the client's selections is.
#[derive(Clone)]
struct Here<'a> {
    piece: usize,
    place: Option<PlaceId>,
    guard: Guard,
    parent: &'a str,
    selected: SelectedId,
}

struct Walk<'a> {
    schema: &'a Schema,
    operation: &'a PreparedOperation,
    places: &'a Places<'a>,
    fragments: Fragments,
    labels: Vec<Option<Box<[u8]>>>,
    /// `own` holds what a piece reads until all is walked.
    pieces: Vec<Piece>,
    asked: Asked,
    path: Vec<String>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, here: &Here<'a>, set: &'a query::SelectionSet) {
        for selection in &set.items {
            if !self.operation.conditions.keep(selection) {
                continue;
            }
            match selection {
                query::Selection::Field(field) => self.field(here, field),
                query::Selection::InlineFragment(fragment) => {
                    let on = match &fragment.type_condition {
                        Some(query::TypeCondition::On(on)) => on.as_str(),
                        None => here.parent,
                    };
                    self.fragment(here, selection, on, &fragment.selection_set);
                }
                query::Selection::FragmentSpread(spread) => {
                    let document = &self.operation.document;
                    if let Some(fragment) = document.fragment(&spread.fragment_name) {
                        let query::TypeCondition::On(on) = &fragment.type_condition;
                        self.fragment(here, selection, on, &fragment.selection_set);
                    }
                }
            }
        }
    }

    fn fragment(
        &mut self,
        here: &Here<'a>,
        selection: &'a query::Selection,
        on: &'a str,
        set: &'a query::SelectionSet,
    ) {
        let mut inner = here.clone();
        inner.parent = on;
        if on != here.parent {
            inner.guard = here.guard.narrowed(self.schema, &[on.to_owned()]);
        }
        if let Some(deferred) = self.operation.deferred(selection) {
            let next = self.labels.len();
            let address = Fragments::address(selection);
            let fragment = *self.fragments.0.entry(address).or_insert(next);
            if fragment == next {
                self.labels.push(deferred.label.map(|l| quoted(l).into()));
            }
            inner.piece = self.piece(fragment, here.piece);
        }
        self.set(&inner, set);
    }

    fn piece(&mut self, fragment: usize, parent: usize) -> usize {
        let same = |piece: &Piece| piece.fragment == fragment && piece.path == self.path;
        let known = self.pieces.iter().skip(1).position(same).map(|at| at + 1);
        let at = known.unwrap_or_else(|| {
            self.pieces.push(Piece {
                fragment,
                path: self.path.clone(),
                ..Piece::default()
            });
            self.pieces.len() - 1
        });
        // Met again inside of a later piece: only what encloses it in the
        // document's order can be waited for.
        if parent < at && !self.pieces[at].parents.contains(&parent) {
            self.pieces[at].parents.push(parent);
        }
        at
    }

    fn field(&mut self, here: &Here<'a>, field: &'a query::Field) {
        let key = field.alias.as_ref().unwrap_or(&field.name);
        let is_plain = *key == field.name && field.arguments.is_empty();
        let planned = keys::planned(self.schema, field);
        let below = self.asked.add(here.selected, key, is_plain, here.piece);
        if planned != key.as_str() {
            let known = (here.selected, below);
            self.asked
                .add_planned(known, &planned, is_plain, here.piece);
        }
        if field.name == "__typename" {
            self.typename(here);
        } else if let Some(place) = here.place {
            let reads = &mut self.pieces[here.piece].own;
            self.places.read(place, &planned, &here.guard, reads);
        }
        if field.selection_set.items.is_empty() || field.name.starts_with("__") {
            return;
        }
        let schema = self.schema;
        let def = schema.ty(here.parent).and_then(|ty| ty.field(&field.name));
        let Some(base) = def.and_then(|def| schema.ty(def.ty.base())) else {
            return;
        };
        let place = here
            .place
            .and_then(|place| self.places.child(place, &planned));
        let inner = Here {
            piece: here.piece,
            place,
            guard: here.guard.below(),
            parent: &base.name,
            selected: below,
        };
        self.typename(&inner);
        self.path.push(key.clone());
        self.set(&inner, &field.selection_set);
        self.path.pop();
    }

    /// Reads the type of an object of an interface or a union. A subgraph with
    /// `@interfaceObject` only knows the interface's name.
    fn typename(&mut self, here: &Here<'a>) {
        let ty = self.schema.ty(here.parent);
        let (Some(ty), Some(place)) = (ty.filter(|ty| ty.kind.is_abstract()), here.place) else {
            return;
        };
        let entities = &self.schema.entities;
        let members = ty.possible.iter().filter_map(|name| self.schema.ty(name));
        let is_vague = entities.is_interface_object(&ty.name)
            || members
                .flat_map(|member| &member.interfaces)
                .any(|interface| entities.is_interface_object(interface));
        let reads = &mut self.pieces[here.piece].own;
        if is_vague {
            self.places
                .read_all(place, "__typename", &here.guard, reads);
        } else {
            self.places.read(place, "__typename", &here.guard, reads);
        }
    }
}

/// What each fetch waits for: the fetches its data comes from, or where that
/// cannot be told all the planner puts before it.
fn inputs(places: &Places<'_>, fetches: &[(RawFetch, Vec<usize>)]) -> Vec<FetchSet> {
    let before = ancestors(fetches);
    let input = |(at, (raw, dependencies)): (usize, &(RawFetch, Vec<usize>))| {
        places.inputs(raw, &before[at]).unwrap_or_else(|| {
            let mut all = FetchSet::default();
            dependencies.iter().for_each(|at| all.insert(*at));
            all
        })
    };
    fetches.iter().enumerate().map(input).collect()
}

/// All fetches the planner puts before each.
fn ancestors(fetches: &[(RawFetch, Vec<usize>)]) -> Vec<FetchSet> {
    let mut all: Vec<FetchSet> = Vec::with_capacity(fetches.len());
    for (_, dependencies) in fetches {
        let mut before = FetchSet::default();
        for dependency in dependencies {
            before.insert(*dependency);
            before.add(&all[*dependency].clone());
        }
        all.push(before);
    }
    all
}
