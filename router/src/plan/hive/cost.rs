//! What plans cost, for choosing between them.

use crate::plan::tree::{RawFetch, Segment, Selection, Tree};

/// Requests one after the other until the value at `path` is there.
pub(super) fn rounds_until(tree: &Tree, path: &[String]) -> Option<usize> {
    match tree {
        Tree::Fetch(fetch) => asks(fetch, path).then_some(1),
        Tree::Parallel(all) => all.iter().filter_map(|tree| rounds_until(tree, path)).max(),
        Tree::Sequence(all) => {
            let mut before = 0;
            let mut last = None;
            for tree in all {
                last = rounds_until(tree, path).map(|own| before + own).or(last);
                before += rounds(tree);
            }
            last
        }
    }
}

/// Requests one after the other.
pub(super) fn rounds(tree: &Tree) -> usize {
    match tree {
        Tree::Fetch(_) => 1,
        Tree::Sequence(all) => all.iter().map(rounds).sum(),
        Tree::Parallel(all) => all.iter().map(rounds).max().unwrap_or(0),
    }
}

/// All requests.
pub(super) fn fetches(tree: &Tree) -> usize {
    match tree {
        Tree::Fetch(_) => 1,
        Tree::Sequence(all) | Tree::Parallel(all) => all.iter().map(fetches).sum(),
    }
}

fn asks(fetch: &RawFetch, path: &[String]) -> bool {
    if fetch.branches.is_empty() {
        return selects(&fetch.selection, path);
    }
    fetch.branches.iter().any(|branch| {
        branch.paths.iter().any(|start| {
            let mut keys = start.iter().filter_map(|segment| match segment {
                Segment::Field(key) => Some(key),
                Segment::Types(_) | Segment::List => None,
            });
            let mut rest = path;
            let is_prefix = keys.all(|key| match rest.split_first() {
                Some((first, others)) if first == key => {
                    rest = others;
                    true
                }
                _ => false,
            });
            is_prefix && !rest.is_empty() && selects(&branch.selection, rest)
        })
    })
}

fn selects(selection: &[Selection], path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    selection.iter().any(|item| match item {
        Selection::Fragment { children, .. } => selects(children, path),
        Selection::Field { key, children, .. } => key == first && selects(children, rest),
    })
}
