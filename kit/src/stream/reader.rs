//! The one blocking reader behind a [`super::Hub`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamRangeReply, StreamReadReply};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::redis::{Redis, RedisError};

use super::audience::{Audience, Subscriber, SubscriberId};
use super::interest::Routing;
use super::writer::unexpected_id;
use super::{InvalidCursor, StreamCursor, StreamEntry};

/// How long one read waits on the server before it is sent anew.
const BLOCK: Duration = Duration::from_secs(5);
/// Shorter, for servers that do not let us interrupt a blocked read (`CLIENT` refused by ACL).
const BLOCK_WITHOUT_INTERRUPT: Duration = Duration::from_millis(250);
/// Beyond the block time, after which the connection is taken for dead.
const GRACE: Duration = Duration::from_secs(3);
/// Entries per stream and read.
const COUNT: usize = 512;
const NUDGE_EVERY: Duration = Duration::from_millis(20);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A subscriber that wants to follow a stream.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) key: Arc<str>,
    pub(super) routing: Routing,
    pub(super) subscriber: Subscriber,
    /// Answered with the position behind which every entry will be delivered.
    pub(super) attached: oneshot::Sender<StreamCursor>,
}

/// A subscriber that is gone.
#[derive(Debug)]
pub(super) struct Leave {
    pub(super) key: Arc<str>,
    pub(super) subscriber: SubscriberId,
}

struct Watched {
    position: StreamCursor,
    routing: Routing,
    audience: Audience,
    /// The last read came back full, so more may have been appended (and trimmed) than was read.
    behind: bool,
}

pub(super) struct Reader {
    redis: Redis,
    joins: mpsc::Receiver<Join>,
    leaves: mpsc::UnboundedReceiver<Leave>,
    cancel: CancellationToken,
    watched: HashMap<Arc<str>, Watched>,
    /// Joins for streams whose position has not been looked up yet.
    waiting: Vec<Join>,
}

impl Reader {
    pub(super) fn new(
        redis: Redis,
        joins: mpsc::Receiver<Join>,
        leaves: mpsc::UnboundedReceiver<Leave>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            redis,
            joins,
            leaves,
            cancel,
            watched: HashMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Reads until the hub is shut down; survives any number of lost connections.
    pub(super) async fn run(mut self) {
        let cancel = self.cancel.clone();
        cancel.run_until_cancelled_owned(self.follow()).await;
    }

    async fn follow(&mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            self.wait_for_work().await;
            let error = match Link::open(&self.redis).await {
                Ok(mut link) => {
                    pause = PAUSE_MIN;
                    match self.read(&mut link).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            tracing::warn!(error = %error, "event stream reader lost its connection");
            self.accept_joins_for(pause).await;
            self.waiting.retain(|join| !join.attached.is_closed());
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Returns as soon as somebody wants to follow something.
    async fn wait_for_work(&mut self) {
        while self.watched.is_empty() && self.waiting.is_empty() {
            tokio::select! {
                Some(join) = self.joins.recv() => self.admit(join),
                Some(leave) = self.leaves.recv() => self.see_off(&leave),
                // No handle on the hub is left; cancellation ends this task.
                else => std::future::pending().await,
            }
        }
    }

    async fn accept_joins_for(&mut self, pause: Duration) {
        let waited = sleep(pause);
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => return,
                Some(join) = self.joins.recv() => self.admit(join),
                Some(leave) = self.leaves.recv() => self.see_off(&leave),
            }
        }
    }

    /// Attaches at once to a stream that is being read, else keeps the join for the next turn.
    fn admit(&mut self, join: Join) {
        match self.watched.get_mut(&join.key) {
            // What the read in flight brings is behind this position, so nothing is skipped.
            Some(watched) => {
                if join.attached.send(watched.position).is_ok() {
                    watched.audience.add(join.subscriber);
                }
            }
            None => self.waiting.push(join),
        }
    }

    fn see_off(&mut self, leave: &Leave) {
        if let Some(watched) = self.watched.get_mut(&leave.key) {
            watched.audience.remove(leave.subscriber);
        }
    }

    /// Reads on one connection until nobody listens any more (`Ok`) or the connection fails.
    async fn read(&mut self, link: &mut Link) -> Result<(), RedisError> {
        for watched in self.watched.values_mut() {
            watched.behind = true;
        }
        loop {
            self.forget_the_unheard();
            self.look_up_waiting().await?;
            self.check_those_behind().await?;
            if self.watched.is_empty() {
                return Ok(());
            }
            let reply = self.read_once(link).await?;
            self.deliver(reply)?;
        }
    }

    /// Streams that nobody follows any more are read no further.
    fn forget_the_unheard(&mut self) {
        while let Ok(leave) = self.leaves.try_recv() {
            self.see_off(&leave);
        }
        self.watched
            .retain(|_, watched| !watched.audience.is_empty());
    }

    async fn look_up_waiting(&mut self) -> Result<(), RedisError> {
        while let Some(join) = self.waiting.last() {
            let (key, routing) = (Arc::clone(&join.key), join.routing);
            let position = last_entry(&self.redis, &key).await?;
            self.watched.entry(key).or_insert_with(|| Watched {
                position,
                routing,
                audience: Audience::default(),
                behind: false,
            });
            for join in std::mem::take(&mut self.waiting) {
                self.admit(join);
            }
        }
        Ok(())
    }

    /// Where entries may have been trimmed before they were read, finds out whether they were.
    async fn check_those_behind(&mut self) -> Result<(), RedisError> {
        for (key, watched) in &mut self.watched {
            if !std::mem::take(&mut watched.behind) || watched.position == StreamCursor::START {
                continue;
            }
            if contains(&self.redis, key, watched.position).await? {
                continue;
            }
            tracing::warn!(stream = %key, "event stream lost entries before they were read");
            watched.audience.lag_all();
            watched.position = last_entry(&self.redis, key).await?;
        }
        Ok(())
    }

    async fn read_once(&mut self, link: &mut Link) -> Result<Option<StreamReadReply>, RedisError> {
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(COUNT)
            .arg("BLOCK")
            .arg(link.block.as_millis() as u64);
        command.arg("STREAMS");
        for key in self.watched.keys() {
            command.arg(&**key);
        }
        for watched in self.watched.values() {
            command.arg(watched.position.to_string());
        }
        let client_id = link.client_id;
        let read = timeout(
            link.block + GRACE,
            command.query_async(&mut link.connection),
        );
        tokio::pin!(read);
        let mut nudge = interval(NUDGE_EVERY);
        nudge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                reply = &mut read => return reply.unwrap_or_else(|_| Err(no_answer())),
                Some(join) = self.joins.recv() => {
                    self.admit(join);
                    nudge.reset_immediately();
                }
                Some(leave) = self.leaves.recv() => self.see_off(&leave),
                // Repeated, because the first may overtake the read it is meant for.
                _ = nudge.tick(), if !self.waiting.is_empty() => interrupt(&self.redis, client_id).await,
            }
        }
    }

    fn deliver(&mut self, reply: Option<StreamReadReply>) -> Result<(), RedisError> {
        for stream in reply.map(|reply| reply.keys).unwrap_or_default() {
            let Some(watched) = self.watched.get_mut(stream.key.as_str()) else {
                continue;
            };
            watched.behind = stream.ids.len() >= COUNT;
            for id in &stream.ids {
                watched.position = id.id.parse().map_err(|_: InvalidCursor| unexpected_id())?;
                // An entry of another writer moves the position and reaches nobody.
                if let Some(entry) = StreamEntry::from_fields(&id.id, &id.map) {
                    watched.audience.hand_out(entry, watched.routing);
                }
            }
        }
        Ok(())
    }
}

/// The connection that blocks, and what is needed to interrupt it.
struct Link {
    connection: MultiplexedConnection,
    client_id: Option<i64>,
    block: Duration,
}

impl Link {
    async fn open(redis: &Redis) -> Result<Self, RedisError> {
        let mut connection = redis.blocking().await?;
        let mut ask = redis::cmd("CLIENT");
        ask.arg("ID");
        let client_id = timeout(GRACE, ask.query_async::<i64>(&mut connection))
            .await
            .unwrap_or_else(|_| Err(no_answer()))
            .ok();
        Ok(Self {
            connection,
            client_id,
            block: if client_id.is_some() {
                BLOCK
            } else {
                BLOCK_WITHOUT_INTERRUPT
            },
        })
    }
}

/// Makes the blocked read return at once. A failure only means waiting for its end.
async fn interrupt(redis: &Redis, client_id: Option<i64>) {
    let Some(id) = client_id else { return };
    let mut command = redis::cmd("CLIENT");
    command.arg("UNBLOCK").arg(id);
    if let Err(error) = redis.query_once::<()>(&command).await {
        tracing::debug!(error = %error, "could not interrupt the blocked read");
    }
}

fn no_answer() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer to a blocking read").into()
}

async fn last_entry(redis: &Redis, key: &str) -> Result<StreamCursor, RedisError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
    let reply: StreamRangeReply = redis.query(&command).await?;
    match reply.ids.first() {
        Some(entry) => entry.id.parse().map_err(|_: InvalidCursor| unexpected_id()),
        None => Ok(StreamCursor::START),
    }
}

/// Whether the entry is still in the stream; if it is, so is every later one.
async fn contains(redis: &Redis, key: &str, cursor: StreamCursor) -> Result<bool, RedisError> {
    let (from, to) = (cursor.to_string(), cursor.to_string());
    let mut command = redis::cmd("XRANGE");
    command.arg(key).arg(from).arg(to);
    let reply: StreamRangeReply = redis.query(&command).await?;
    Ok(!reply.ids.is_empty())
}
