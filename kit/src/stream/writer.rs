//! Appending to streams.

use crate::redis::{Redis, RedisError};

use super::{FIELD_EVENT_ID, FIELD_PAYLOAD, InvalidCursor, StreamCursor};

/// Entries sent in one round trip; longer lists are sent in several.
const BATCH: usize = 500;

/// Appends entries to streams.
#[derive(Clone, Debug)]
pub struct StreamWriter {
    redis: Redis,
}

impl StreamWriter {
    /// A writer on this server.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Appends `(event id, payload)` pairs in the given order and answers their cursors.
    ///
    /// The stream is trimmed to about `max_len` entries (never below). Followers can only resume
    /// within what is kept, so choose it for the longest absence worth resuming from.
    ///
    /// # Errors
    /// A connection or server error. Some of the entries may have been appended; appending the
    /// whole list again is right, because readers recognise repetitions by event id.
    pub async fn append<I, P>(
        &self,
        stream: &str,
        entries: &[(I, P)],
        max_len: usize,
    ) -> Result<Vec<StreamCursor>, RedisError>
    where
        I: AsRef<str>,
        P: AsRef<[u8]>,
    {
        let key = self.redis.key(stream);
        let mut cursors = Vec::with_capacity(entries.len());
        for batch in entries.chunks(BATCH) {
            let mut pipeline = ::redis::pipe();
            for (event_id, payload) in batch {
                pipeline
                    .cmd("XADD")
                    .arg(&key)
                    .arg("MAXLEN")
                    .arg("~")
                    .arg(max_len)
                    .arg("*")
                    .arg(FIELD_EVENT_ID)
                    .arg(event_id.as_ref())
                    .arg(FIELD_PAYLOAD)
                    .arg(payload.as_ref());
            }
            let ids: Vec<String> = self.redis.pipeline(&pipeline).await?;
            for id in ids {
                cursors.push(id.parse().map_err(|_: InvalidCursor| unexpected_id())?);
            }
        }
        metrics::counter!(crate::telemetry::catalog::STREAM_ENTRIES_APPENDED, "stream" => stream.to_owned())
            .increment(cursors.len() as u64);
        Ok(cursors)
    }
}

pub(super) fn unexpected_id() -> RedisError {
    RedisError::from((
        ::redis::ErrorKind::UnexpectedReturnType,
        "the server answered with something that is not a stream id",
    ))
}
