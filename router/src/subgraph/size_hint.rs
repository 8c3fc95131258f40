//! How large answers are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Never is more memory than this reserved ahead.
const MAX: usize = 1 << 18;

/// The size of the last answer to an operation. The next one is likely to be as large, and
/// a buffer that grows bit by bit is copied again and again.
#[derive(Debug, Default)]
pub(crate) struct SizeHint(AtomicUsize);

impl SizeHint {
    /// The size to reserve for the next answer.
    pub(crate) fn expected(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Remembers the size of an answer.
    pub(crate) fn observed(&self, size: usize) {
        let size = size.min(MAX);
        // Answers are mostly alike; not writing leaves the line in all cores' caches.
        if self.expected() != size {
            self.0.store(size, Ordering::Relaxed);
        }
    }
}
