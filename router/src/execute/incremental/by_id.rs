//! Pieces that are announced, told by id and completed (`incrementalSpec=v0.2`).
//! Each field comes once: what several fragments ask for comes with the first of
//! them that is ready.

use std::collections::HashMap;

use bytes::Bytes;

use super::Pieces;
use crate::error::{GraphqlError, PathSegment};
use crate::execute::payload::{Payload, PieceAt};
use crate::execute::project::{Found, project_deferred};
use crate::plan::{Deferral, FIRST, OperationPlan};

/// A deferred fragment of an object.
struct Fragment {
    piece: usize,
    path: Vec<PathSegment>,
    state: State,
    /// What it has, in `Ledger::groups`.
    groups: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It comes after a fragment that is not complete.
    Held,
    /// Announced under this id.
    Open(usize),
    Complete,
    Failed,
}

/// Fields of an object that come with the fragments that ask for them.
struct Group {
    /// In `Ledger::fragments`.
    fragments: Vec<usize>,
    found: Found,
    is_delivered: bool,
}

/// A group that was written and may still be taken back.
struct Written {
    group: usize,
    data: Vec<u8>,
    errors: Vec<GraphqlError>,
}

/// What of an answer is still to come.
#[derive(Default)]
pub(super) struct Ledger {
    fragments: Vec<Fragment>,
    /// Fragments by piece and place.
    known: HashMap<(usize, Vec<PathSegment>), usize>,
    groups: Vec<Group>,
    /// Fragments that are held, and that are open.
    held: Vec<usize>,
    open: Vec<usize>,
    ids: usize,
}

impl Ledger {
    /// Takes note of what the first answer has left to come.
    pub(super) fn begin(
        &mut self,
        deferral: &Deferral,
        plan: &OperationPlan,
        found: Vec<Found>,
        payload: &mut Payload<'_>,
    ) {
        self.add(deferral, plan, found);
        self.release(deferral, payload);
    }

    pub(super) fn are_left(&self) -> bool {
        !self.open.is_empty()
    }

    fn add(&mut self, deferral: &Deferral, plan: &OperationPlan, found: Vec<Found>) {
        for found in found {
            let at = self.groups.len();
            let pieces = &plan.projection.groups[found.of];
            let fragments: Vec<usize> = pieces
                .iter()
                .map(|piece| self.fragment(*piece, deferral.place(*piece, &found.path)))
                .collect();
            for fragment in &fragments {
                self.fragments[*fragment].groups.push(at);
            }
            self.groups.push(Group {
                fragments,
                found,
                is_delivered: false,
            });
        }
    }

    fn fragment(&mut self, piece: usize, path: &[PathSegment]) -> usize {
        let next = self.fragments.len();
        let at = *self.known.entry((piece, path.to_vec())).or_insert(next);
        if at == next {
            self.held.push(at);
            self.fragments.push(Fragment {
                piece,
                path: path.to_vec(),
                state: State::Held,
                groups: Vec::new(),
            });
        }
        at
    }

    /// Announces fragments whose turn it is.
    fn release(&mut self, deferral: &Deferral, payload: &mut Payload<'_>) {
        loop {
            let held = std::mem::take(&mut self.held);
            let before = held.len();
            for at in held {
                let Fragment {
                    piece, path, state, ..
                } = &self.fragments[at];
                if *state != State::Held {
                    continue;
                }
                let state = match self.turn(deferral, *piece, path) {
                    None => {
                        self.held.push(at);
                        continue;
                    }
                    Some(false) => State::Failed,
                    // All it has came with others.
                    Some(true) if self.undelivered(at).next().is_none() => State::Complete,
                    Some(true) => {
                        let label = deferral.label(*piece);
                        payload.announce(self.ids, PieceAt { label, path });
                        self.open.push(at);
                        self.ids += 1;
                        State::Open(self.ids - 1)
                    }
                };
                self.fragments[at].state = state;
            }
            if self.held.len() == before {
                return;
            }
        }
    }

    /// Whether it is a fragment's turn: when one of those it is in is complete.
    /// `Some(false)` when none of them will be.
    fn turn(&self, deferral: &Deferral, piece: usize, path: &[PathSegment]) -> Option<bool> {
        let mut turn = Some(false);
        for parent in deferral.parents(piece) {
            if *parent == FIRST {
                return Some(true);
            }
            let place = deferral.place(*parent, path);
            let known = self.known.get(&(*parent, place.to_vec()));
            let now = match known.map(|at| self.fragments[*at].state) {
                Some(State::Complete) => Some(true),
                Some(State::Failed) => Some(false),
                Some(State::Held | State::Open(_)) => None,
                // It has nothing of its own.
                None => self.turn(deferral, *parent, place),
            };
            match now {
                Some(true) => return now,
                None => turn = None,
                Some(false) => {}
            }
        }
        turn
    }

    fn undelivered(&self, fragment: usize) -> impl Iterator<Item = usize> {
        let groups = self.fragments[fragment].groups.iter().copied();
        groups.filter(|group| !self.groups[*group].is_delivered)
    }

    /// Forgets groups from `count` on.
    fn take_back(&mut self, count: usize) {
        for group in self.groups.drain(count..) {
            for fragment in group.fragments {
                self.fragments[fragment].groups.retain(|at| *at < count);
            }
        }
    }

    /// Writes what was written of the fragment at `at`, and completes it.
    fn deliver(&mut self, at: usize, written: &[Written], payload: &mut Payload<'_>) {
        for Written {
            group,
            data,
            errors,
        } in written
        {
            let group = &mut self.groups[*group];
            group.is_delivered = true;
            // The longest path leaves the least to say; of equals it is this one.
            let open = group.fragments.iter().filter_map(|fragment| {
                let State::Open(id) = self.fragments[*fragment].state else {
                    return None;
                };
                let path = &self.fragments[*fragment].path;
                Some(((path.len(), *fragment == at), id))
            });
            if let Some(((length, _), id)) = open.max() {
                payload.data(id, &group.found.path[length..], data, errors);
            }
        }
        self.end(at, State::Complete, &[], payload);
    }

    fn end(&mut self, at: usize, state: State, errors: &[GraphqlError], payload: &mut Payload<'_>) {
        if let State::Open(id) = self.fragments[at].state {
            payload.complete(id, errors);
            self.open.retain(|open| *open != at);
        }
        self.fragments[at].state = state;
    }

    /// The last message when time is up.
    pub(super) fn give_up(&mut self, error: &GraphqlError, payload: &mut Payload<'_>) {
        for at in self.open.clone() {
            let error = error.clone().at(self.fragments[at].path.clone());
            self.end(at, State::Failed, &[error], payload);
        }
    }
}

impl Pieces<'_> {
    /// The next message, when any fragment is ready.
    pub(super) fn ready_by_id(&mut self) -> Option<Bytes> {
        let mut ledger = self.ledger.take()?;
        let mut payload = Payload::new(&self.work.context.request_id);
        let mut any = false;
        loop {
            let is_ready = |at: &usize| {
                self.is_ready(ledger.fragments[*at].piece)
                    || ledger.undelivered(*at).next().is_none()
            };
            let ready: Vec<usize> = ledger.open.iter().copied().filter(is_ready).collect();
            if ready.is_empty() {
                break;
            }
            any = true;
            for at in ready {
                // One before it may have taken it along when it failed.
                if matches!(ledger.fragments[at].state, State::Open(_)) {
                    self.deliver_by_id(&mut ledger, at, &mut payload);
                }
            }
            ledger.release(self.deferral, &mut payload);
        }
        let message = any.then(|| payload.next(ledger.are_left()));
        self.ledger = Some(ledger);
        message
    }

    fn deliver_by_id(&self, ledger: &mut Ledger, at: usize, payload: &mut Payload<'_>) {
        let fragment = &ledger.fragments[at];
        let known = self.errors_of(fragment.piece, &fragment.path);
        let count = ledger.groups.len();
        let mut queue: Vec<usize> = ledger.undelivered(at).collect();
        let mut written: Vec<Written> = Vec::new();
        let mut next = 0;
        while let Some(group) = queue.get(next).copied() {
            next += 1;
            let mut errors = known.clone();
            let mut data = Vec::with_capacity(256);
            let found = &ledger.groups[group].found;
            let inner = project_deferred(&self.source(), found, &mut errors, &mut data);
            if data == b"null" {
                // None of the fragments that ask for it can be complete.
                let fragments = ledger.groups[group].fragments.clone();
                ledger.take_back(count);
                for fragment in fragments {
                    ledger.end(fragment, State::Failed, &errors, payload);
                }
                return;
            }
            errors.drain(..known.len());
            written.push(Written {
                group,
                data,
                errors,
            });
            let first = ledger.groups.len();
            ledger.add(self.deferral, &self.work.plan, inner);
            let mine = |new: &usize| ledger.groups[*new].fragments.contains(&at);
            queue.extend((first..ledger.groups.len()).filter(mine));
        }
        self.share_out(ledger, at, known, &mut written);
        ledger.deliver(at, &written, payload);
    }

    /// Gives each error to the group that has its field.
    fn share_out(
        &self,
        ledger: &Ledger,
        at: usize,
        errors: Vec<GraphqlError>,
        written: &mut [Written],
    ) {
        let piece = ledger.fragments[at].piece;
        for error in errors {
            let path = error.path.as_deref().unwrap_or_default();
            let depth = |written: &Written| {
                let found = &ledger.groups[written.group].found;
                let list = &self.work.plan.projection.lists[found.list];
                let has = |key: &str| list.fields.iter().any(|field| field.key == key);
                match path.strip_prefix(found.path.as_slice()) {
                    Some([PathSegment::Key(key), ..]) if has(key) => Some(found.path.len() + 1),
                    _ => None,
                }
            };
            let inner = (0..written.len()).max_by_key(|nth| depth(&written[*nth]));
            let inner = inner.filter(|nth| depth(&written[*nth]).is_some());
            let around = |written: &Written| {
                let found = &ledger.groups[written.group].found;
                !path.is_empty() && found.path.starts_with(path)
            };
            let is_told_elsewhere = self
                .deferral
                .asked
                .pieces(path)
                .iter()
                .any(|other| *other != piece);
            let chosen = inner
                .or_else(|| written.iter().position(around))
                .or_else(|| (!is_told_elsewhere).then_some(0));
            if let Some(written) = chosen.and_then(|nth| written.get_mut(nth)) {
                written.errors.push(error);
            }
        }
    }
}
