//! The operations of clients that have used a password.
//!
//! A router sends each field of a mutation as a request of its own, so the fields of one operation
//! arrive separately. If there are several processes, each remembers its own requests: an operation
//! can use at most one password in each.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use atelier_kit::graphql::Operation;
use parking_lot::Mutex;

/// How long an operation is remembered: longer than any operation lasts.
const KEPT: Duration = Duration::from_secs(120);
/// The most operations that are remembered, at about 50 bytes each.
const MOST: usize = 20_000;

/// The operations that have used a password; see the module.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Operation, Instant>>);

impl Claims {
    /// Whether this is the first password that the operation uses.
    pub fn claim(&self, operation: Operation) -> bool {
        let now = Instant::now();
        let mut claimed = self.0.lock();
        if claimed.len() >= MOST {
            claimed.retain(|_, at| now.duration_since(*at) < KEPT);
        }
        if claimed.len() >= MOST {
            // With so many at once, the queue is full and nothing is hashed anyway.
            claimed.clear();
        }
        claimed.insert(operation, now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_one_claim_and_memory_has_an_end() {
        let claims = Claims::default();
        let operation = Operation::default();
        assert!(claims.claim(operation));
        assert!(!claims.claim(operation));
        for _ in 0..2 * MOST {
            assert!(claims.claim(Operation::default()));
        }
        assert!(claims.0.lock().len() <= MOST);
    }
}
