//! The dependencies of a domain.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::{
    actor::Actor,
    clock::{Clock, Random},
    command::{Command, Peers},
    cursor::CursorSealer,
    db::Database,
    error::{Error, ErrorCode},
    id::{Entity, Id},
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

    /// Calls a command on behalf of this domain; the inner error is the other domain's refusal.
    /// Never call it inside a transaction: the other domain may be in another process.
    ///
    /// # Errors
    /// `UNAVAILABLE` or `REQUEST_TIMEOUT` if the other domain does not answer, or not as agreed.
    pub async fn command<C: Command>(
        &self,
        command: &C,
    ) -> Result<Result<C::Answer, C::Refusal>, Error> {
        let unexpected = |cause: serde_json::Error| {
            Error::caused(ErrorCode::Unavailable, format!("{}: {cause}", C::FIELD))
        };
        let variables = serde_json::json!({ "input": command });
        let actor = Actor::service(self.domain);
        let mut answer = self
            .peers
            .call(C::DOMAIN, actor, C::OPERATION, variables)
            .await?;
        let mut payload = answer[C::FIELD].take();
        match payload.pointer_mut("/userErrors/0/code").map(Value::take) {
            None => serde_json::from_value(payload).map(Ok).map_err(unexpected),
            Some(code) => serde_json::from_value(code).map(Err).map_err(unexpected),
        }
    }
}
