//! Who follows a feed: each subscriber has a bounded queue, and those whose
//! operations are the same get the same answers.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use super::feed::Feed;
use super::feeds::Feeds;
use super::refusal;
use super::source::Source;
use super::upstream::Lost;
use super::view::{Answer, Replanned, View};
use crate::error::GraphqlError;
use crate::queue;
use crate::snapshot::Snapshot;

/// What a subscriber's queue carries.
pub(super) enum Item {
    /// The subgraph has taken the subscription; always the first.
    Started,
    /// It has not; the only one.
    Refused(Box<GraphqlError>),
    /// An answer, and the cursor behind which it is continued.
    Answer(Bytes, Option<Arc<Value>>),
    /// The subscriber reads too slowly; the last one.
    TooSlow,
}

/// The feed a subscriber sits in; another one when its plan has changed.
pub(super) type CurrentFeed = Arc<Mutex<Weak<Feed>>>;

pub(super) struct Subscriber {
    pub(super) number: u64,
    pub(super) request_id: Arc<str>,
    pub(super) queue: queue::Sender<Item>,
    pub(super) current_feed: CurrentFeed,
    /// It was told that it has started.
    pub(super) started: bool,
}

/// Subscribers with the same view.
pub(super) struct ViewGroup {
    pub(super) view: Arc<View>,
    /// By the newest plan they follow other events. They go there as soon as
    /// nothing is lost by it.
    pub(super) next: Option<(Arc<View>, Arc<Source>)>,
    pub(super) subscribers: Vec<Subscriber>,
}

impl ViewGroup {
    /// Tells all of them why no more events come.
    pub(super) fn end(&self, lost: &Lost) {
        for subscriber in &self.subscribers {
            subscriber.end(&self.view, lost);
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Starting,
    Open,
    /// Nobody is taken in any more; those who are there go elsewhere.
    Leaving,
    Closed,
}

/// The seats of a feed.
pub(super) struct Subscribers {
    pub(super) phase: Phase,
    /// An event was given out.
    pub(super) begun: bool,
    pub(super) start: Option<Value>,
    /// Cursor of the last event, of the start before.
    pub(super) last: Option<Arc<Value>>,
    /// Of the newest snapshot the views were held against.
    pub(super) generation: u64,
    pub(super) groups: Vec<ViewGroup>,
}

/// What is to be done before an event is handed out.
pub(super) enum Step {
    /// Run these views.
    Run(Vec<Arc<View>>),
    /// Wait for room in these queues; whether that holds up nobody else.
    Wait(Vec<queue::Sender<Item>>, bool),
    HandOut,
}

impl Subscribers {
    pub(super) fn each(&mut self) -> impl Iterator<Item = (&Arc<View>, &mut Subscriber)> {
        self.groups.iter_mut().flat_map(|group| {
            let view = &group.view;
            group.subscribers.iter_mut().map(move |one| (view, one))
        })
    }

    /// Tells those who wait that events will come.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
        for (_, subscriber) in self.each() {
            subscriber.start();
        }
    }

    /// Puts subscribers who are still there beside those with the same view.
    pub(super) fn take_in(&mut self, feed: &Arc<Feed>, view: Arc<View>, mut come: Vec<Subscriber>) {
        for subscriber in &mut come {
            *subscriber.current_feed.lock() = Arc::downgrade(feed);
            if self.phase == Phase::Open {
                subscriber.start();
            }
        }
        // Looked at after they were told where they are: who leaves from now on
        // finds this feed.
        come.retain(|subscriber| !subscriber.queue.is_closed());
        self.add(view, come);
    }

    fn add(&mut self, view: Arc<View>, subscribers: Vec<Subscriber>) {
        if subscribers.is_empty() {
            return;
        }
        let known = self.groups.iter_mut().find(|known| known.view.is(&view));
        match known {
            Some(group) => group.subscribers.extend(subscribers),
            None => self.groups.push(ViewGroup {
                view,
                next: None,
                subscribers,
            }),
        }
    }

    /// Takes a subscriber out; true when nobody is left.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        for group in &mut self.groups {
            group
                .subscribers
                .retain(|subscriber| subscriber.number != number);
        }
        self.settle()
    }

    /// Forgets views without subscribers; true when nobody is left.
    pub(super) fn settle(&mut self) -> bool {
        self.groups.retain(|group| !group.subscribers.is_empty());
        if self.groups.is_empty() {
            self.phase = Phase::Closed;
        }
        self.groups.is_empty()
    }

    pub(super) fn step(&self, answers: &[(Arc<View>, Answer)], waited: bool) -> Step {
        let missing: Vec<_> = self
            .groups
            .iter()
            .filter(|group| !answers.iter().any(|(view, _)| view.is(&group.view)))
            .map(|group| Arc::clone(&group.view))
            .collect();
        if !missing.is_empty() {
            return Step::Run(missing);
        }
        let queues = || {
            let subscribers = self.groups.iter().flat_map(|group| &group.subscribers);
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
    pub(super) fn hand_out(
        &mut self,
        answers: &[(Arc<View>, Answer)],
        cursor: Option<&Arc<Value>>,
    ) -> bool {
        self.begun = true;
        if cursor.is_some() {
            self.last = cursor.cloned();
        }
        for group in &mut self.groups {
            let Some((_, answer)) = answers.iter().find(|(view, _)| view.is(&group.view)) else {
                continue;
            };
            group.subscribers.retain(|subscriber| {
                if subscriber.queue.capacity() <= 1 {
                    metrics::counter!("graphql_slow_subscribers_total").increment(1);
                    let _ = subscriber.queue.try_send(Item::TooSlow);
                    return false;
                }
                let body = answer.body(&group.view, &subscriber.request_id);
                let item = Item::Answer(body, cursor.cloned());
                subscriber.queue.try_send(item).is_ok()
            });
        }
        !self.settle()
    }

    /// The views that were not yet held against the snapshot of `generation`;
    /// no more of them come from now on.
    pub(super) fn outdated(&mut self, generation: u64) -> Vec<Arc<View>> {
        self.generation = generation;
        let views = self.groups.iter().map(|group| &group.view);
        views
            .filter(|view| view.generation() < generation)
            .cloned()
            .collect()
    }

    /// From now on nobody is taken in; gives the views that are there.
    pub(super) fn leave_together(&mut self) -> Vec<Arc<View>> {
        self.phase = Phase::Leaving;
        let views = self.groups.iter().map(|group| &group.view);
        views.cloned().collect()
    }

    /// Puts what `snapshot` has made of `view` in its place. `source` is what the
    /// feed follows.
    pub(super) fn replace(
        &mut self,
        view: &Arc<View>,
        by: Replanned,
        source: &Source,
        snapshot: &Snapshot,
    ) {
        let at = self
            .groups
            .iter()
            .position(|group| Arc::ptr_eq(&group.view, view));
        // Its last subscriber may have left meanwhile.
        let Some(at) = at else { return };
        let mut group = self.groups.swap_remove(at);
        match by {
            Replanned::Changed(view, now) if now.same(source) => {
                self.add(view, group.subscribers);
            }
            Replanned::Changed(view, now) => {
                // What comes may be enough for the new plan as it is.
                group.view = match source.covers(&now) {
                    true => Arc::clone(&view),
                    false => Arc::new(group.view.moved(snapshot)),
                };
                group.next = Some((view, now));
                self.groups.push(group);
            }
            Replanned::Kept => {
                group.view = Arc::new(group.view.moved(snapshot));
                group.next = None;
                self.groups.push(group);
            }
            Replanned::Ended(error) => group.end(&Lost::Refused(error)),
        }
        self.settle();
    }

    /// Takes out those who follow other events by their newest plan, if nothing is
    /// lost by it.
    pub(super) fn going(&mut self, lossless: impl Fn(&Source, bool) -> bool) -> Vec<ViewGroup> {
        let begun = self.begun;
        let gone = self.groups.extract_if(.., |group| {
            let next = group.next.as_ref();
            next.is_some_and(|(_, source)| lossless(source, begun))
        });
        let gone = gone.collect();
        self.settle();
        gone
    }
}

impl Subscriber {
    fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            let _ = self.queue.try_send(Item::Started);
        }
    }

    /// Tells why no more events come.
    pub(super) fn end(&self, view: &View, lost: &Lost) {
        let body = match lost {
            Lost::Subgraph(error) => view.failure(error, &self.request_id),
            Lost::Refused(error) => refusal(std::slice::from_ref(error), &self.request_id),
        };
        let _ = self.queue.try_send(Item::Answer(body, None));
    }
}

/// A subscriber's end; leaves the feed when dropped.
pub(super) struct FeedStream {
    pub(super) items: queue::Receiver<Item>,
    /// Cursor of the feed when the seat was taken.
    pub(super) cursor: Option<Arc<Value>>,
    pub(super) number: u64,
    pub(super) current_feed: CurrentFeed,
    pub(super) feeds: Feeds,
}

impl Drop for FeedStream {
    fn drop(&mut self) {
        // A feed that is about to take it in will see that.
        self.items.close();
        loop {
            let current_feed = self.current_feed.lock().clone();
            let Some(feed) = current_feed.upgrade() else {
                return;
            };
            if feed.subscribers.lock().leave(self.number) {
                self.feeds.left(&feed);
            }
            // It may just have been taken to another one.
            if self.current_feed.lock().ptr_eq(&current_feed) {
                return;
            }
        }
    }
}
