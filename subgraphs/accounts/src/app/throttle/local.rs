//! Counting attempts in this process while Redis is unavailable: by the same rules, in bounded
//! memory.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Counter;

/// The most counters, at about 100 bytes each.
const MOST: usize = 20_000;

/// The counters of this process.
#[derive(Default)]
pub struct Local(Mutex<HashMap<String, State>>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    count: u32,
    /// Attempts are refused until then. Times are in milliseconds since 1970.
    until: i64,
    /// The counter is forgotten from then on.
    forget_at: i64,
}

impl Local {
    /// Returns the milliseconds left to wait, or counts the attempt and returns 0; and the count.
    pub(super) fn attempt(&self, counter: &Counter, now: i64, longest: i64) -> (i64, u32) {
        let mut counters = self.0.lock();
        if counters.len() >= MOST && !counters.contains_key(&counter.key) {
            make_room(&mut counters, now);
        }
        let state = counters.entry(counter.key.clone()).or_default();
        if state.forget_at <= now {
            *state = State::default();
        }
        if state.until > now {
            return (state.until - now, state.count);
        }
        state.count += 1;
        let over = state.count.saturating_sub(counter.free);
        let wait = if over == 0 {
            0
        } else {
            longest.min(1000 << (over - 1).min(30))
        };
        state.until = now + wait;
        state.forget_at = now + counter.forget.num_milliseconds();
        (0, state.count)
    }

    pub(super) fn clear(&self, counter: &Counter) {
        self.0.lock().remove(&counter.key);
    }

    pub(super) fn forgive(&self, counter: &Counter) {
        if let Some(state) = self.0.lock().get_mut(&counter.key) {
            state.count = state.count.saturating_sub(1);
            state.until = 0;
        }
    }
}

/// Removes the counters that are forgotten and, if that is not enough, the tenth with the fewest
/// attempts: a flood of made-up names and addresses displaces only itself.
fn make_room(counters: &mut HashMap<String, State>, now: i64) {
    counters.retain(|_, state| state.forget_at > now);
    let surplus = (counters.len() + MOST / 10).saturating_sub(MOST);
    if surplus == 0 {
        return;
    }
    let mut by_count: Vec<_> = counters
        .iter()
        .map(|(key, state)| (state.count, state.forget_at, key.clone()))
        .collect();
    by_count.sort_unstable();
    for (_, _, key) in by_count.into_iter().take(surplus) {
        counters.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_neither_fills_memory_nor_frees_who_was_slowed_down() {
        let local = Local::default();
        let guessed = Counter::new("guesses", "alice", 5);
        for _ in 0..6 {
            assert_eq!(local.attempt(&guessed, 0, 900_000).0, 0);
        }
        for at in 0..2 * MOST {
            local.attempt(&Counter::new("guesses", &at.to_string(), 5), 0, 900_000);
        }
        assert!(local.0.lock().len() <= MOST);
        assert_eq!(local.attempt(&guessed, 0, 900_000), (1000, 6));
        assert_eq!(local.attempt(&guessed, 1000, 900_000), (0, 7));
        assert_eq!(local.attempt(&guessed, 1000, 900_000), (2000, 7));
    }
}
