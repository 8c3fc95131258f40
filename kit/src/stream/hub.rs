//! Following streams: replay after a cursor, then live, without gap or repetition.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use redis::streams::StreamRangeReply;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::event::stream_of;
use crate::redis::{Redis, RedisError};

use super::audience::{Subscriber, SubscriberId};
use super::interest::{Concerned, Interest, Routing};
use super::queue::{End, Queue};
use super::reader::{Join, Leave, Reader};
use super::writer::unexpected_id;
use super::{InvalidCursor, StreamCursor, StreamEntry, StreamItem};

/// Entries a subscriber may be behind before it is told to read its state anew.
const DEFAULT_BUFFER: usize = 1024;
/// Entries fetched at a time while replaying.
const PAGE: usize = 256;
/// Joins that may wait for the reader.
const JOINS: usize = 1024;
const ATTACH_TIMEOUT: Duration = Duration::from_secs(3);
const REPLAY_PAUSE: Duration = Duration::from_millis(250);

/// Follows any number of streams with one connection and hands their entries out inside the
/// process, each to those whom it concerns.
///
/// Cheap to clone. When the last clone is dropped (or after [`Hub::shutdown`]) all subscriptions
/// end.
#[derive(Clone, Debug)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    handle: Arc<Handle>,
    cancel: CancellationToken,
    _stop: DropGuard,
}

/// What a subscription needs of its hub; it does not keep the hub alive.
#[derive(Debug)]
struct Handle {
    redis: Redis,
    joins: mpsc::Sender<Join>,
    /// At most one for each subscriber.
    leaves: mpsc::UnboundedSender<Leave>,
    subscribers: AtomicU64,
    attached: AtomicU64,
    buffer: usize,
}

impl Hub {
    /// Starts a hub; must be called inside a Tokio runtime.
    pub fn new(redis: Redis) -> Self {
        Self::with_buffer(redis, DEFAULT_BUFFER)
    }

    /// Starts a hub whose subscribers may be `buffer` entries behind (at least one).
    pub fn with_buffer(redis: Redis, buffer: usize) -> Self {
        let cancel = CancellationToken::new();
        let (joins, joining) = mpsc::channel(JOINS);
        let (leaves, leaving) = mpsc::unbounded_channel();
        tokio::spawn(Reader::new(redis.clone(), joining, leaving, cancel.clone()).run());
        Self {
            inner: Arc::new(Inner {
                handle: Arc::new(Handle {
                    redis,
                    joins,
                    leaves,
                    subscribers: AtomicU64::new(0),
                    attached: AtomicU64::new(0),
                    buffer: buffer.max(1),
                }),
                _stop: cancel.clone().drop_guard(),
                cancel,
            }),
        }
    }

    /// Follows the entries of `stream` that concern `interest` by their event id: with `after`,
    /// everything behind that cursor first; without, only what is appended from now on. When this
    /// returns, no later entry can be missed.
    ///
    /// [`StreamCursor::START`] means everything that is still kept.
    ///
    /// # Errors
    /// Redis cannot be reached within three seconds, or the hub is shut down.
    pub async fn subscribe(
        &self,
        stream: &str,
        after: Option<StreamCursor>,
        interest: Interest,
    ) -> Result<HubSubscription, RedisError> {
        let source = Source {
            key: self.inner.handle.redis.key(stream).into(),
            routing: Routing::EventId,
            interest,
        };
        self.follow(source, after).await
    }

    /// As [`Hub::subscribe`], for the events of `domain` that concern `interest` by their key and
    /// [`crate::event::Event::concerns`]. Each entry has its event; one that holds none is passed over.
    ///
    /// # Errors
    /// Redis cannot be reached within three seconds, or the hub is shut down.
    pub async fn subscribe_to_events(
        &self,
        domain: &str,
        after: Option<StreamCursor>,
        interest: Interest,
    ) -> Result<HubSubscription, RedisError> {
        let source = Source {
            key: self.inner.handle.redis.key(stream_of(domain)).into(),
            routing: Routing::Event,
            interest,
        };
        self.follow(source, after).await
    }

    async fn follow(
        &self,
        source: Source,
        after: Option<StreamCursor>,
    ) -> Result<HubSubscription, RedisError> {
        let live = attach(&self.inner.handle, &source).await?;
        let follow = Follow {
            source,
            seen: after.unwrap_or(live.position),
            replaying: after.is_some(),
            backlog: VecDeque::new(),
            delivered_any: false,
            live,
        };
        Ok(HubSubscription {
            state: State::Following(Box::new(follow)),
        })
    }

    /// How many subscriptions have begun to follow a stream so far; for tests that wait for one.
    pub fn attached(&self) -> u64 {
        self.inner.handle.attached.load(Ordering::Relaxed)
    }

    /// Ends all subscriptions.
    pub fn shutdown(&self) {
        self.inner.cancel.cancel();
    }
}

/// The entries of one stream that concern a subscriber, in order; see [`StreamItem`] for how it
/// ends. Without an end item it ends only when the hub is shut down.
///
/// Holds next to nothing while it waits.
pub struct HubSubscription {
    state: State,
}

enum State {
    Following(Box<Follow>),
    /// Redis is asked for old entries.
    Replaying(BoxFuture<'static, (Box<Follow>, Replayed)>),
    Ended,
}

impl std::fmt::Debug for HubSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubSubscription").finish_non_exhaustive()
    }
}

impl Stream for HubSubscription {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        let item = loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Replaying(replay) => {
                    let (follow, replayed) = ready!(replay.poll_unpin(cx));
                    self.state = State::Following(follow);
                    if let Replayed::End(item) = replayed {
                        break item;
                    }
                }
                State::Following(follow) if !follow.replaying || !follow.backlog.is_empty() => {
                    break ready!(follow.poll_present(cx));
                }
                State::Following(_) => {
                    let State::Following(mut follow) =
                        std::mem::replace(&mut self.state, State::Ended)
                    else {
                        continue;
                    };
                    self.state = State::Replaying(
                        async move {
                            let replayed = follow.catch_up().await;
                            (follow, replayed)
                        }
                        .boxed(),
                    );
                }
            }
        };
        if !matches!(item, Some(StreamItem::Entry(_))) {
            self.state = State::Ended;
        }
        Poll::Ready(item)
    }
}

/// What is followed, and for whom.
struct Source {
    key: Arc<str>,
    routing: Routing,
    interest: Interest,
}

/// The live end of a subscription.
struct Live {
    queue: Arc<Queue>,
    position: StreamCursor,
    membership: Membership,
}

/// Tells the reader when the subscriber is gone.
struct Membership {
    handle: Arc<Handle>,
    key: Arc<str>,
    id: SubscriberId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let leave = Leave {
            key: Arc::clone(&self.key),
            subscriber: self.id,
        };
        // Without a reader there is nothing to leave.
        let _ = self.handle.leaves.send(leave);
    }
}

async fn attach(handle: &Arc<Handle>, source: &Source) -> Result<Live, RedisError> {
    let membership = Membership {
        handle: Arc::clone(handle),
        key: Arc::clone(&source.key),
        id: handle.subscribers.fetch_add(1, Ordering::Relaxed),
    };
    let queue = Arc::new(Queue::default());
    // Dropped before the membership: the reader lets nobody in who has left.
    let (attached, position) = oneshot::channel();
    let join = Join {
        key: Arc::clone(&source.key),
        routing: source.routing,
        subscriber: Subscriber {
            id: membership.id,
            queue: Arc::clone(&queue),
            interest: source.interest.clone(),
            limit: handle.buffer,
        },
        attached,
    };
    let ask = async {
        handle.joins.send(join).await.map_err(|_| closed())?;
        position.await.map_err(|_| closed())
    };
    let position = timeout(ATTACH_TIMEOUT, ask)
        .await
        .unwrap_or_else(|_| Err(unreachable_in_time()))?;
    handle.attached.fetch_add(1, Ordering::Relaxed);
    Ok(Live {
        queue,
        position,
        membership,
    })
}

struct Follow {
    source: Source,
    /// Everything up to here was delivered, is in the backlog, or was not asked for.
    seen: StreamCursor,
    replaying: bool,
    backlog: VecDeque<StreamEntry>,
    delivered_any: bool,
    live: Live,
}

impl Follow {
    /// Reads on until there is something to deliver, or nothing more to read.
    async fn catch_up(&mut self) -> Replayed {
        while self.backlog.is_empty() && self.replaying {
            match self.replay().await {
                Ok(Replay::Page) => {}
                Ok(Replay::Gone) if self.delivered_any => {
                    return Replayed::End(Some(StreamItem::Lagged));
                }
                Ok(Replay::Gone) => return Replayed::End(Some(StreamItem::TooOld)),
                Err(error) => {
                    tracing::debug!(error = %error, "replay interrupted, trying again");
                    tokio::select! {
                        () = sleep(REPLAY_PAUSE) => {}
                        () = self.live.membership.handle.joins.closed() => return Replayed::End(None),
                    }
                }
            }
        }
        Replayed::GoesOn
    }

    /// What is there without asking Redis.
    fn poll_present(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        if let Some(entry) = self.backlog.pop_front() {
            if self.backlog.is_empty() {
                self.backlog = VecDeque::new();
            }
            return Poll::Ready(Some(self.deliver(entry)));
        }
        loop {
            return Poll::Ready(match ready!(self.live.queue.poll(cx)) {
                Ok(entry) if entry.cursor <= self.seen => continue,
                Ok(entry) => Some(self.deliver(entry)),
                Err(End::Lagged) => Some(StreamItem::Lagged),
                Err(End::Closed) => None,
            });
        }
    }

    fn deliver(&mut self, entry: StreamEntry) -> StreamItem {
        self.seen = self.seen.max(entry.cursor);
        self.delivered_any = true;
        StreamItem::Entry(entry)
    }

    /// Fetches the next page behind `seen`, and goes over to live entries with the last one.
    async fn replay(&mut self) -> Result<Replay, RedisError> {
        let handle = Arc::clone(&self.live.membership.handle);
        // The page starts with the entry seen last: if that is gone, so may be its successors.
        let mut command = redis::cmd("XRANGE");
        command
            .arg(&*self.source.key)
            .arg(self.seen.to_string())
            .arg("+");
        command.arg("COUNT").arg(PAGE + 1);
        let page: StreamRangeReply = handle.redis.query(&command).await?;
        let full = page.ids.len() > PAGE;
        let mut entries = page.ids.iter().peekable();
        if self.seen != StreamCursor::START {
            match entries.next() {
                Some(first) if first.id.parse() == Ok(self.seen) => {}
                _ => return Ok(Replay::Gone),
            }
        }
        if let Some(last) = page.ids.last() {
            self.seen = last
                .id
                .parse()
                .map_err(|_: InvalidCursor| unexpected_id())?;
        }
        for id in entries {
            let entry = StreamEntry::from_fields(&id.id, &id.map);
            self.backlog
                .extend(entry.and_then(|entry| self.source.wants(entry)));
        }
        if !full {
            self.replaying = false;
            // Overtaken while reading old entries: attach anew and read on from where we are.
            if self.live.queue.has_lagged() {
                self.live = attach(&handle, &self.source).await?;
                self.replaying = true;
            }
        }
        Ok(Replay::Page)
    }
}

impl Source {
    /// The entry, ready to be delivered, if it is wanted.
    fn wants(&self, mut entry: StreamEntry) -> Option<StreamEntry> {
        let wanted = self
            .interest
            .includes(&Concerned::of(&entry, self.routing)?);
        (wanted && entry.parse(self.routing)).then_some(entry)
    }
}

/// How reading old entries came out.
enum Replayed {
    GoesOn,
    /// The subscription ends, with this item.
    End(Option<StreamItem>),
}

enum Replay {
    Page,
    Gone,
}

fn closed() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::BrokenPipe, "the event hub is shut down").into()
}

fn unreachable_in_time() -> RedisError {
    std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the event stream cannot be reached",
    )
    .into()
}
