//! Single flight: one load per key and process, shared by everybody who asks meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// `None` until landed; then the value, which may be "there is none".
type Landing<V> = Option<Option<V>>;
type InTheAir<V> = Mutex<HashMap<String, watch::Receiver<Landing<V>>>>;

pub(super) struct Flights<V> {
    in_the_air: Arc<InTheAir<V>>,
}

impl<V> Default for Flights<V> {
    fn default() -> Self {
        Self {
            in_the_air: Arc::default(),
        }
    }
}

pub(super) enum Role<V> {
    /// Load, then call [`Leader::land`].
    Leader(Leader<V>),
    /// Somebody is loading.
    Follower(Follower<V>),
}

impl<V: Clone> Flights<V> {
    pub(super) fn board(&self, key: &str) -> Role<V> {
        let mut flights = self.in_the_air.lock();
        if let Some(flight) = flights.get(key) {
            return Role::Follower(Follower(flight.clone()));
        }
        let (landing, flight) = watch::channel(None);
        flights.insert(key.to_owned(), flight);
        Role::Leader(Leader {
            in_the_air: self.in_the_air.clone(),
            key: key.to_owned(),
            landing,
        })
    }

    /// Later callers load anew instead of sharing an answer that may be outdated.
    pub(super) fn forget(&self, key: &str) {
        self.in_the_air.lock().remove(key);
    }
}

pub(super) struct Leader<V> {
    in_the_air: Arc<InTheAir<V>>,
    key: String,
    landing: watch::Sender<Landing<V>>,
}

impl<V> Leader<V> {
    /// Shares the answer with all followers.
    pub(super) fn land(self, value: Option<V>) {
        self.landing.send_replace(Some(value));
    }
}

impl<V> Drop for Leader<V> {
    fn drop(&mut self) {
        let mut flights = self.in_the_air.lock();
        // After `forget` the entry may be another leader's.
        if flights
            .get(&self.key)
            .is_some_and(|flight| flight.same_channel(&self.landing.subscribe()))
        {
            flights.remove(&self.key);
        }
    }
}

pub(super) struct Follower<V>(watch::Receiver<Landing<V>>);

impl<V: Clone> Follower<V> {
    /// The leader's answer; `None` when it gave up without one.
    pub(super) async fn landed(mut self) -> Option<Option<V>> {
        // An error means the leader is gone; it may still have left an answer.
        let _ = self.0.wait_for(Option::is_some).await;
        self.0.borrow().clone()
    }
}
