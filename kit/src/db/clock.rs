//! The time by which a domain judges what is due: its database's.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicI64, Ordering},
};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::{Clock, SystemClock};

/// The clock of a database, told without asking it each time.
///
/// Leases, schedules and expiries are written by one process and judged by another, so all of them go
/// by the one clock that they share. Every connection asks the server for the time when it is made and
/// now and then later; in between this process counts on. How far the two are apart is thus known up
/// to the time that an answer takes to come, whatever the machine's own clock says.
///
/// Until a first connection was made it is the machine's time.
#[derive(Clone)]
pub struct DatabaseClock(Arc<Inner>);

struct Inner {
    own: Arc<dyn Clock>,
    /// How far the database is ahead of the own clock, in microseconds; [`UNKNOWN`] at first.
    ahead: AtomicI64,
}

const UNKNOWN: i64 = i64::MIN;

impl DatabaseClock {
    /// A clock that counts with `own` from one measurement to the next.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            own,
            ahead: AtomicI64::new(UNKNOWN),
        }))
    }

    /// The time to hand to [`DatabaseClock::learn`].
    pub(super) fn own(&self) -> DateTime<Utc> {
        self.0.own.now()
    }

    /// Takes up that the database's clock stood at `told` at some moment between `before` and `after`
    /// of the own one.
    ///
    /// What is known already is moved only as far as it has to be: the narrowest answer counts, and
    /// slow ones do not make the time jump.
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

/// Counts on from the machine's time at its first use, whatever is done to the machine's clock since:
/// a correction must not make leases run out.
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
