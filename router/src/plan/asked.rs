//! What a client asked for at each path of response keys, and in which pieces of
//! the answer.

use std::collections::HashMap;

use crate::error::PathSegment;

/// Position of a selection; the root's is 0.
pub(super) type SelectedId = usize;

/// The client's selections as a tree of response keys.
#[derive(Debug)]
pub(crate) struct Asked {
    selected: Vec<HashMap<String, Under>>,
}

#[derive(Debug)]
struct Under {
    /// Only the field of this name is here, without arguments.
    is_plain: bool,
    pieces: Vec<usize>,
    below: SelectedId,
}

impl Asked {
    pub(super) fn new() -> Self {
        Self {
            selected: vec![HashMap::new()],
        }
    }

    /// Notes that `piece` has a field under `key` at `at`; gives the selection
    /// under it. `is_plain`: it has this name, and no arguments.
    pub(super) fn add(
        &mut self,
        at: SelectedId,
        key: &str,
        is_plain: bool,
        piece: usize,
    ) -> SelectedId {
        let next = self.selected.len();
        let below = self.note(at, key, is_plain, piece, next);
        if below == next {
            self.selected.push(HashMap::new());
        }
        below
    }

    /// Notes the key that a field has in plans, where it is not the client's:
    /// `below` is what [`Self::add`] gave for that one.
    pub(super) fn add_planned(
        &mut self,
        (at, below): (SelectedId, SelectedId),
        key: &str,
        is_plain: bool,
        piece: usize,
    ) {
        self.note(at, key, is_plain, piece, below);
    }

    /// Notes a field; gives the selection under it, `below` if it is the first there.
    fn note(
        &mut self,
        at: SelectedId,
        key: &str,
        is_plain: bool,
        piece: usize,
        below: SelectedId,
    ) -> SelectedId {
        let under = self.selected[at]
            .entry(key.to_owned())
            .or_insert_with(|| Under {
                is_plain: true,
                pieces: Vec::new(),
                below,
            });
        under.is_plain &= is_plain;
        if !under.pieces.contains(&piece) {
            under.pieces.push(piece);
        }
        under.below
    }

    /// The pieces that have exactly the keys `path`.
    pub(super) fn at(&self, path: &[String]) -> &[usize] {
        self.under(path).map_or(&[], |under| &under.pieces)
    }

    /// True when the client has nothing under the keys `path` but what their last
    /// one names.
    pub(super) fn is_plain(&self, path: &[String]) -> bool {
        self.under(path).is_none_or(|under| under.is_plain)
    }

    /// True when the client has nothing under the keys `path`.
    pub(super) fn is_free(&self, path: &[String]) -> bool {
        self.under(path).is_none()
    }

    fn under(&self, path: &[String]) -> Option<&Under> {
        let (last, parents) = path.split_last()?;
        let mut at = 0;
        for key in parents {
            at = self.selected[at].get(key)?.below;
        }
        self.selected[at].get(last)
    }

    /// The pieces in which the client asked for `path`; empty when it did not
    /// ask for exactly this.
    pub(crate) fn pieces(&self, path: &[PathSegment]) -> &[usize] {
        let mut found: &[usize] = &[];
        let mut at = 0;
        for segment in path {
            let PathSegment::Key(key) = segment else {
                continue;
            };
            match self.selected[at].get(key) {
                Some(under) => {
                    found = &under.pieces;
                    at = under.below;
                }
                // Inside of a scalar, or a field only the router asked for.
                None if self.selected[at].is_empty() => break,
                None => return &[],
            }
        }
        found
    }
}
