//! The subscribers of a feed. Each has a bounded queue of its own; those with the same
//! operation are sent the same answers.

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

/// A message in a subscriber's queue.
pub(super) enum Item {
    /// The subgraph accepted the subscription. Always the first message.
    Started,
    /// The subgraph refused it. The only message.
    Refused(Box<GraphqlError>),
    /// An answer, and the cursor to continue after.
    Answer(Bytes, Option<Arc<Value>>),
    /// The subscriber reads too slowly. The last message.
    TooSlow,
}

/// The feed that a subscriber belongs to. It changes when a new plan needs other events.
pub(super) type CurrentFeed = Arc<Mutex<Weak<Feed>>>;

/// A subscriber, as its feed knows it.
pub(super) struct Subscriber {
    pub(super) number: u64,
    pub(super) request_id: Arc<str>,
    pub(super) queue: queue::Sender<Item>,
    pub(super) current_feed: CurrentFeed,
    /// [`Item::Started`] was sent.
    pub(super) started: bool,
}

/// Subscribers with the same view.
pub(super) struct ViewGroup {
    pub(super) view: Arc<View>,
    /// Set when the newest plan needs other events. The subscribers move there as soon as
    /// they lose nothing by it.
    pub(super) next: Option<(Arc<View>, Arc<Source>)>,
    pub(super) subscribers: Vec<Subscriber>,
}

impl ViewGroup {
    /// Tells all of them why there are no more events.
    pub(super) fn end(&self, lost: &Lost) {
        for subscriber in &self.subscribers {
            subscriber.end(&self.view, lost);
        }
    }
}

/// The stages of a feed, in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Starting,
    Open,
    /// Nobody can join any more; the remaining subscribers move to other feeds.
    Leaving,
    Closed,
}

/// All subscribers of a feed, and how far it has come.
pub(super) struct Subscribers {
    pub(super) phase: Phase,
    /// At least one event was delivered.
    pub(super) begun: bool,
    pub(super) start: Option<Value>,
    /// The cursor of the last event; before the first event, the cursor it started at.
    pub(super) last: Option<Arc<Value>>,
    /// Generation of the newest snapshot that the views were checked against.
    pub(super) generation: u64,
    pub(super) groups: Vec<ViewGroup>,
}

/// What has to happen before an event can be handed out.
pub(super) enum Step {
    /// Run these views.
    Run(Vec<Arc<View>>),
    /// Wait for these full queues. True when nobody else has to wait because of it.
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

    /// Tells the waiting subscribers that the subscription has started.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
        for (_, subscriber) in self.each() {
            subscriber.start();
        }
    }

    /// Adds subscribers to the group with the same view, except those that have left.
    pub(super) fn take_in(&mut self, feed: &Arc<Feed>, view: Arc<View>, mut come: Vec<Subscriber>) {
        for subscriber in &mut come {
            *subscriber.current_feed.lock() = Arc::downgrade(feed);
            if self.phase == Phase::Open {
                subscriber.start();
            }
        }
        // Checked only after `current_feed` is set: whoever leaves from now on finds this feed.
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

    /// Removes a subscriber. True when none is left.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        for group in &mut self.groups {
            group
                .subscribers
                .retain(|subscriber| subscriber.number != number);
        }
        self.settle()
    }

    /// Drops empty groups. True when no subscriber is left.
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

    /// Gives each subscriber the answer for its view. False when no subscriber is left.
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

    /// The views not yet checked against the snapshot of `generation`. From now on no older
    /// ones can join.
    pub(super) fn outdated(&mut self, generation: u64) -> Vec<Arc<View>> {
        self.generation = generation;
        let views = self.groups.iter().map(|group| &group.view);
        views
            .filter(|view| view.generation() < generation)
            .cloned()
            .collect()
    }

    /// Lets nobody join any more, and returns the current views.
    pub(super) fn leave_together(&mut self) -> Vec<Arc<View>> {
        self.phase = Phase::Leaving;
        let views = self.groups.iter().map(|group| &group.view);
        views.cloned().collect()
    }

    /// Replaces `view` by its counterpart in `snapshot`. `source` is what the feed follows.
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

    /// Removes and returns the groups that can move to other events without losing any.
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

    /// Tells the subscriber why there are no more events.
    pub(super) fn end(&self, view: &View, lost: &Lost) {
        let body = match lost {
            Lost::Subgraph(error) => view.failure(error, &self.request_id),
            Lost::Refused(error) => refusal(std::slice::from_ref(error), &self.request_id),
        };
        let _ = self.queue.try_send(Item::Answer(body, None));
    }
}

/// The receiving end of a subscriber. Dropping it leaves the feed.
pub(super) struct FeedStream {
    pub(super) items: queue::Receiver<Item>,
    /// The cursor of the feed when the subscriber joined.
    pub(super) cursor: Option<Arc<Value>>,
    pub(super) number: u64,
    pub(super) current_feed: CurrentFeed,
    pub(super) feeds: Feeds,
}

impl Drop for FeedStream {
    fn drop(&mut self) {
        // A feed that is about to add the subscriber sees the closed queue.
        self.items.close();
        loop {
            let current_feed = self.current_feed.lock().clone();
            let Some(feed) = current_feed.upgrade() else {
                return;
            };
            if feed.subscribers.lock().leave(self.number) {
                self.feeds.left(&feed);
            }
            // It may have moved to another feed in the meantime.
            if self.current_feed.lock().ptr_eq(&current_feed) {
                return;
            }
        }
    }
}
