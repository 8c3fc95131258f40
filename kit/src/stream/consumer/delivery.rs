//! One entry of a group: tries, backoff, keeping the claim, acknowledging, parking.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use rand::Rng;
use redis::streams::StreamId;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::redis::{Redis, RedisError};

use super::super::{FIELD_EVENT_ID, FIELD_PAYLOAD, StreamEntry};
use super::{ConsumerConfig, HandlerError, Together};

/// About how many parked entries are kept for inspection.
const DEAD_MAX_LEN: usize = 10_000;
/// Longest error text kept with a parked entry, in characters.
const ERROR_MAX_CHARS: usize = 500;

/// What became of an entry.
pub(super) enum Outcome {
    Done,
    Parked,
    /// Cancelled between two tries; the entry stays pending.
    Interrupted,
}

pub(super) struct Delivery<'a, H> {
    redis: &'a Redis,
    config: &'a ConsumerConfig,
    key: &'a str,
    together: Option<Together<'a>>,
    handler: &'a H,
    cancel: &'a CancellationToken,
}

impl<'a, H, F> Delivery<'a, H>
where
    H: Fn(StreamEntry) -> F + Send + Sync,
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    pub(super) fn new(
        redis: &'a Redis,
        config: &'a ConsumerConfig,
        key: &'a str,
        together: Option<Together<'a>>,
        handler: &'a H,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self {
            redis,
            config,
            key,
            together,
            handler,
            cancel,
        }
    }

    /// Finishes all of `entries` at once; `false` if that cannot be or failed, and nothing was done.
    pub(super) async fn handle_together(&self, entries: &[StreamId]) -> Result<bool, RedisError> {
        let Some(together) = self.together.filter(|_| entries.len() > 1) else {
            return Ok(false);
        };
        let read: Option<Vec<StreamEntry>> = entries
            .iter()
            .map(|raw| StreamEntry::from_fields(&raw.id, &raw.map))
            .collect();
        let Some(read) = read else {
            return Ok(false);
        };
        match self.run(|| together(read), entries).await {
            Ok(()) => {
                self.acknowledge(entries).await?;
                Ok(true)
            }
            Err(HandlerError::Reject(error) | HandlerError::Retry(error)) => {
                tracing::warn!(
                    error = %chain(error.as_ref()),
                    stream = %self.config.stream,
                    group = %self.config.group,
                    entries = entries.len(),
                    "events could not be handled together and go one by one"
                );
                Ok(false)
            }
        }
    }

    /// Finishes the first of `entries`; the others are those waiting behind it, whose claim is
    /// kept alive meanwhile.
    pub(super) async fn handle(
        &self,
        entries: &[StreamId],
        earlier_tries: u32,
    ) -> Result<Outcome, RedisError> {
        let Some(raw) = entries.first() else {
            return Ok(Outcome::Done);
        };
        // Trimmed away while pending: there is nothing to handle any more.
        if raw.map.is_empty() {
            self.acknowledge(&entries[..1]).await?;
            return Ok(Outcome::Done);
        }
        let Some(entry) = StreamEntry::from_fields(&raw.id, &raw.map) else {
            self.park(raw, "not an event", earlier_tries).await?;
            return Ok(Outcome::Parked);
        };
        let mut tries = earlier_tries;
        let mut last_error = "tried too often without an answer".to_owned();
        while tries < self.config.max_tries {
            tries += 1;
            let attempt = entry.clone();
            match self.run(|| (self.handler)(attempt), entries).await {
                Ok(()) => {
                    self.acknowledge(&entries[..1]).await?;
                    return Ok(Outcome::Done);
                }
                Err(HandlerError::Reject(error)) => {
                    last_error = chain(error.as_ref());
                    break;
                }
                Err(HandlerError::Retry(error)) => last_error = chain(error.as_ref()),
            }
            tracing::warn!(
                error = %last_error,
                stream = %self.config.stream,
                group = %self.config.group,
                event.id = %entry.event_id,
                event.tries = tries,
                "event handler failed"
            );
            if tries < self.config.max_tries && !self.wait(tries, entries).await {
                return Ok(Outcome::Interrupted);
            }
        }
        self.park(raw, &last_error, tries).await?;
        Ok(Outcome::Parked)
    }

    /// One call of a handler, with a bounded time, while the claim on `entries` is kept.
    async fn run<R>(
        &self,
        call: impl FnOnce() -> R,
        entries: &[StreamId],
    ) -> Result<(), HandlerError>
    where
        R: Future<Output = Result<(), HandlerError>>,
    {
        // The call itself may panic too, not only the future it returns.
        let run = async { call().await };
        let guarded = AssertUnwindSafe(run).catch_unwind();
        let bounded = timeout(self.config.handler_timeout, guarded);
        match self.keeping_claim(entries, bounded).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(HandlerError::retry(format!(
                "handler panicked: {}",
                panic_text(panic.as_ref())
            ))),
            Err(_) => Err(HandlerError::retry("handler ran out of time")),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "only keeps members from trying at the same moment"
    )]
    /// Waits before the next try; `false` when cancelled.
    async fn wait(&self, tries: u32, entries: &[StreamId]) -> bool {
        let doubled = self
            .config
            .backoff
            .saturating_mul(1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX));
        let jitter = rand::rng().random_range(0.5..1.0);
        let pause = doubled.min(self.config.backoff_max).mul_f64(jitter);
        let waited = self.keeping_claim(entries, tokio::time::sleep(pause));
        self.cancel.run_until_cancelled(waited).await.is_some()
    }

    /// Runs `work`, meanwhile telling Redis that this member is still at these entries.
    async fn keeping_claim<T>(&self, entries: &[StreamId], work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let every = (self.config.claim_after / 3).max(Duration::from_millis(10));
        let mut beat = interval(every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beat.tick() => {}
            }
            let mut command = redis::cmd("XCLAIM");
            command
                .arg(self.key)
                .arg(&self.config.group)
                .arg(&self.config.consumer)
                .arg(0);
            for entry in entries {
                command.arg(&entry.id);
            }
            command.arg("JUSTID");
            let refreshed = self.redis.query_once::<redis::Value>(&command);
            tokio::select! {
                done = &mut work => return done,
                result = refreshed => if let Err(error) = result {
                    tracing::debug!(error = %error, "could not refresh the claim on entries");
                },
            }
        }
    }

    async fn acknowledge(&self, entries: &[StreamId]) -> Result<(), RedisError> {
        let mut command = redis::cmd("XACK");
        command.arg(self.key).arg(&self.config.group);
        for entry in entries {
            command.arg(&entry.id);
        }
        self.redis.query(&command).await
    }

    /// Moves an entry to `<stream>:dead` with the reason, and acknowledges it, in one step.
    async fn park(&self, raw: &StreamId, error: &str, tries: u32) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("XADD").arg(format!("{}:dead", self.key));
        pipeline.arg("MAXLEN").arg("~").arg(DEAD_MAX_LEN).arg("*");
        for field in [FIELD_EVENT_ID, FIELD_PAYLOAD] {
            let value: Option<Vec<u8>> = raw.get(field);
            pipeline.arg(field).arg(value.unwrap_or_default());
        }
        let error: String = error.chars().take(ERROR_MAX_CHARS).collect();
        pipeline.arg("error").arg(&error);
        pipeline.arg("tries").arg(tries);
        pipeline.arg("group").arg(&self.config.group);
        pipeline.arg("cursor").arg(&raw.id);
        pipeline
            .cmd("XACK")
            .arg(self.key)
            .arg(&self.config.group)
            .arg(&raw.id);
        self.redis.pipeline::<redis::Value>(&pipeline).await?;
        tracing::error!(
            error = %error,
            stream = %self.config.stream,
            group = %self.config.group,
            event.cursor = %raw.id,
            event.tries = tries,
            "event parked as undeliverable"
        );
        Ok(())
    }
}

/// The error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
