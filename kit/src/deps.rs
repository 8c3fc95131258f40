//! What every domain is given to work with.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    clock::{Clock, Random},
    db::Database,
    id::{Entity, Id},
    page::CursorSealer,
    peers::Peers,
    redis::Redis,
    stream::Hub,
};

/// A domain's surroundings; cheap to clone.
#[derive(Clone)]
pub struct Deps {
    /// The domain's name, which is also its PostgreSQL schema.
    pub domain: &'static str,
    /// The domain's database.
    pub db: Database,
    /// Redis, shared by all domains.
    pub redis: Redis,
    /// Follows event streams for subscriptions.
    pub hub: Hub,
    /// The other domains' internal operations.
    pub peers: Arc<dyn Peers>,
    /// Tells the time: the database's, by which all processes go ([`Database::clock`]).
    pub clock: Arc<dyn Clock>,
    /// Gives unpredictable bytes.
    pub random: Arc<dyn Random>,
    /// Seals list positions into cursors.
    pub cursors: CursorSealer,
}

impl Deps {
    /// A new id of type `E`.
    pub fn new_id<E: Entity>(&self) -> Id<E> {
        Id::generate(&*self.clock, &*self.random)
    }

    /// A new UUIDv7.
    pub fn new_uuid(&self) -> Uuid {
        self.new_id::<crate::id::Task>().uuid()
    }

    /// `N` unpredictable bytes.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}
