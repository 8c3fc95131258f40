//! Event streams on Redis Streams: append, follow, consume.
//!
//! * [`StreamWriter`] appends facts, oldest first, and bounds the stream's length.
//! * [`Hub`] follows streams for subscriptions: one blocking reader per process, any number of
//!   in-process subscribers, each of which is handed what concerns it ([`Interest`]) and can resume
//!   after the cursor it saw last.
//! * [`consume`] works through a stream as a member of a consumer group: at least once, with
//!   retries, and poison entries parked in `<stream>:dead`.
//!
//! Delivery is at least once throughout: an append that was sent again after a lost connection
//! shows up twice with the same [`StreamEntry::event_id`]. Stream names given here are without
//! the key prefix; the Redis keys are [`crate::redis::Redis::key`] of them.

mod audience;
mod consumer;
mod cursor;
mod hub;
mod interest;
mod queue;
mod reader;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use ::redis::{FromRedisValue, Value};

use crate::event::Event;

pub use consumer::{ConsumerConfig, HandlerError, consume, consume_together};
pub use cursor::{InvalidCursor, StreamCursor};
pub use hub::{Hub, HubSubscription};
pub use interest::Interest;
pub use writer::StreamWriter;

/// Field that holds [`StreamEntry::event_id`].
const FIELD_EVENT_ID: &str = "id";
/// Field that holds [`StreamEntry::payload`].
const FIELD_PAYLOAD: &str = "data";

/// One entry of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEntry {
    /// Its place in the stream: pass it as `after` to continue behind it.
    pub cursor: StreamCursor,
    /// The writer's id of the fact, by which consumers recognise a repetition.
    pub event_id: Arc<str>,
    /// The bytes as they were appended; shared between all subscribers.
    pub payload: Arc<[u8]>,
    /// What the payload says, parsed once for all subscribers: of [`Hub::subscribe_to_events`].
    pub event: Option<Arc<Event>>,
}

/// What a [`HubSubscription`] yields.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem {
    /// The next entry.
    Entry(StreamEntry),
    /// The subscriber fell behind, or the server lost part of the stream: entries are missing
    /// here. It is the last item; the client must read its state anew.
    Lagged,
    /// The cursor to resume after is no longer in the stream, so nothing can be said about what
    /// came between. It is the only item; the client must read its state anew.
    TooOld,
}

impl StreamEntry {
    /// Reads an entry as Redis sends it; `None` for one that was not written by [`StreamWriter`].
    fn from_fields(id: &str, fields: &HashMap<String, Value>) -> Option<Self> {
        let bytes = |name: &str| {
            let value = fields.get(name)?;
            Vec::<u8>::from_redis_value_ref(value).ok()
        };
        Some(Self {
            cursor: id.parse().ok()?,
            event_id: String::from_utf8(bytes(FIELD_EVENT_ID)?).ok()?.into(),
            payload: bytes(FIELD_PAYLOAD)?.into(),
            event: None,
        })
    }
}
