//! Translates the paths of errors in `_entities` answers to paths in the client's answer.

use std::collections::HashMap;

use super::entities::{self, Batch};
use super::store::{Slot, Store};
use crate::error::PathSegment;
use crate::plan::{Branch, ObjectShape};

/// The paths of one answer. Those of entities are computed on first use.
pub(super) struct ErrorPaths<'a> {
    branches: &'a [Branch],
    batches: &'a [Batch],
    roots: &'a [Slot],
    paths: HashMap<usize, Vec<Vec<PathSegment>>>,
    /// The number of errors without an index so far, by path.
    met: HashMap<String, usize>,
}

impl<'a> ErrorPaths<'a> {
    pub(super) fn new(branches: &'a [Branch], batches: &'a [Batch], roots: &'a [Slot]) -> Self {
        Self {
            branches,
            batches,
            roots,
            paths: HashMap::new(),
            met: HashMap::new(),
        }
    }

    /// The client's paths for a subgraph's path; empty when they are unknown.
    pub(super) fn places(&mut self, store: &Store, path: &[PathSegment]) -> Vec<Vec<PathSegment>> {
        let [PathSegment::Key(alias), rest @ ..] = path else {
            return Vec::new();
        };
        let branch = self
            .branches
            .iter()
            .position(|b| *b.alias == *alias.as_bytes());
        let Some((at, batch)) = branch.and_then(|at| Some((at, self.batches.get(at)?))) else {
            return Vec::new();
        };
        let (representation, rest) = match rest {
            [PathSegment::Index(index), rest @ ..] => (Some(*index), rest),
            // Some servers (async-graphql) leave the index out.
            rest => (self.guess(store, at, rest), rest),
        };
        let branch = &self.branches[at];
        let paths = self
            .paths
            .entry(at)
            .or_insert_with(|| entities::paths(store, branch));
        batch
            .targets
            .iter()
            .filter(|found| Some(found.representation) == representation)
            .filter_map(|found| paths.get(found.ordinal))
            .map(|place| place.iter().chain(rest).cloned().collect())
            .collect()
    }

    /// The entity that has a null at the error's path. If there are several, the next one
    /// without an error.
    fn guess(&mut self, store: &Store, branch: usize, rest: &[PathSegment]) -> Option<usize> {
        let shape = &self.branches[branch].shape;
        let items = match self.roots.get(branch)? {
            Slot::List { start, len } => store.items(*start, *len),
            _ => return None,
        };
        let null = |item: &Slot| is_null_at(store, *item, shape, rest);
        let candidates: Vec<usize> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| null(item))
            .map(|(at, _)| at)
            .collect();
        let key = format!("{branch}{rest:?}");
        let met = self.met.entry(key).or_default();
        let chosen = candidates.get(*met).or(candidates.last()).copied();
        *met += 1;
        chosen
    }
}

fn is_null_at(store: &Store, item: Slot, shape: &ObjectShape, path: &[PathSegment]) -> bool {
    match (item, path.split_first()) {
        (Slot::Missing | Slot::Null, _) => true,
        (Slot::Object(object), Some((PathSegment::Key(key), rest))) => {
            let field = shape
                .fields
                .iter()
                .find(|field| *field.key == *key.as_bytes());
            field.is_some_and(|field| {
                let value = store.get(object, field.slot);
                match (&field.object, rest.is_empty()) {
                    (Some(nested), false) => is_null_at(store, value, nested, rest),
                    _ => matches!(value, Slot::Null | Slot::Missing),
                }
            })
        }
        (Slot::List { start, len }, Some((PathSegment::Index(at), rest))) => {
            let item = store.items(start, len).get(*at).copied();
            item.is_some_and(|item| is_null_at(store, item, shape, rest))
        }
        _ => false,
    }
}
