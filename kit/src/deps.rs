//! The dependencies of a domain.

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

/// The dependencies of a domain; cheap to clone.
#[derive(Clone)]
pub struct Deps {
    /// The domain's name, which is also its PostgreSQL schema.
    pub domain: &'static str,
    /// The domain's database.
    pub db: Database,
    /// Redis, shared by all domains.
    pub redis: Redis,
    /// The hub that follows event streams for subscriptions.
    pub hub: Hub,
    /// The internal operations of other domains.
    pub peers: Arc<dyn Peers>,
    /// The clock: that of the database, which all processes share ([`Database::clock`]).
    pub clock: Arc<dyn Clock>,
    /// The source of unpredictable bytes.
    pub random: Arc<dyn Random>,
    /// The sealer of cursors.
    pub cursors: CursorSealer,
}

impl Deps {
    /// Generates an id of type `E`.
    pub fn new_id<E: Entity>(&self) -> Id<E> {
        Id::generate(&*self.clock, &*self.random)
    }

    /// Generates a UUIDv7.
    pub fn new_uuid(&self) -> Uuid {
        self.new_id::<crate::id::Task>().uuid()
    }

    /// Returns `N` unpredictable bytes.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}
