//! All feeds of a router. Identical subscriptions share a feed, and so one upstream
//! subscription.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use super::source::Source;
use super::subscribers::{CurrentFeed, FeedStream, Phase, Subscriber, Subscribers, ViewGroup};
use super::upstream::{self, Upstream};
use super::view::View;
use crate::config::RouterConfig;
use crate::dedup::same_request;
use crate::operation::PreparedOperation;
use crate::queue;
use crate::snapshot::Snapshot;
use crate::subgraph::RequestContext;

/// All feeds of a router.
#[derive(Clone)]
pub(crate) struct Feeds(Arc<Inner>);

struct Inner {
    config: Arc<RouterConfig>,
    table: Mutex<HashTable<Arc<Feed>>>,
    hasher: DefaultHashBuilder,
    reloads: watch::Sender<Arc<Snapshot>>,
    numbers: AtomicU64,
}

/// Subscriptions with equal keys can share a feed.
pub(super) struct Key {
    pub(super) source: Arc<Source>,
    variables: Vec<u8>,
    pub(super) context: Arc<RequestContext>,
}

/// A new subscriber.
pub(super) struct NewSubscriber {
    pub(super) view: Arc<View>,
    pub(super) source: Arc<Source>,
    pub(super) context: Arc<RequestContext>,
    pub(super) start: Option<Value>,
    pub(super) hot: bool,
}

/// Subscribers with the same view that need a feed.
struct JoinRequest {
    view: Arc<View>,
    source: Arc<Source>,
    /// Whose headers a new feed sends to the subgraph.
    by: upstream::Subscriber,
    start: Option<Value>,
    hot: bool,
    /// They followed another feed until now.
    continued: bool,
}

impl Feeds {
    pub(crate) fn new(config: Arc<RouterConfig>, snapshot: Arc<Snapshot>) -> Self {
        Self(Arc::new(Inner {
            config,
            table: Mutex::default(),
            hasher: DefaultHashBuilder::default(),
            reloads: watch::Sender::new(snapshot),
            numbers: AtomicU64::new(0),
        }))
    }

    /// Tells all feeds which snapshot is served from now on.
    pub(crate) fn reloaded(&self, snapshot: Arc<Snapshot>) {
        self.0.reloads.send_replace(snapshot);
    }

    /// The snapshot that is served now.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.reloads.borrow())
    }

    /// The distinct operations of all subscribers.
    pub(crate) fn operations(&self) -> Vec<Arc<PreparedOperation>> {
        let feeds: Vec<_> = self.0.table.lock().iter().cloned().collect();
        let mut known = std::collections::HashSet::new();
        let mut operations = Vec::new();
        for feed in feeds {
            for group in &feed.subscribers.lock().groups {
                let operation = group.view.operation();
                if known.insert(Arc::as_ptr(operation)) {
                    operations.push(Arc::clone(operation));
                }
            }
        }
        operations
    }

    /// Joins a matching feed, or opens one.
    pub(super) fn join(&self, new: NewSubscriber) -> FeedStream {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        // One slot is reserved for the last item.
        let (queue, items) = queue::bounded(self.0.config.subscriptions.queue + 2);
        let current_feed: CurrentFeed = Arc::new(Mutex::new(Weak::new()));
        let subscriber = Subscriber {
            number,
            request_id: Arc::clone(&new.context.request_id),
            queue,
            current_feed: Arc::clone(&current_feed),
            started: false,
        };
        let request = JoinRequest {
            view: new.view,
            source: new.source,
            by: upstream::Subscriber::new(new.context),
            start: new.start,
            hot: new.hot,
            continued: false,
        };
        FeedStream {
            items,
            cursor: self.take_in(request, vec![subscriber]),
            number,
            current_feed,
            feeds: self.clone(),
        }
    }

    /// Moves a group out of `feed` to the feed that its newest plan needs, continuing after
    /// `cursor`. If that feed has to be opened, it is opened on behalf of `by`.
    pub(super) fn transfer(
        &self,
        feed: &Feed,
        cursor: Option<Value>,
        by: &upstream::Subscriber,
        group: ViewGroup,
    ) {
        let Some((view, source)) = group.next else {
            return;
        };
        let request = JoinRequest {
            view,
            source,
            by: by.clone(),
            start: cursor,
            hot: feed.hot,
            continued: true,
        };
        self.take_in(request, group.subscribers);
    }

    /// Finds or opens a feed for subscribers of one view. Returns the cursor they continue
    /// after.
    fn take_in(&self, request: JoinRequest, subscribers: Vec<Subscriber>) -> Option<Arc<Value>> {
        let key = Key {
            variables: request.source.body(None),
            source: Arc::clone(&request.source),
            context: Arc::clone(&request.by.context),
        };
        let hash = self.0.hasher.hash_one((
            key.source.operation.text_hash(),
            &key.variables,
            key.context.caller.fingerprint,
        ));
        let mut table = self.0.table.lock();
        let mut waiting = Some(subscribers);
        if self.0.config.subscriptions.share {
            let entered = table.iter_hash(hash).find_map(|feed| {
                if !feed.key.is(&key) {
                    return None;
                }
                feed.enter(request.start.as_ref(), &request.view, &mut waiting)
            });
            if let Some(cursor) = entered {
                return cursor;
            }
        }
        let cursor = request.start.clone().map(Arc::new);
        let view = Arc::clone(&request.view);
        let (feed, upstream) = self.feed(request, key, hash, cursor.clone());
        {
            let mut subscribers = feed.subscribers.lock();
            subscribers.take_in(&feed, view, waiting.unwrap_or_default());
            // All of them may have left in the meantime.
            if subscribers.settle() {
                return cursor;
            }
        }
        // Whoever leaves from now on waits for the table's lock, then removes the feed.
        table.insert_unique(hash, Arc::clone(&feed), |feed| feed.hash);
        drop(table);
        tokio::spawn(run(self.clone(), feed, Box::new(upstream)));
        cursor
    }

    fn feed(
        &self,
        request: JoinRequest,
        key: Key,
        hash: u64,
        cursor: Option<Arc<Value>>,
    ) -> (Arc<Feed>, Upstream) {
        let config = &self.0.config.subscriptions;
        let upstream = Upstream::new(
            request.source,
            &request.view,
            request.by,
            request.start.clone(),
            Arc::clone(&self.0.config),
            self.0.reloads.subscribe(),
        );
        let feed = Feed {
            hash,
            key,
            hot: request.hot,
            slow_after: Duration::from_millis(config.slow_after_ms),
            subscribers: Mutex::new(Subscribers {
                phase: Phase::Starting,
                begun: false,
                start: request.start,
                last: cursor,
                generation: request.view.generation(),
                groups: Vec::new(),
            }),
            left: CancellationToken::new(),
        };
        let upstream = match request.continued {
            true => upstream.continued(),
            false => upstream,
        };
        (Arc::new(feed), upstream)
    }

    /// The last subscriber of a feed has left.
    pub(super) fn left(&self, feed: &Arc<Feed>) {
        feed.left.cancel();
        self.forget(feed);
    }

    fn forget(&self, feed: &Arc<Feed>) {
        let mut table = self.0.table.lock();
        if let Ok(entry) = table.find_entry(feed.hash, |known| Arc::ptr_eq(known, feed)) {
            entry.remove();
        }
    }
}

impl Key {
    fn is(&self, other: &Self) -> bool {
        self.source.subgraph == other.source.subgraph
            && self.variables == other.variables
            // What ends for one of them ends for all.
            && self.context.caller.expires_at == other.context.caller.expires_at
            && same_request(
                (&self.source.operation, &other.source.operation),
                (&self.context, &other.context),
            )
    }
}

async fn run(feeds: Feeds, feed: Arc<Feed>, upstream: Box<Upstream>) {
    let left = feed.left.clone();
    let _ = left
        .run_until_cancelled(feed.follow(&feeds, upstream))
        .await;
    // Queues close with their senders, which ends the streams.
    let ended = {
        let mut subscribers = feed.subscribers.lock();
        subscribers.phase = Phase::Closed;
        std::mem::take(&mut subscribers.groups)
    };
    drop(ended);
    feeds.forget(&feed);
}
