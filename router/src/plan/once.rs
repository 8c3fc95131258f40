//! Answers in pieces in which each field comes once (incremental delivery RFC):
//! fields that several deferred fragments ask for are a group of their own, and
//! what is asked for outside of them is left to that.

use super::deferral::Deferral;
use super::projection::Collected;

/// Which fields come with which pieces, and where the builder is.
pub(super) struct Once<'a> {
    deferral: &'a Deferral,
    /// Sets of pieces; the first one is that of the first answer, which is empty.
    pub(super) groups: Vec<Vec<usize>>,
    /// The group whose fields are built.
    current: usize,
    /// Keys from the root.
    pub(super) path: Vec<String>,
}

impl<'a> Once<'a> {
    pub(super) fn new(deferral: &'a Deferral) -> Self {
        Self {
            deferral,
            groups: vec![Vec::new()],
            current: 0,
            path: Vec::new(),
        }
    }

    pub(super) fn here(&self) -> (usize, Vec<String>) {
        (self.current, self.path.clone())
    }

    /// Goes on with the fields of another group; gives the one before.
    pub(super) fn enter(&mut self, group: usize) -> usize {
        std::mem::replace(&mut self.current, group)
    }

    /// The piece of a fragment that is written here.
    pub(super) fn piece(&self, fragment: usize) -> Option<usize> {
        self.deferral.piece_at(fragment, &self.path)
    }

    /// The fields that come with the current group, and those of other groups.
    pub(super) fn divided<'s>(
        &mut self,
        fields: Vec<Collected<'s>>,
    ) -> (Vec<Collected<'s>>, Vec<(usize, Vec<Collected<'s>>)>) {
        let mut now = Vec::with_capacity(fields.len());
        let mut later: Vec<(usize, Vec<Collected<'s>>)> = Vec::new();
        for field in fields {
            let pieces: Vec<usize> = field.fields.iter().map(|(_, s, _)| s.piece).collect();
            let group = self.group(self.deferral.earliest(&pieces));
            if group == self.current {
                now.push(field);
                continue;
            }
            match later.iter_mut().find(|(known, _)| *known == group) {
                Some((_, fields)) => fields.push(field),
                None => later.push((group, vec![field])),
            }
        }
        (now, later)
    }

    fn group(&mut self, pieces: Vec<usize>) -> usize {
        let known = self.groups.iter().position(|group| *group == pieces);
        known.unwrap_or_else(|| {
            self.groups.push(pieces);
            self.groups.len() - 1
        })
    }
}
