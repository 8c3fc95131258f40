//! The clock of a domain's database, by which the domain decides what is due.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicI64, Ordering},
};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::{Clock, SystemClock};

/// The clock of a database, which can be read without a query.
///
/// Leases, schedules and expiries are written by one process and checked by another, so all
/// processes use the one clock that they share. Every connection asks the server for the time when
/// it is made, and again from time to time; in between, this process counts on from there. The
/// difference between the two clocks is thus known to within the duration of a query, whatever the
/// machine's own clock says.
///
/// Until the first connection has been made, it shows the machine's time.
#[derive(Clone)]
pub struct DatabaseClock(Arc<Inner>);

struct Inner {
    own: Arc<dyn Clock>,
    /// How far the database's clock is ahead of this process's, in microseconds; [`UNKNOWN`] at
    /// first.
    ahead: AtomicI64,
}

const UNKNOWN: i64 = i64::MIN;

impl DatabaseClock {
    /// Creates a clock that counts with `own` between measurements.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            own,
            ahead: AtomicI64::new(UNKNOWN),
        }))
    }

    /// Returns the time to pass to [`DatabaseClock::learn`].
    pub(super) fn own(&self) -> DateTime<Utc> {
        self.0.own.now()
    }

    /// Records that the database's clock showed `told` at some moment between `before` and `after`
    /// on this process's clock.
    ///
    /// The known difference is changed only as far as necessary: the most precise measurement
    /// counts, and slow answers do not make the time jump.
    pub(super) fn learn(&self, before: DateTime<Utc>, told: DateTime<Utc>, after: DateTime<Utc>) {
        let told = told.timestamp_micros();
        let least = told.saturating_sub(after.timestamp_micros());
        let most = told.saturating_sub(before.timestamp_micros()).max(least);
        let learn = |known: i64| {
            Some(match known {
                UNKNOWN => least + (most - least) / 2,
                known => known.clamp(least, most),
            })
        };
        let _ = self
            .0
            .ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, learn);
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        let own = self.own();
        match self.0.ahead.load(Ordering::Relaxed) {
            UNKNOWN => own,
            ahead => own
                .checked_add_signed(TimeDelta::microseconds(ahead))
                .unwrap_or(own),
        }
    }
}

/// Counts on from the machine's time at its first use, whatever happens to the machine's clock
/// later: a correction must not make leases expire.
pub(super) struct SteadyClock;

static START: LazyLock<(Instant, DateTime<Utc>)> =
    LazyLock::new(|| (Instant::now(), SystemClock.now()));

impl Clock for SteadyClock {
    fn now(&self) -> DateTime<Utc> {
        let (began, at) = *START;
        let passed = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        at.checked_add_signed(TimeDelta::microseconds(passed))
            .unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    #[test]
    fn it_goes_by_the_database_whatever_the_machine_says() {
        let own = ManualClock::at(at(1_000_000));
        let clock = DatabaseClock::new(Arc::new(own.clone()));
        assert_eq!(clock.now(), at(1_000_000), "nothing is known yet");
        clock.learn(at(1_000_000), at(960_005), at(1_000_010));
        assert_eq!(clock.now(), at(960_000));
        own.advance(TimeDelta::seconds(30));
        assert_eq!(clock.now(), at(990_000), "it goes on between two looks");
    }

    #[test]
    fn a_slow_answer_changes_nothing_and_a_quick_one_as_much_as_it_must() {
        let own = ManualClock::at(at(1_000_000));
        let clock = DatabaseClock::new(Arc::new(own));
        clock.learn(at(1_000_000), at(1_000_005), at(1_000_010));
        assert_eq!(clock.now(), at(1_000_000));
        clock.learn(at(1_000_000), at(1_001_900), at(1_002_000));
        assert_eq!(clock.now(), at(1_000_000), "within what the answer allows");
        clock.learn(at(1_000_000), at(1_000_700), at(1_000_100));
        assert_eq!(clock.now(), at(1_000_600), "the database's clock was set");
    }
}
