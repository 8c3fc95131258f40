//! Whom the entries of a stream concern.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::StreamEntry;

/// Which entries a subscriber of a [`super::Hub`] is handed.
#[derive(Clone, Debug)]
pub enum Interest {
    /// All of them: each costs something for each such subscriber, so only for the few that need it.
    All,
    /// Those that concern one of these ids.
    Ids(Arc<[Arc<str>]>),
}

impl Interest {
    /// What concerns one of these ids.
    pub fn ids<I: ToString>(ids: impl IntoIterator<Item = I>) -> Self {
        let ids = ids.into_iter().map(|id| Arc::from(id.to_string()));
        let mut ids: Vec<Arc<str>> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        Self::Ids(ids.into())
    }

    /// What concerns one thing or person.
    pub fn of(id: impl ToString) -> Self {
        Self::ids([id])
    }

    pub(super) fn includes(&self, concerned: &Concerned<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => concerned
                .ids()
                .any(|id| ids.iter().any(|wanted| **wanted == *id)),
        }
    }
}

/// Where an entry says whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Routing {
    /// By its event id.
    EventId,
    /// In the envelope of the [`crate::event::Event`] that it holds.
    Event,
}

/// The ids that an entry concerns.
#[derive(Debug, Deserialize)]
pub(super) struct Concerned<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    concerns: Vec<Cow<'a, str>>,
}

impl<'a> Concerned<'a> {
    /// Reads no more than it must; `None` for an entry that cannot be read.
    pub(super) fn of(entry: &'a StreamEntry, routing: Routing) -> Option<Self> {
        match routing {
            Routing::EventId => Some(Self {
                key: Cow::Borrowed(&entry.event_id),
                concerns: Vec::new(),
            }),
            Routing::Event => serde_json::from_slice(&entry.payload).ok(),
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.key)
            .chain(&self.concerns)
            .map(AsRef::as_ref)
    }
}

impl StreamEntry {
    /// Makes ready to be handed to whom it concerns; `false` if it cannot be read.
    pub(super) fn parse(&mut self, routing: Routing) -> bool {
        if routing == Routing::Event {
            self.event = serde_json::from_slice(&self.payload).ok().map(Arc::new);
        }
        routing == Routing::EventId || self.event.is_some()
    }
}
