//! Working through a stream as a member of a consumer group.

mod delivery;

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::streams::{
    StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamPendingCountReply,
    StreamReadReply,
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::redis::{Redis, RedisError};
use crate::telemetry::catalog;

use super::StreamEntry;
use delivery::{Delivery, Outcome};

/// Beyond the block time, after which the connection is taken for dead.
const GRACE: Duration = Duration::from_secs(3);

/// How a member of a consumer group behaves. [`ConsumerConfig::new`] has good defaults.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Stream to read, without the key prefix.
    pub stream: String,
    /// Group whose members share the entries: one name per purpose, such as `notify`.
    pub group: String,
    /// This member. Keep it stable across restarts of the same process slot, so that it finds
    /// its unfinished entries at once instead of after [`ConsumerConfig::claim_after`].
    pub consumer: String,
    /// Entries fetched at a time.
    pub batch: usize,
    /// Tries per entry (over all members and restarts) before it is parked in `<stream>:dead`.
    pub max_tries: u32,
    /// Wait after the first failed try; doubles with each further one, with jitter.
    pub backoff: Duration,
    /// Longest wait between two tries.
    pub backoff_max: Duration,
    /// Longest run of the handler for one entry; longer counts as a failed try.
    pub handler_timeout: Duration,
    /// Silence after which another member takes over this one's unfinished entries.
    pub claim_after: Duration,
    /// Silence after which a member that has nothing left to finish is taken off the group's list.
    pub forget_after: Duration,
    /// How long one read waits for new entries.
    pub block: Duration,
}

impl ConsumerConfig {
    /// Member `consumer` of `group` on `stream`, with defaults for the rest.
    pub fn new(
        stream: impl Into<String>,
        group: impl Into<String>,
        consumer: impl Into<String>,
    ) -> Self {
        Self {
            stream: stream.into(),
            group: group.into(),
            consumer: consumer.into(),
            batch: 64,
            max_tries: 8,
            backoff: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(60),
            claim_after: Duration::from_secs(30),
            forget_after: Duration::from_secs(3600),
            block: Duration::from_secs(2),
        }
    }
}

/// Why a handler did not finish an entry. Any [`std::error::Error`] converts to a retry.
#[derive(Debug)]
pub enum HandlerError {
    /// Try again later.
    Retry(Box<dyn std::error::Error + Send + Sync>),
    /// This entry can never be handled: park it now.
    Reject(Box<dyn std::error::Error + Send + Sync>),
}

impl HandlerError {
    /// Try again later.
    pub fn retry(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Retry(cause.into())
    }

    /// Park the entry now.
    pub fn reject(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Reject(cause.into())
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::Retry(Box::new(error))
    }
}

/// Hands every entry of the stream to `handler`, one at a time and in order, until cancelled.
///
/// The group starts at the beginning of the stream, so facts older than the group are seen too.
/// An entry is acknowledged after the handler returned `Ok`; a crash in between delivers it again,
/// so handlers must be idempotent by [`StreamEntry::event_id`]. A failing (or panicking) entry is
/// retried in place, holding back its successors so that order is kept, and parked in
/// `<stream>:dead` after [`ConsumerConfig::max_tries`]. Entries of members that died are taken
/// over. Lost connections and lost streams are waited out; this returns only on cancellation,
/// after the entry in hand was finished (or its handler ran out of time).
pub async fn consume<H, F>(
    redis: Redis,
    config: ConsumerConfig,
    handler: H,
    cancel: CancellationToken,
) where
    H: Fn(StreamEntry) -> F + Send + Sync,
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    run(redis, config, None, handler, cancel).await;
}

/// As [`consume`], but first hands all entries that were fetched together to `together`, which does
/// all or nothing. When it fails, nothing was done and each entry goes to `handler` by itself, so
/// one that cannot be handled holds back no others for longer than its own tries.
pub async fn consume_together<A, B, H, F>(
    redis: Redis,
    config: ConsumerConfig,
    together: A,
    handler: H,
    cancel: CancellationToken,
) where
    A: Fn(Vec<StreamEntry>) -> B + Send + Sync,
    B: Future<Output = Result<(), HandlerError>> + Send + 'static,
    H: Fn(StreamEntry) -> F + Send + Sync,
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    let together = |entries| together(entries).boxed();
    run(redis, config, Some(&together), handler, cancel).await;
}

/// Handles entries all at once or not at all.
type Together<'a> =
    &'a (dyn Fn(Vec<StreamEntry>) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync);

async fn run<H, F>(
    redis: Redis,
    config: ConsumerConfig,
    together: Option<Together<'_>>,
    handler: H,
    cancel: CancellationToken,
) where
    H: Fn(StreamEntry) -> F + Send + Sync,
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    let key = redis.key(&config.stream);
    let delivery = Delivery::new(&redis, &config, &key, together, &handler, &cancel);
    let mut pause = config.backoff;
    while !cancel.is_cancelled() {
        let mut member = Member {
            redis: &redis,
            config: &config,
            key: &key,
            delivery: &delivery,
            cancel: &cancel,
        };
        match member.run(&mut pause).await {
            Ok(()) => break,
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    stream = %config.stream,
                    group = %config.group,
                    "event consumer interrupted"
                );
                cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(config.backoff_max);
            }
        }
    }
    if let Err(error) = remove(&redis, &key, &config.group, &config.consumer).await {
        tracing::debug!(error = %error, "could not leave the consumer group");
    }
}

struct Member<'a, H> {
    redis: &'a Redis,
    config: &'a ConsumerConfig,
    key: &'a str,
    delivery: &'a Delivery<'a, H>,
    cancel: &'a CancellationToken,
}

impl<H, F> Member<'_, H>
where
    H: Fn(StreamEntry) -> F + Send + Sync,
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    /// Works until cancelled (`Ok`) or the connection fails.
    async fn run(&mut self, pause: &mut Duration) -> Result<(), RedisError> {
        self.create_group().await?;
        let mut connection = self.redis.blocking().await?;
        self.finish_own().await?;
        *pause = self.config.backoff;
        let mut look_for_orphans = Instant::now();
        while !self.cancel.is_cancelled() {
            if Instant::now() >= look_for_orphans {
                self.adopt_orphans().await?;
                self.forget_the_dead().await?;
                look_for_orphans = Instant::now() + self.config.claim_after / 2;
            }
            let read = self.read_new(&mut connection);
            match self.cancel.run_until_cancelled(read).await {
                Some(entries) => self.work(entries?, Recovered::No).await?,
                // A read cut short may have been answered: those entries stay pending and are
                // found again under the same name, or adopted.
                None => break,
            }
        }
        Ok(())
    }

    async fn create_group(&self) -> Result<(), RedisError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(self.key).arg(&self.config.group);
        command.arg("0").arg("MKSTREAM");
        match self.redis.query::<()>(&command).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            done => done,
        }
    }

    /// Entries this member was given before it was interrupted.
    async fn finish_own(&self) -> Result<(), RedisError> {
        let mut after = "0".to_owned();
        loop {
            let mut command = self.read_command();
            command.arg("STREAMS").arg(self.key).arg(&after);
            let reply: Option<StreamReadReply> = self.redis.query(&command).await?;
            let entries = ids(reply);
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after.clone_from(&last.id);
            self.work(entries, Recovered::Yes).await?;
            if self.cancel.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Takes over what other members left unfinished for too long.
    async fn adopt_orphans(&self) -> Result<(), RedisError> {
        let mut cursor = "0-0".to_owned();
        loop {
            let mut command = redis::cmd("XAUTOCLAIM");
            command
                .arg(self.key)
                .arg(&self.config.group)
                .arg(&self.config.consumer);
            command.arg(millis(self.config.claim_after)).arg(&cursor);
            command.arg("COUNT").arg(self.config.batch);
            let reply: StreamAutoClaimReply = self.redis.query(&command).await?;
            let more = reply.next_stream_id != "0-0" && reply.next_stream_id != cursor;
            cursor = reply.next_stream_id;
            self.work(reply.claimed, Recovered::Yes).await?;
            if !more || self.cancel.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Members whose process ended without saying so would otherwise pile up.
    async fn forget_the_dead(&self) -> Result<(), RedisError> {
        let mut command = redis::cmd("XINFO");
        command
            .arg("CONSUMERS")
            .arg(self.key)
            .arg(&self.config.group);
        let members: StreamInfoConsumersReply = self.redis.query(&command).await?;
        for member in members.consumers {
            let silent = member.idle as u64 >= millis(self.config.forget_after);
            if silent && member.pending == 0 && member.name != self.config.consumer {
                remove(self.redis, self.key, &self.config.group, &member.name).await?;
            }
        }
        Ok(())
    }

    async fn read_new(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<StreamId>, RedisError> {
        let mut command = self.read_command();
        command.arg("BLOCK").arg(millis(self.config.block).max(1));
        command.arg("STREAMS").arg(self.key).arg(">");
        let read = command.query_async::<Option<StreamReadReply>>(connection);
        match timeout(self.config.block + GRACE, read).await {
            Ok(reply) => Ok(ids(reply?)),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    fn read_command(&self) -> redis::Cmd {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(&self.config.group)
            .arg(&self.config.consumer);
        command.arg("COUNT").arg(self.config.batch);
        command
    }

    async fn work(&self, entries: Vec<StreamId>, recovered: Recovered) -> Result<(), RedisError> {
        // What was left unfinished may be what broke a batch: it goes one by one.
        if matches!(recovered, Recovered::No) && self.delivery.handle_together(&entries).await? {
            self.count("done", entries.len());
            return Ok(());
        }
        for index in 0..entries.len() {
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            let earlier_tries = match recovered {
                Recovered::Yes => self.earlier_tries(&entries[index].id).await?,
                Recovered::No => 0,
            };
            let outcome = self
                .delivery
                .handle(&entries[index..], earlier_tries)
                .await?;
            let label = match outcome {
                Outcome::Done => "done",
                Outcome::Parked => "parked",
                Outcome::Interrupted => return Ok(()),
            };
            self.count(label, 1);
        }
        Ok(())
    }

    fn count(&self, outcome: &'static str, entries: usize) {
        metrics::counter!(
            catalog::STREAM_ENTRIES_CONSUMED,
            "stream" => self.config.stream.clone(),
            "group" => self.config.group.clone(),
            "outcome" => outcome
        )
        .increment(entries as u64);
    }

    /// Deliveries before the current one, which Redis counts across members and crashes.
    async fn earlier_tries(&self, id: &str) -> Result<u32, RedisError> {
        let mut command = redis::cmd("XPENDING");
        command
            .arg(self.key)
            .arg(&self.config.group)
            .arg(id)
            .arg(id)
            .arg(1);
        let reply: StreamPendingCountReply = self.redis.query(&command).await?;
        let delivered = reply.ids.first().map_or(1, |p| p.times_delivered);
        Ok(u32::try_from(delivered.saturating_sub(1)).unwrap_or(u32::MAX))
    }
}

#[derive(Clone, Copy)]
enum Recovered {
    Yes,
    No,
}

/// Takes a member off the group's list, unless that would lose entries it has not finished.
///
/// Both steps are one script: a read that was cut short may be answered at any moment.
async fn remove(redis: &Redis, key: &str, group: &str, member: &str) -> Result<(), RedisError> {
    const SCRIPT: &str = "
        local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
        if #pending == 0 then
            return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
        end
        return -1";
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(1).arg(key).arg(group).arg(member);
    redis.query_once::<i64>(&command).await?;
    Ok(())
}

fn ids(reply: Option<StreamReadReply>) -> Vec<StreamId> {
    reply
        .into_iter()
        .flat_map(|reply| reply.keys)
        .flat_map(|key| key.ids)
        .collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
