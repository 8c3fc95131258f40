//! Facts: what happens in a domain, for other domains and for subscribers.
//!
//! A mutation emits a [`Fact`] in its own transaction ([`Tx::emit`]), which writes it to the
//! domain's outbox. How it gets from there to other domains and to subscribers is the affair of
//! [`delivery`](crate::delivery).
//!
//! [`Tx::emit`]: crate::transaction::Tx::emit

mod fact;

pub use fact::{Concern, Fact, Told};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A published fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for all time; consumers use it to skip repetitions.
    pub id: Uuid,
    /// The domain that emitted it.
    pub domain: String,
    /// The topic, such as `asset.created`.
    pub topic: String,
    /// The wire id of the entity that the event is about; subscribers select by it.
    pub key: String,
    /// The wire ids of all others whom the event concerns, such as the owner; subscribers select by
    /// them as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerns: Vec<String>,
    /// The details.
    pub payload: serde_json::Value,
    /// W3C trace context of the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

impl Event {
    /// Reads the details as a type.
    ///
    /// # Errors
    /// If the payload has another shape.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.payload)
    }
}

/// Returns the Redis stream (without prefix) of a domain's events.
pub fn stream_of(domain: &str) -> String {
    format!("events:{domain}")
}
