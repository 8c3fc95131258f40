//! Subscriptions that are the same share one upstream. A feed is one upstream
//! subscription on a task of its own; its views are the client operations that
//! follow it, each run once per event; each subscriber has a bounded queue.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::subscribe::{Answer, View};
use super::upstream::{Event, Lost, Source, Upstream};
use crate::dedup::same_request;
use crate::error::GraphqlError;
use crate::snapshot::{Snapshot, Subgraphs};
use crate::subgraph::{RequestContext, SubgraphError};

/// How long a full queue holds up the other subscribers of its feed.
const SHARED: Duration = Duration::from_millis(10);

/// All feeds of a router.
#[derive(Clone)]
pub(crate) struct Feeds(Arc<Inner>);

struct Inner {
    table: Mutex<HashTable<Arc<Feed>>>,
    hasher: DefaultHashBuilder,
    reloads: watch::Sender<Option<Arc<Snapshot>>>,
    numbers: AtomicU64,
}

impl Default for Feeds {
    fn default() -> Self {
        Self(Arc::new(Inner {
            table: Mutex::default(),
            hasher: DefaultHashBuilder::default(),
            reloads: watch::Sender::new(None),
            numbers: AtomicU64::new(0),
        }))
    }
}

/// What a subscriber's queue carries.
pub(super) enum Item {
    /// The subgraph has taken the subscription; always the first.
    Started,
    /// It has not; the only one.
    Refused(GraphqlError),
    /// An answer, and the cursor behind which it is continued.
    Answer(Bytes, Option<Arc<Value>>),
    /// The subscriber reads too slowly; the last one.
    TooSlow,
}

/// What makes feeds the same.
struct Key {
    source: Arc<Source>,
    variables: Vec<u8>,
    context: Arc<RequestContext>,
}

struct Feed {
    hash: u64,
    key: Key,
    /// Whoever comes later gets what comes later; events before are not missed.
    hot: bool,
    slow_after: Duration,
    state: Mutex<State>,
    /// The last subscriber has left.
    left: CancellationToken,
}

struct State {
    phase: Phase,
    /// An event was given out.
    begun: bool,
    start: Option<Value>,
    /// Cursor of the last event, of the start before.
    last: Option<Arc<Value>>,
    views: Vec<Viewers>,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Starting,
    Open,
    Closed,
}

/// What is to be done before an event is handed out.
enum Step {
    /// Run these views.
    Run(Vec<Arc<View>>),
    /// Wait for room in these queues; whether that holds up nobody else.
    Wait(Vec<mpsc::Sender<Item>>, bool),
    HandOut,
}

impl State {
    fn step(&self, answers: &[(Arc<View>, Answer)], waited: bool) -> Step {
        let missing: Vec<_> = self
            .views
            .iter()
            .filter(|viewers| !answers.iter().any(|(view, _)| view.is(&viewers.view)))
            .map(|viewers| Arc::clone(&viewers.view))
            .collect();
        if !missing.is_empty() {
            return Step::Run(missing);
        }
        let queues = || {
            let subscribers = self.views.iter().flat_map(|viewers| &viewers.subscribers);
            subscribers.map(|subscriber| &subscriber.queue)
        };
        let full: Vec<_> = queues()
            .filter(|queue| queue.capacity() <= 1)
            .cloned()
            .collect();
        if full.is_empty() || waited {
            return Step::HandOut;
        }
        Step::Wait(full, queues().count() == 1)
    }

    /// Gives each subscriber the answer of its view; false when none is left.
    fn hand_out(&mut self, answers: &[(Arc<View>, Answer)], cursor: Option<&Arc<Value>>) -> bool {
        for viewers in &mut self.views {
            let Some((_, answer)) = answers.iter().find(|(view, _)| view.is(&viewers.view)) else {
                continue;
            };
            viewers.subscribers.retain(|subscriber| {
                if subscriber.queue.capacity() <= 1 {
                    metrics::counter!("graphql_slow_subscribers_total").increment(1);
                    let _ = subscriber.queue.try_send(Item::TooSlow);
                    return false;
                }
                let body = answer.body(&viewers.view, &subscriber.request_id);
                let item = Item::Answer(body, cursor.cloned());
                subscriber.queue.try_send(item).is_ok()
            });
        }
        self.views.retain(|viewers| !viewers.subscribers.is_empty());
        if self.views.is_empty() {
            self.phase = Phase::Closed;
        }
        !self.views.is_empty()
    }
}

struct Viewers {
    view: Arc<View>,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    number: u64,
    request_id: Arc<str>,
    queue: mpsc::Sender<Item>,
}

/// A new subscriber.
pub(super) struct Joining {
    pub(super) view: Arc<View>,
    pub(super) source: Source,
    pub(super) context: Arc<RequestContext>,
    pub(super) start: Option<Value>,
    pub(super) hot: bool,
    pub(super) snapshot: Arc<Snapshot>,
}

/// A subscriber's end; leaves the feed when dropped.
pub(super) struct Seat {
    pub(super) items: mpsc::Receiver<Item>,
    /// Cursor of the feed when the seat was taken.
    pub(super) cursor: Option<Arc<Value>>,
    number: u64,
    feed: Arc<Feed>,
    feeds: Feeds,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.feed.state.lock();
        for viewers in &mut state.views {
            viewers
                .subscribers
                .retain(|subscriber| subscriber.number != self.number);
        }
        state
            .views
            .retain(|viewers| !viewers.subscribers.is_empty());
        if state.views.is_empty() {
            state.phase = Phase::Closed;
            drop(state);
            self.feed.left.cancel();
            self.feeds.forget(&self.feed);
        }
    }
}

impl Feeds {
    /// Tells all feeds where subgraphs are from now on.
    pub(crate) fn reloaded(&self, snapshot: Arc<Snapshot>) {
        self.0.reloads.send_replace(Some(snapshot));
    }

    /// Takes a seat in a feed that is the same, or in a new one.
    pub(super) fn join(&self, joining: Joining) -> Seat {
        let Joining {
            view,
            source,
            context,
            start,
            hot,
            snapshot,
        } = joining;
        let config = &snapshot.config.subscriptions;
        let key = Key {
            variables: source.body(None),
            source: Arc::new(source),
            context,
        };
        let hash = self.0.hasher.hash_one((
            key.source.operation.text_hash(),
            &key.variables,
            key.context.caller.fingerprint,
        ));
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        // One place is kept for the last item.
        let (queue, items) = mpsc::channel(config.queue + 2);
        let subscriber = Subscriber {
            number,
            request_id: Arc::clone(&key.context.request_id),
            queue,
        };
        let seat = |feed: &Arc<Feed>, cursor| Seat {
            items,
            cursor,
            number,
            feed: Arc::clone(feed),
            feeds: self.clone(),
        };
        let mut table = self.0.table.lock();
        let mut waiting = Some((Arc::clone(&view), subscriber));
        if config.share {
            let found = table.iter_hash(hash).find_map(|feed| {
                if !feed.key.is(&key) {
                    return None;
                }
                let cursor = feed.enter(start.as_ref(), &mut waiting)?;
                Some((Arc::clone(feed), cursor))
            });
            if let Some((feed, cursor)) = found {
                return seat(&feed, cursor);
            }
        }
        let (view, subscriber) = waiting.expect("nobody took the subscriber");
        let cursor = start.clone().map(Arc::new);
        let upstream = Upstream::new(
            Arc::clone(&key.source),
            &snapshot,
            Arc::clone(&key.context),
            start.clone(),
            self.0.reloads.subscribe(),
        );
        let feed = Arc::new(Feed {
            hash,
            key,
            hot,
            slow_after: Duration::from_millis(config.slow_after_ms),
            state: Mutex::new(State {
                phase: Phase::Starting,
                begun: false,
                start,
                last: cursor.clone(),
                views: vec![Viewers {
                    view,
                    subscribers: vec![subscriber],
                }],
            }),
            left: CancellationToken::new(),
        });
        if config.share {
            table.insert_unique(hash, Arc::clone(&feed), |feed| feed.hash);
        }
        drop(table);
        tokio::spawn(run(self.clone(), Arc::clone(&feed), upstream));
        seat(&feed, cursor)
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
            && same_request(
                (&self.source.operation, &other.source.operation),
                (&self.context, &other.context),
            )
    }
}

async fn run(feeds: Feeds, feed: Arc<Feed>, upstream: Upstream) {
    let left = feed.left.clone();
    let _ = left.run_until_cancelled(feed.follow(upstream)).await;
    // Queues close with their senders, which ends the streams.
    let ended = {
        let mut state = feed.state.lock();
        state.phase = Phase::Closed;
        std::mem::take(&mut state.views)
    };
    drop(ended);
    feeds.forget(&feed);
}

impl Feed {
    /// Takes a subscriber that would miss nothing here; gives the cursor it
    /// continues behind.
    fn enter(
        &self,
        start: Option<&Value>,
        waiting: &mut Option<(Arc<View>, Subscriber)>,
    ) -> Option<Option<Arc<Value>>> {
        let mut state = self.state.lock();
        let fits = match (start, state.begun) {
            (start, false) => start == state.start.as_ref(),
            (None, true) => self.hot && state.start.is_none(),
            (Some(start), true) => state.last.as_deref() == Some(start),
        };
        if !fits || state.phase == Phase::Closed {
            return None;
        }
        let (view, subscriber) = waiting.take()?;
        if state.phase == Phase::Open {
            let _ = subscriber.queue.try_send(Item::Started);
        }
        let known = state.views.iter_mut().find(|known| known.view.is(&view));
        match known {
            Some(viewers) => viewers.subscribers.push(subscriber),
            None => state.views.push(Viewers {
                view,
                subscribers: vec![subscriber],
            }),
        }
        Some(state.last.clone())
    }

    async fn follow(&self, mut upstream: Upstream) {
        if let Err(lost) = upstream.open().await {
            return self.refuse(lost);
        }
        {
            let mut state = self.state.lock();
            state.phase = Phase::Open;
            for viewers in &state.views {
                for subscriber in &viewers.subscribers {
                    let _ = subscriber.queue.try_send(Item::Started);
                }
            }
        }
        while let Some(event) = upstream.next().await {
            // Events that are there already must not keep others from running.
            tokio::task::consume_budget().await;
            let event = match event {
                Ok(event) => event,
                Err(lost) => return self.end(&lost),
            };
            match upstream.context().await {
                Ok(context) => {
                    let subgraphs = Arc::clone(&upstream.subgraphs);
                    if !self.deliver(event, &subgraphs, &context).await {
                        return;
                    }
                }
                Err(lost) => return self.end(&lost),
            }
        }
    }

    fn refuse(&self, lost: Lost) {
        let error = match lost {
            Lost::Refused(error) => error,
            Lost::Subgraph(error) => {
                tracing::warn!(
                    target: "atelier_router::fetch",
                    subgraph = %self.key.source.subgraph,
                    request.id = %self.key.context.request_id,
                    code = error.code(),
                    detail = %error,
                    "subscription could not be started"
                );
                GraphqlError::new(error.public_message())
                    .with_code(error.code())
                    .with("service", &*self.key.source.subgraph)
            }
        };
        for viewers in &self.state.lock().views {
            for subscriber in &viewers.subscribers {
                let _ = subscriber.queue.try_send(Item::Refused(error.clone()));
            }
        }
    }

    /// Runs each view on the event, once, and hands the answers out; false when
    /// nobody is left to follow.
    async fn deliver(
        &self,
        event: Event,
        subgraphs: &Subgraphs,
        context: &Arc<RequestContext>,
    ) -> bool {
        let cursor = event.cursor.map(Arc::new);
        let mut answers: Vec<(Arc<View>, Answer)> = Vec::new();
        let mut waited = false;
        loop {
            let step = {
                let mut state = self.state.lock();
                // Nobody can come between the last look and the delivery.
                match state.step(&answers, waited) {
                    Step::HandOut => {
                        state.begun = true;
                        if cursor.is_some() {
                            state.last.clone_from(&cursor);
                        }
                        return state.hand_out(&answers, cursor.as_ref());
                    }
                    step => step,
                }
            };
            match step {
                Step::Run(missing) => {
                    let run = missing.into_iter().map(|view| {
                        let response = event.response.clone();
                        async move {
                            let answer = view.answer(response, subgraphs, context).await;
                            (view, answer)
                        }
                    });
                    answers.extend(join_all(run).await);
                }
                Step::Wait(full, alone) => {
                    waited = true;
                    let grace = if alone {
                        self.slow_after * 2
                    } else {
                        SHARED.min(self.slow_after)
                    };
                    let room = join_all(full.iter().map(|queue| queue.reserve_many(2)));
                    let _ = tokio::time::timeout(grace, room).await;
                }
                Step::HandOut => {}
            }
        }
    }

    /// Tells all subscribers why no more events come.
    fn end(&self, lost: &Lost) {
        let state = self.state.lock();
        for viewers in &state.views {
            for subscriber in &viewers.subscribers {
                let body = match lost {
                    Lost::Subgraph(error) => viewers.view.failure(error, &subscriber.request_id),
                    Lost::Refused(error) => {
                        super::refusal(std::slice::from_ref(error), &subscriber.request_id)
                    }
                };
                let _ = subscriber.queue.try_send(Item::Answer(body, None));
            }
        }
    }
}

/// An error that says the subscriber's connection to the feed broke.
pub(super) fn broken(subgraph: &str) -> GraphqlError {
    let error = SubgraphError::Unavailable("the feed ended".into());
    GraphqlError::new(error.public_message())
        .with_code(error.code())
        .with("service", subgraph)
}
