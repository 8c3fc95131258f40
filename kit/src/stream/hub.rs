//! Following streams: replay after a cursor, then live, without gap or repetition.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use redis::streams::StreamRangeReply;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::redis::{Redis, RedisError};

use super::reader::{Join, Reader, Subscriber};
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

/// Follows any number of streams with one connection and fans them out inside the process.
///
/// Cheap to clone. When the last clone is dropped (or after [`Hub::shutdown`]) all subscriptions
/// end.
#[derive(Clone, Debug)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    redis: Redis,
    joins: mpsc::Sender<Join>,
    buffer: usize,
    cancel: CancellationToken,
    _stop: DropGuard,
}

impl Hub {
    /// Starts a hub; must be called inside a Tokio runtime.
    pub fn new(redis: Redis) -> Self {
        Self::with_buffer(redis, DEFAULT_BUFFER)
    }

    /// Starts a hub whose subscribers may be `buffer` entries behind (at least one).
    pub fn with_buffer(redis: Redis, buffer: usize) -> Self {
        let cancel = CancellationToken::new();
        let (joins, receiver) = mpsc::channel(JOINS);
        tokio::spawn(Reader::new(redis.clone(), receiver, cancel.clone()).run());
        Self {
            inner: Arc::new(Inner {
                redis,
                joins,
                buffer: buffer.max(1),
                _stop: cancel.clone().drop_guard(),
                cancel,
            }),
        }
    }

    /// Follows `stream`: with `after`, everything behind that cursor first; without, only what is
    /// appended from now on. When this returns, no later entry can be missed.
    ///
    /// [`StreamCursor::START`] means everything that is still kept.
    ///
    /// # Errors
    /// Redis cannot be reached within three seconds, or the hub is shut down.
    pub async fn subscribe(
        &self,
        stream: &str,
        after: Option<StreamCursor>,
    ) -> Result<HubSubscription, RedisError> {
        let key = self.inner.redis.key(stream);
        let live = attach(&self.inner.joins, &key, self.inner.buffer).await?;
        let follow = Follow {
            redis: self.inner.redis.clone(),
            joins: self.inner.joins.clone(),
            buffer: self.inner.buffer,
            key,
            seen: after.unwrap_or(live.position),
            replaying: after.is_some(),
            backlog: VecDeque::new(),
            delivered_any: false,
            live,
        };
        let items = futures::stream::unfold(Some(follow), |follow| async move {
            let mut follow = follow?;
            let item = follow.next().await?;
            let goes_on = matches!(item, StreamItem::Entry(_));
            Some((item, goes_on.then_some(follow)))
        });
        Ok(HubSubscription {
            items: Box::pin(items),
        })
    }

    /// Ends all subscriptions.
    pub fn shutdown(&self) {
        self.inner.cancel.cancel();
    }
}

/// The entries of one stream, in order; see [`StreamItem`] for how it ends. Without an end item
/// it ends only when the hub is shut down.
pub struct HubSubscription {
    items: Pin<Box<dyn Stream<Item = StreamItem> + Send>>,
}

impl std::fmt::Debug for HubSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubSubscription").finish_non_exhaustive()
    }
}

impl Stream for HubSubscription {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        self.items.as_mut().poll_next(cx)
    }
}

/// The live end of a subscription.
struct Live {
    entries: mpsc::Receiver<StreamEntry>,
    lagged: Arc<AtomicBool>,
    position: StreamCursor,
}

async fn attach(joins: &mpsc::Sender<Join>, key: &str, buffer: usize) -> Result<Live, RedisError> {
    let (sender, entries) = mpsc::channel(buffer);
    let (attached, position) = oneshot::channel();
    let lagged = Arc::new(AtomicBool::new(false));
    let join = Join {
        key: key.to_owned(),
        subscriber: Subscriber {
            entries: sender,
            lagged: lagged.clone(),
        },
        attached,
    };
    let ask = async {
        joins.send(join).await.map_err(|_| closed())?;
        position.await.map_err(|_| closed())
    };
    let position = timeout(ATTACH_TIMEOUT, ask)
        .await
        .unwrap_or_else(|_| Err(unreachable_in_time()))?;
    Ok(Live {
        entries,
        lagged,
        position,
    })
}

struct Follow {
    redis: Redis,
    joins: mpsc::Sender<Join>,
    buffer: usize,
    key: String,
    /// Everything up to here was delivered, is in the backlog, or was not asked for.
    seen: StreamCursor,
    replaying: bool,
    backlog: VecDeque<StreamEntry>,
    delivered_any: bool,
    live: Live,
}

impl Follow {
    async fn next(&mut self) -> Option<StreamItem> {
        loop {
            if let Some(entry) = self.backlog.pop_front() {
                return Some(self.deliver(entry));
            }
            if self.replaying {
                match self.replay().await {
                    Ok(Replay::Page) => {}
                    Ok(Replay::Gone) if self.delivered_any => return Some(StreamItem::Lagged),
                    Ok(Replay::Gone) => return Some(StreamItem::TooOld),
                    Err(error) => {
                        tracing::debug!(error = %error, "replay interrupted, trying again");
                        tokio::select! {
                            () = sleep(REPLAY_PAUSE) => {}
                            () = self.joins.closed() => return None,
                        }
                    }
                }
                continue;
            }
            match self.live.entries.recv().await {
                Some(entry) if entry.cursor <= self.seen => {}
                Some(entry) => return Some(self.deliver(entry)),
                None if self.live.lagged.load(Ordering::Acquire) => {
                    return Some(StreamItem::Lagged);
                }
                None => return None,
            }
        }
    }

    fn deliver(&mut self, entry: StreamEntry) -> StreamItem {
        self.seen = self.seen.max(entry.cursor);
        self.delivered_any = true;
        StreamItem::Entry(entry)
    }

    /// Fetches the next page behind `seen`, and goes over to live entries with the last one.
    async fn replay(&mut self) -> Result<Replay, RedisError> {
        // The page starts with the entry seen last: if that is gone, so may be its successors.
        let mut command = redis::cmd("XRANGE");
        command.arg(&self.key).arg(self.seen.to_string()).arg("+");
        command.arg("COUNT").arg(PAGE + 1);
        let page: StreamRangeReply = self.redis.query(&command).await?;
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
        self.backlog
            .extend(entries.filter_map(|id| StreamEntry::from_fields(&id.id, &id.map)));
        if !full {
            self.replaying = false;
            // Overtaken while reading old entries: attach anew and read on from where we are.
            if self.live.lagged.load(Ordering::Acquire) {
                self.live = attach(&self.joins, &self.key, self.buffer).await?;
                self.replaying = true;
            }
        }
        Ok(Replay::Page)
    }
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
