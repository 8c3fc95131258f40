//! Which operations of clients have used a password.
//!
//! A router asks for each field of a mutation by itself, so the fields of one operation come as requests
//! of their own. With several processes each remembers what it was asked: an operation gets one password
//! hashed in each at most.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use atelier_kit::graphql::Operation;
use parking_lot::Mutex;

/// Longer than any operation lasts.
const KEPT: Duration = Duration::from_secs(120);
/// Operations remembered at a time; some 50 bytes each.
const MOST: usize = 20_000;

/// See the module.
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
            // So many at once hash nothing anyway: the queue is full.
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
