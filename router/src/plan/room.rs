//! How much room answers need.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Never more room than this is made in advance.
const MAX: usize = 1 << 18;

/// The room that the last answer took: the next one of the same operation likely
/// needs as much, and what grows bit by bit is copied again and again.
#[derive(Debug, Default)]
pub(crate) struct Room(AtomicUsize);

impl Room {
    /// Room to make for the next answer.
    pub(crate) fn wanted(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Remembers the room that an answer took.
    pub(crate) fn took(&self, room: usize) {
        let room = room.min(MAX);
        // Answers are mostly alike; not writing leaves the line in all cores' caches.
        if self.wanted() != room {
            self.0.store(room, Ordering::Relaxed);
        }
    }
}
