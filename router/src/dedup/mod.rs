//! Identical queries that are under way at the same time run once.
//!
//! The first one does the work on its own task; nothing is spawned. Those that
//! come while it runs wait for its answer, and one of them takes the work over
//! when the first one is given up (its client is gone). Keys are compared in
//! full: equal hashes alone share nothing.
//!
//! Nobody gets an answer older than a change of their own: each mutation that
//! ends opens a new [`Epoch`], and queries only join flights of their epoch.

mod subgraph;

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub(crate) use subgraph::{Deduplicated, same_request};

/// Tables, so that requests on several cores do not wait for one lock.
const SHARDS: usize = 32;

/// Counts the mutations that have ended in this router.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Something may change while the guard lives; what is asked after its end
    /// does not join what was asked before.
    pub(crate) fn mutation(&self) -> Mutation {
        Mutation(self.clone())
    }
}

/// See [`Epoch::mutation`].
pub(crate) struct Mutation(Epoch);

impl Drop for Mutation {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Work under way, by key.
pub(crate) struct Flights<K, V> {
    shards: Vec<Shard<K, V>>,
    hasher: DefaultHashBuilder,
}

type Shard<K, V> = Mutex<HashTable<Arc<Flight<K, V>>>>;

struct Flight<K, V> {
    hash: u64,
    key: K,
    answer: OnceCell<V>,
    /// Out of its table: nobody may join any more.
    landed: AtomicBool,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<K, V: Clone> Flights<K, V> {
    pub(crate) fn hash(&self, of: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// Gives the answer of the flight for which `same` holds, or starts one with
    /// `key` that does `work`.
    pub(crate) async fn join<W: Future<Output = V>>(
        &self,
        hash: u64,
        same: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
        work: impl FnOnce() -> W,
    ) -> V {
        let place = Place {
            flights: self,
            flight: self.enter(hash, same, key),
        };
        let flight = &place.flight;
        let landing = || async {
            let answer = work().await;
            self.land(flight);
            answer
        };
        flight.answer.get_or_init(landing).await.clone()
    }

    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // The table itself uses the lower bits and the highest seven.
        &self.shards[(hash >> 40) as usize % SHARDS]
    }

    fn enter(
        &self,
        hash: u64,
        same: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
    ) -> Arc<Flight<K, V>> {
        let mut table = self.shard(hash).lock();
        let known = table.find(hash, |flight| flight.hash == hash && same(&flight.key));
        if let Some(flight) = known {
            return Arc::clone(flight);
        }
        let flight = Arc::new(Flight {
            hash,
            key: key(),
            answer: OnceCell::new(),
            landed: AtomicBool::new(false),
        });
        table.insert_unique(hash, Arc::clone(&flight), |flight| flight.hash);
        flight
    }

    fn land(&self, flight: &Arc<Flight<K, V>>) {
        self.remove(flight, |_| true);
    }

    fn remove(&self, flight: &Arc<Flight<K, V>>, only_if: impl FnOnce(&Arc<Flight<K, V>>) -> bool) {
        let mut table = self.shard(flight.hash).lock();
        if let Ok(entry) = table.find_entry(flight.hash, |known| Arc::ptr_eq(known, flight))
            && only_if(entry.get())
        {
            flight.landed.store(true, Ordering::Release);
            entry.remove();
        }
    }
}

/// A request in a flight. The last one to leave before the end takes the flight
/// out of its table.
struct Place<'a, K, V: Clone> {
    flights: &'a Flights<K, V>,
    flight: Arc<Flight<K, V>>,
}

impl<K, V: Clone> Drop for Place<'_, K, V> {
    fn drop(&mut self) {
        if !self.flight.landed.load(Ordering::Acquire) {
            // The table's own and this one; nobody can get another under the lock.
            self.flights
                .remove(&self.flight, |flight| Arc::strong_count(flight) == 2);
        }
    }
}

/// True when subgraphs get the same headers of the client.
pub(crate) fn same_headers(a: &HeaderMap, b: &HeaderMap) -> bool {
    a.is_empty() && b.is_empty() || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_hashes_of_different_keys_share_nothing() {
        let flights: Flights<&str, &str> = Flights::default();
        let one = flights.join(
            7,
            |key| *key == "a",
            || "a",
            || async {
                // Runs while the other one is under way.
                flights
                    .join(7, |key| *key == "b", || "b", || async { "answer b" })
                    .await
            },
        );
        assert_eq!(one.await, "answer b");
        assert!(flights.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    #[tokio::test]
    async fn a_waiter_takes_over_when_the_first_is_given_up() {
        let flights: Arc<Flights<u8, u32>> = Arc::default();
        let (started, is_started) = tokio::sync::oneshot::channel();
        let leader = tokio::spawn({
            let flights = Arc::clone(&flights);
            async move {
                let work = || async {
                    let _ = started.send(());
                    std::future::pending().await
                };
                flights.join(1, |_| true, || 1, work).await
            }
        });
        is_started.await.unwrap();
        let waiter = tokio::spawn({
            let flights = Arc::clone(&flights);
            async move { flights.join(1, |_| true, || 1, || async { 5 }).await }
        });
        while Arc::strong_count(&flights.shards[0].lock().iter().next().unwrap().clone()) < 4 {
            tokio::task::yield_now().await;
        }
        leader.abort();
        assert_eq!(waiter.await.unwrap(), 5);
        assert!(flights.shards.iter().all(|shard| shard.lock().is_empty()));
    }

    #[tokio::test]
    async fn a_flight_that_all_have_left_is_forgotten() {
        let flights: Flights<u8, u32> = Flights::default();
        let mut joined = Box::pin(flights.join(1, |_| true, || 1, std::future::pending));
        assert!(futures::poll!(&mut joined).is_pending());
        drop(joined);
        assert!(flights.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
