//! A feed is one subscription to a subgraph, running in a task of its own. Its views are the
//! client operations that follow it; each runs once per event.

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

/// How long a full queue may delay the other subscribers of its feed.
const SHARED: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Feed {
    pub(super) hash: u64,
    pub(super) key: Key,
    /// Later subscribers may join too: earlier events mean nothing to them.
    pub(super) hot: bool,
    pub(super) slow_after: Duration,
    pub(super) subscribers: Mutex<Subscribers>,
    /// The last subscriber has left.
    pub(super) left: CancellationToken,
}

impl Feed {
    /// Lets subscribers join if they miss nothing by it. Returns the cursor they continue
    /// after.
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
        // A view planned before the last reload is replanned by a feed of its own.
        let late = view.generation() < subscribers.generation;
        if !fits || late || subscribers.phase >= Phase::Leaving {
            return None;
        }
        let new = waiting.take()?;
        subscribers.take_in(self, Arc::clone(view), new);
        Some(subscribers.last.clone())
    }

    /// Hands out events until the upstream ends or no subscriber is left.
    pub(super) async fn follow(&self, feeds: &Feeds, mut upstream: Box<Upstream>) {
        // What happens rarely runs in memory of its own: a feed mostly waits for events.
        if let Err(lost) = Box::pin(upstream.open()).await {
            return self.refuse(lost);
        }
        self.subscribers.lock().open();
        loop {
            match upstream.next().await {
                Next::Event(event) => {
                    // A backlog of events must not starve other tasks.
                    tokio::task::consume_budget().await;
                    if !self.deliver(event, &upstream.context()).await {
                        return;
                    }
                    self.move_groups(feeds, &upstream, false);
                }
                Next::Reloaded(snapshot) => {
                    let caller = Arc::clone(&upstream.context().caller);
                    Box::pin(self.replan(&snapshot, &caller)).await;
                    self.move_groups(feeds, &upstream, false);
                    upstream.take_over(&snapshot);
                }
                Next::RightsChanged(by) => {
                    let cursor = upstream.cursor().cloned();
                    return Box::pin(self.change_rights(feeds, cursor, by)).await;
                }
                Next::Lost => self.move_groups(feeds, &upstream, true),
                Next::Ended(Some(lost)) => return self.end(&lost),
                Next::Ended(None) => return,
            }
            if self.subscribers.lock().phase == Phase::Closed {
                return;
            }
        }
    }

    /// Replans the views for another supergraph. Events wait meanwhile: earlier ones were
    /// answered by the old plans, later ones are answered by the new ones.
    async fn replan(&self, snapshot: &Snapshot, caller: &Caller) {
        let views = self.subscribers.lock().outdated(snapshot.generation);
        let replanned = views.iter().map(|view| view.replanned(snapshot, caller));
        let replanned = join_all(replanned).await;
        let mut subscribers = self.subscribers.lock();
        for (view, replanned) in views.iter().zip(replanned) {
            subscribers.replace(view, replanned, &self.key.source, snapshot);
        }
    }

    /// Moves groups whose newest plan needs other events. With a cursor they lose nothing, nor
    /// when the upstream has to be started again anyway.
    fn move_groups(&self, feeds: &Feeds, upstream: &Upstream, lost: bool) {
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

    /// Replans the views for the changed rights of the caller, as if the operations were new.
    /// Where nothing is lost, they continue in a feed with the new rights.
    async fn change_rights(&self, feeds: &Feeds, cursor: Option<Value>, by: upstream::Subscriber) {
        let snapshot = feeds.snapshot();
        let views = self.subscribers.lock().leave_together();
        let caller = Arc::clone(&by.context.caller);
        let replanned = views.iter().map(|view| view.replanned(&snapshot, &caller));
        let replanned = join_all(replanned).await;
        // Nothing waits from here on, so no group is lost when this task is cancelled.
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
                _ => group.end(&Lost::Refused(rights_changed())),
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

    /// Runs each view once on the event and hands out the answers. False when no subscriber
    /// is left.
    async fn deliver(&self, event: Event, context: &Arc<RequestContext>) -> bool {
        let cursor = event.cursor.map(Arc::new);
        let mut answers: Vec<(Arc<View>, Answer)> = Vec::new();
        let mut waited = false;
        loop {
            let step = {
                let mut subscribers = self.subscribers.lock();
                // Under one lock, so that nobody joins between this check and the delivery.
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

    /// Tells all subscribers why there are no more events.
    fn end(&self, lost: &Lost) {
        for (view, subscriber) in self.subscribers.lock().each() {
            subscriber.end(view, lost);
        }
    }
}

/// The error of a subscription that cannot continue without a gap after its rights changed.
fn rights_changed() -> GraphqlError {
    GraphqlError::new("What you may do has changed; subscribe again.")
        .with_code(code::RIGHTS_CHANGED)
}
