//! Bytes of answers that wait for their clients to take them, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    most: usize,
    held: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Account {
            most,
            held: AtomicUsize::new(0),
        }))
    }

    /// Bytes that may still be used.
    pub(crate) fn free(&self) -> usize {
        self.0.most.saturating_sub(self.held())
    }

    /// Bytes that wait.
    pub(crate) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// True when nothing new should be begun.
    pub(crate) fn is_spent(&self) -> bool {
        self.free() == 0
    }

    /// Counts bytes that are there, whether they fit or not.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            budget: self.clone(),
            bytes,
        }
    }
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_they_are_gone_whether_they_fit_or_not() {
        let budget = Budget::new(10);
        let first = budget.charge(8);
        assert_eq!(budget.free(), 2);
        let second = budget.charge(5);
        assert!(budget.is_spent());
        drop(first);
        assert_eq!(budget.free(), 5);
        drop(second);
        assert_eq!(budget.free(), 10);
    }
}
