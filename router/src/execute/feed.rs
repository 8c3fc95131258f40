//! A feed is one upstream subscription on a task of its own; its views are the
//! client operations that follow it, each run once per event.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::feeds::{Feeds, Key};
use super::subscribers::{Item, Phase, Step, Subscriber, Subscribers};
use super::upstream::{self, Event, Lost, Next, Upstream};
use super::view::{Answer, Replanned, View};
use crate::error::{GraphqlError, code};
use crate::identity::Caller;
use crate::snapshot::Snapshot;
use crate::subgraph::RequestContext;

/// How long a full queue holds up the other subscribers of its feed.
const SHARED: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Feed {
    pub(super) hash: u64,
    pub(super) key: Key,
    /// Whoever comes later gets what comes later; events before are not missed.
    pub(super) hot: bool,
    pub(super) slow_after: Duration,
    pub(super) subscribers: Mutex<Subscribers>,
    /// The last subscriber has left.
    pub(super) left: CancellationToken,
}

impl Feed {
    /// Takes subscribers that would miss nothing here; gives the cursor they
    /// continue behind.
    pub(super) fn enter(
        self: &Arc<Self>,
        start: Option<&Value>,
        view: &Arc<View>,
        waiting: &mut Option<Vec<Subscriber>>,
    ) -> Option<Option<Arc<Value>>> {
        let mut subscribers = self.subscribers.lock();
        let fits = match (start, subscribers.begun) {
            (start, false) => start == subscribers.start.as_ref(),
            (None, true) => self.hot && subscribers.start.is_none(),
            (Some(start), true) => subscribers.last.as_deref() == Some(start),
        };
        // What was planned before the last reload is held against it by a feed of its own.
        let late = view.generation() < subscribers.generation;
        if !fits || late || subscribers.phase >= Phase::Leaving {
            return None;
        }
        let new = waiting.take()?;
        subscribers.take_in(self, Arc::clone(view), new);
        Some(subscribers.last.clone())
    }

    /// Hands out what the upstream gives, until nothing more comes or nobody is left.
    pub(super) async fn follow(&self, feeds: &Feeds, mut upstream: Box<Upstream>) {
        // What happens rarely runs in memory of its own: a feed mostly waits for events.
        if let Err(lost) = Box::pin(upstream.open()).await {
            return self.refuse(lost);
        }
        self.subscribers.lock().open();
        loop {
            match upstream.next().await {
                Next::Event(event) => {
                    // Events that are there already must not keep others from running.
                    tokio::task::consume_budget().await;
                    if !self.deliver(event, &upstream.context()).await {
                        return;
                    }
                    self.part(feeds, &upstream, false);
                }
                Next::Reloaded(snapshot) => {
                    let caller = Arc::clone(&upstream.context().caller);
                    Box::pin(self.replan(&snapshot, &caller)).await;
                    self.part(feeds, &upstream, false);
                    upstream.take_over(&snapshot);
                }
                Next::RightsChanged(by) => {
                    let cursor = upstream.cursor().cloned();
                    return Box::pin(self.turn(feeds, cursor, by)).await;
                }
                Next::Lost => self.part(feeds, &upstream, true),
                Next::Ended(Some(lost)) => return self.end(&lost),
                Next::Ended(None) => return,
            }
            if self.subscribers.lock().phase == Phase::Closed {
                return;
            }
        }
    }

    /// Holds the views against another supergraph. No event comes meanwhile: those
    /// before were answered by the old plans, those after will be by the new ones.
    async fn replan(&self, snapshot: &Snapshot, caller: &Caller) {
        let views = self.subscribers.lock().outdated(snapshot.generation);
        let replanned = views.iter().map(|view| view.replanned(snapshot, caller));
        let replanned = join_all(replanned).await;
        let mut subscribers = self.subscribers.lock();
        for (view, replanned) in views.iter().zip(replanned) {
            subscribers.replace(view, replanned, &self.key.source, snapshot);
        }
    }

    /// Lets those go who follow other events by their newest plan: behind a cursor
    /// nothing is lost by it, nor when the upstream must be started again anyway.
    fn part(&self, feeds: &Feeds, upstream: &Upstream, lost: bool) {
        let known = upstream.cursor().is_some();
        let going = self.subscribers.lock().going(|source, begun| {
            let resumable = known && source.resumption.is_some();
            upstream.resumes() && (resumable || lost && !known && !begun)
        });
        for group in going {
            feeds.transfer(
                self,
                upstream.cursor().cloned(),
                upstream.subscriber(),
                group,
            );
        }
    }

    /// Holds the views against what whoever follows may do now, as if they were asked
    /// anew. Where nothing is lost by it they go on in a feed of the new rights.
    async fn turn(&self, feeds: &Feeds, cursor: Option<Value>, by: upstream::Subscriber) {
        let snapshot = feeds.snapshot();
        let views = self.subscribers.lock().leave_together();
        let caller = Arc::clone(&by.context.caller);
        let replanned = views.iter().map(|view| view.replanned(&snapshot, &caller));
        let replanned = join_all(replanned).await;
        // From here on nothing waits: all of them are somewhere when this task is ended.
        let groups = std::mem::take(&mut self.subscribers.lock().groups);
        for mut group in groups {
            let at = views.iter().position(|view| Arc::ptr_eq(view, &group.view));
            let goes_on = cursor.is_some();
            match at.map(|at| &replanned[at]) {
                Some(Replanned::Changed(view, source))
                    if goes_on && source.resumption.is_some() =>
                {
                    group.next = Some((Arc::clone(view), Arc::clone(source)));
                    feeds.transfer(self, cursor.clone(), &by, group);
                }
                Some(Replanned::Ended(error)) => group.end(&Lost::Refused(error.clone())),
                _ => group.end(&Lost::Refused(turned())),
            }
        }
    }

    fn refuse(&self, lost: Lost) {
        let refused = match &lost {
            Lost::Refused(error) => error.clone(),
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
        for (view, subscriber) in self.subscribers.lock().each() {
            match subscriber.started {
                true => subscriber.end(view, &lost),
                false => {
                    let _ = subscriber
                        .queue
                        .try_send(Item::Refused(Box::new(refused.clone())));
                }
            }
        }
    }

    /// Runs each view on the event, once, and hands the answers out; false when
    /// nobody is left to follow.
    async fn deliver(&self, event: Event, context: &Arc<RequestContext>) -> bool {
        let cursor = event.cursor.map(Arc::new);
        let mut answers: Vec<(Arc<View>, Answer)> = Vec::new();
        let mut waited = false;
        loop {
            let step = {
                let mut subscribers = self.subscribers.lock();
                // Nobody can come between the last look and the delivery.
                match subscribers.step(&answers, waited) {
                    Step::HandOut => return subscribers.hand_out(&answers, cursor.as_ref()),
                    step => step,
                }
            };
            match step {
                Step::Run(missing) => {
                    let run = missing.into_iter().map(|view| {
                        let response = event.response.clone();
                        async move {
                            let answer = view.answer(response, context).await;
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
                    let room = join_all(full.iter().map(|queue| queue.has_room(2)));
                    let _ = tokio::time::timeout(grace, room).await;
                }
                Step::HandOut => {}
            }
        }
    }

    /// Tells all subscribers why no more events come.
    fn end(&self, lost: &Lost) {
        for (view, subscriber) in self.subscribers.lock().each() {
            subscriber.end(view, lost);
        }
    }
}

/// The end of a subscription that cannot go on with other rights without a gap.
fn turned() -> GraphqlError {
    GraphqlError::new("What you may do has changed; subscribe again.")
        .with_code(code::RIGHTS_CHANGED)
}
