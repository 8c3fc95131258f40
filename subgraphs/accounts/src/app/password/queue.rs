//! The order in which passwords are hashed.
//!
//! Hashing is expensive by design, so only a few passwords are hashed at a time. Callers from one
//! network queue behind each other and not in front of others: the common queue holds at most as
//! many of them as can be served at once. Registrations, which anybody can send without limit, get
//! at most half of the turns, so that they never slow down sign-ins.

use std::{collections::HashMap, sync::Arc, time::Duration};

use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode},
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::network;

/// The most callers who wait or are being served, for each purpose; more are refused.
const MOST: usize = 128;
/// The most such callers from one network.
const MOST_OF_ONE: usize = 16;
/// The longest wait for a turn.
const WAIT: Duration = Duration::from_secs(10);

/// The line that a caller waits in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    purpose: Purpose,
    network: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Purpose {
    SignIn,
    Registration,
}

impl Line {
    /// Returns the line for verifying or changing a password.
    pub fn sign_in(actor: &Actor) -> Self {
        Self {
            purpose: Purpose::SignIn,
            network: network::of(actor),
        }
    }

    /// Returns the line for registrations.
    pub fn registration(actor: &Actor) -> Self {
        Self {
            purpose: Purpose::Registration,
            network: network::of(actor),
        }
    }
}

/// Hands out turns.
pub struct Turns {
    /// The turns: as many as callers are served at once.
    all: Arc<Semaphore>,
    /// The turns that registrations may take.
    registrations: Arc<Semaphore>,
    sign_in_places: Arc<Semaphore>,
    registration_places: Arc<Semaphore>,
    at_once: usize,
    /// The lines in which callers wait.
    lines: Arc<Mutex<HashMap<Line, Arc<Lane>>>>,
}

/// The places and turns of a line.
struct Lane {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A caller's turn, which ends when this is dropped.
#[expect(dead_code, reason = "held, not read")]
pub struct Turn {
    permits: Vec<OwnedSemaphorePermit>,
    place: Place,
}

#[expect(dead_code, reason = "held, not read")]
struct Place {
    permits: [OwnedSemaphorePermit; 2],
    entered: Entered,
}

/// Removes the line when its last caller leaves it.
struct Entered {
    line: Line,
    lane: Arc<Lane>,
    lines: Arc<Mutex<HashMap<Line, Arc<Lane>>>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        // The map's reference and this one: lanes are only shared under the lock.
        if Arc::strong_count(&self.lane) <= 2 {
            lines.remove(&self.line);
        }
    }
}

impl Turns {
    /// Creates turns for `at_once` callers at the same time.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            all: semaphore(at_once),
            registrations: semaphore((at_once / 2).max(1)),
            sign_in_places: semaphore(MOST),
            registration_places: semaphore(MOST),
            at_once,
            lines: Arc::default(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `RATE_LIMITED` if too many callers are waiting already, or after ten seconds.
    pub async fn take(&self, line: Line) -> Result<Turn, Error> {
        let busy = || Error::new(ErrorCode::RateLimited);
        let registration = line.purpose == Purpose::Registration;
        let place = self.enter(line).ok_or_else(busy)?;
        let wait = async {
            // From the narrowest to the widest: a caller who waits for one holds none of the wider
            // ones.
            let mut permits = vec![acquire(&place.entered.lane.turns).await?];
            if registration {
                permits.push(acquire(&self.registrations).await?);
            }
            permits.push(acquire(&self.all).await?);
            Ok::<_, Error>(permits)
        };
        let permits = tokio::time::timeout(WAIT, wait)
            .await
            .map_err(|_| busy())??;
        Ok(Turn { permits, place })
    }

    fn enter(&self, line: Line) -> Option<Place> {
        let places = match line.purpose {
            Purpose::SignIn => &self.sign_in_places,
            Purpose::Registration => &self.registration_places,
        };
        let one_of_all = Arc::clone(places).try_acquire_owned().ok()?;
        let lane = {
            let mut lines = self.lines.lock();
            let lane = lines.entry(line.clone()).or_insert_with(|| {
                Arc::new(Lane {
                    places: Arc::new(Semaphore::new(MOST_OF_ONE)),
                    turns: Arc::new(Semaphore::new(self.at_once)),
                })
            });
            Arc::clone(lane)
        };
        let entered = Entered {
            line,
            lane,
            lines: Arc::clone(&self.lines),
        };
        let one_of_line = Arc::clone(&entered.lane.places).try_acquire_owned().ok()?;
        Some(Place {
            permits: [one_of_all, one_of_line],
            entered,
        })
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(semaphore)
        .acquire_owned()
        .await
        .map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream::FuturesUnordered};

    use super::*;

    fn line(purpose: Purpose, network: &str) -> Line {
        Line {
            purpose,
            network: network.to_owned(),
        }
    }

    #[tokio::test]
    async fn registrations_of_any_number_of_networks_leave_turns_to_sign_ins() {
        let turns = Turns::new(4);
        let mut flood: FuturesUnordered<_> = (0..100)
            .map(|at| turns.take(line(Purpose::Registration, &at.to_string())))
            .collect();
        let mut held = Vec::new();
        while let Some(Some(turn)) = flood.next().now_or_never() {
            held.push(turn.unwrap());
        }
        assert_eq!(held.len(), 2);
        let sign_in = || turns.take(line(Purpose::SignIn, "0")).now_or_never();
        let (first, second) = (sign_in(), sign_in());
        assert!(matches!((first, second), (Some(Ok(_)), Some(Ok(_)))));
    }

    #[tokio::test]
    async fn one_network_is_served_before_the_crowd_of_another() {
        let turns = Turns::new(2);
        let crowd = || Box::pin(turns.take(line(Purpose::SignIn, "crowd")));
        let mut waiting: FuturesUnordered<_> = (0..MOST_OF_ONE).map(|_| crowd()).collect();
        let mut held = Vec::new();
        while let Some(Some(turn)) = waiting.next().now_or_never() {
            held.push(turn.unwrap());
        }
        assert_eq!(held.len(), 2);
        assert_eq!(
            crowd().now_or_never().unwrap().err().unwrap().code(),
            ErrorCode::RateLimited,
            "a line has an end"
        );
        let mut other = Box::pin(turns.take(line(Purpose::SignIn, "other")));
        assert!(other.as_mut().now_or_never().is_none());
        held.pop();
        assert!(waiting.next().now_or_never().is_none(), "not their turn");
        assert!(other.now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn lines_in_which_nobody_stands_are_forgotten() {
        let turns = Turns::new(2);
        let held: Vec<_> = futures::future::join_all(
            (0..2).map(|at| turns.take(line(Purpose::SignIn, &at.to_string()))),
        )
        .await;
        let given_up = turns.take(line(Purpose::SignIn, "2")).now_or_never();
        assert!(given_up.is_none());
        assert_eq!(turns.lines.lock().len(), 2);
        drop(held);
        assert!(turns.lines.lock().is_empty());
    }
}
