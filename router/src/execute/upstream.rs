//! One subscription to a subgraph that outlives its connection: when the
//! subgraph is lost it is subscribed to again behind the last event's cursor.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::sync::watch;

use super::source::Source;
use super::view::View;
use crate::config::RouterConfig;
use crate::error::{GraphqlError, code};
use crate::identity::{Caller, IdentifyError, Verdict, VerifiedCaller};
use crate::json::scan::{Scanner, find};
use crate::snapshot::Snapshot;
use crate::subgraph::{
    RequestContext, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};

type Events = BoxStream<'static, Result<SubgraphResponse, SubgraphError>>;

/// What is served, and told anew when that changes.
pub(super) type Reloads = watch::Receiver<Arc<Snapshot>>;

/// An event as it came, with what continues behind it.
pub(super) struct Event {
    pub(super) response: SubgraphResponse,
    pub(super) cursor: Option<Value>,
}

/// Why no more events come.
pub(super) enum Lost {
    /// The subgraph failed.
    Subgraph(SubgraphError),
    /// The caller may not go on.
    Refused(GraphqlError),
}

/// What happens to an upstream.
pub(super) enum Next {
    Event(Event),
    /// The connection is lost; it is made again when asked for more.
    Lost,
    /// Another supergraph is served.
    Reloaded(Arc<Snapshot>),
    /// Whoever follows may do other things now; nothing more comes from here.
    RightsChanged(Subscriber),
    /// Nothing more comes; without a reason when the subgraph says it is over.
    Ended(Option<Lost>),
}

/// Who subscribes, as far as that is known to be so.
#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) context: Arc<RequestContext>,
    caller: VerifiedCaller,
}

impl Subscriber {
    /// A subscriber who was verified just now.
    pub(super) fn new(context: Arc<RequestContext>) -> Self {
        Self {
            caller: VerifiedCaller::new(Arc::clone(&context.caller)),
            context,
        }
    }

    /// Verifies the subscriber again.
    async fn verify(&mut self) -> Result<Verdict, Lost> {
        let id = Arc::clone(&self.context.request_id);
        let verdict = self.caller.verify(id).await;
        let verdict = verdict.map_err(|error| Lost::Refused(refused(error)))?;
        self.context = for_caller(&self.context, Arc::clone(self.caller.caller()));
        Ok(verdict)
    }
}

/// Attempts to subscribe again.
struct Resuming {
    attempt: u32,
    /// Another supergraph may have what was missing.
    at_once: bool,
    last: SubgraphError,
}

/// See the module.
pub(super) struct Upstream {
    source: Arc<Source>,
    /// Reaches the subgraph where it is now.
    client: Option<Arc<dyn SubgraphClient>>,
    /// Of the snapshot the client is from.
    generation: u64,
    subscriber: Subscriber,
    config: Arc<RouterConfig>,
    reloads: Reloads,
    events: Events,
    cursor: Option<Value>,
    /// An event was given out.
    sent: bool,
    /// The next event may be the last one told again.
    resumed: bool,
    resuming: Option<Resuming>,
}

impl Upstream {
    /// An upstream for `view`, behind `cursor`.
    pub(super) fn new(
        source: Arc<Source>,
        view: &View,
        subscriber: Subscriber,
        cursor: Option<Value>,
        config: Arc<RouterConfig>,
        mut reloads: Reloads,
    ) -> Self {
        // One may have come since the snapshot was taken.
        reloads.mark_changed();
        Self {
            client: view.subgraphs().get(&source.subgraph).cloned(),
            generation: view.generation(),
            source,
            subscriber,
            config,
            reloads,
            events: futures::stream::pending().boxed(),
            cursor,
            sent: false,
            resumed: false,
            resuming: None,
        }
    }

    /// Goes on where another one has ended, instead of [`Upstream::open`].
    pub(super) fn continued(mut self) -> Self {
        self.lose(SubgraphError::Unavailable("the plan has changed".into()));
        self
    }

    /// Subscribes for the first time.
    pub(super) async fn open(&mut self) -> Result<(), Lost> {
        if self.resuming.is_none() {
            self.events = self.subscribe().await?;
        }
        Ok(())
    }

    /// What continues behind the last event.
    pub(super) fn cursor(&self) -> Option<&Value> {
        self.cursor.as_ref()
    }

    pub(super) fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// True when it may subscribe again after a loss.
    pub(super) fn resumes(&self) -> bool {
        self.config.subscriptions.reconnect_attempts > 0
    }

    /// What comes next. After [`Next::Ended`] nothing does.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            if let Some(resuming) = &self.resuming {
                let delay = match resuming.at_once {
                    true => Duration::ZERO,
                    false => self.delay(resuming.attempt),
                };
                tokio::select! {
                    biased;
                    snapshot = newer(&mut self.reloads, self.generation) => return self.reloaded(snapshot),
                    () = tokio::time::sleep(delay) => {}
                }
                if let Some(next) = self.verify_if_due().await {
                    return next;
                }
                match Box::pin(self.again()).await {
                    Ok(()) => continue,
                    Err(lost) => return Next::Ended(Some(lost)),
                }
            }
            // Events that come after a reload are answered by the new schema.
            let event = tokio::select! {
                biased;
                snapshot = newer(&mut self.reloads, self.generation) => return self.reloaded(snapshot),
                // Who may no longer follow is told so, even when nothing happens.
                () = self.subscriber.caller.due() => match Box::pin(self.verify()).await {
                    Some(next) => return next,
                    None => continue,
                },
                event = self.events.next() => event,
            };
            // Before the event counts as told: who follows elsewhere gets it there.
            if let Some(next) = self.verify_if_due().await {
                return next;
            }
            let lost = match event {
                None => return Next::Ended(None),
                Some(Ok(response)) => match drained(&response) {
                    None => match self.event(response) {
                        Some(event) => return Next::Event(event),
                        None => continue,
                    },
                    Some(lost) => lost,
                },
                Some(Err(error)) => error,
            };
            if !self.may_resume(&lost) {
                return Next::Ended(Some(Lost::Subgraph(lost)));
            }
            self.lose(lost);
            return Next::Lost;
        }
    }

    fn reloaded(&mut self, snapshot: Arc<Snapshot>) -> Next {
        self.generation = snapshot.generation;
        if let Some(resuming) = &mut self.resuming {
            resuming.at_once = true;
        }
        Next::Reloaded(snapshot)
    }

    /// `None` for the last event told again.
    fn event(&mut self, response: SubgraphResponse) -> Option<Event> {
        let cursor = self.source.cursor(&response);
        let again = std::mem::take(&mut self.resumed) && cursor.is_some() && cursor == self.cursor;
        if again {
            return None;
        }
        self.sent = true;
        if cursor.is_some() {
            self.cursor.clone_from(&cursor);
        }
        Some(Event { response, cursor })
    }

    fn may_resume(&self, lost: &SubgraphError) -> bool {
        let passing = matches!(lost, SubgraphError::Unavailable(_) | SubgraphError::Timeout);
        let lossless = match &self.source.resumption {
            Some(_) => self.cursor.is_some() || !self.sent,
            None => !self.sent,
        };
        passing && lossless && self.resumes()
    }

    /// Takes over where the subgraph is now; moves there if nothing is lost by it.
    pub(super) fn take_over(&mut self, snapshot: &Snapshot) {
        // A subgraph that is no longer in the supergraph may still be needed.
        let Some(now) = snapshot.subgraphs.get(&self.source.subgraph) else {
            return;
        };
        let known = self.client.replace(Arc::clone(now));
        let moved =
            known.is_some_and(|known| !std::ptr::addr_eq(Arc::as_ptr(&known), Arc::as_ptr(now)));
        if moved && self.resuming.is_none() && self.cursor.is_some() && self.resumes() {
            self.lose(SubgraphError::Unavailable("the subgraph has moved".into()));
        }
    }

    /// Gives the connection up; the next call of `next` subscribes again.
    fn lose(&mut self, lost: SubgraphError) {
        tracing::info!(
            target: "atelier_router::fetch",
            subgraph = %self.source.subgraph,
            request.id = %self.subscriber.context.request_id,
            detail = %lost,
            "subscription lost; subscribing again"
        );
        // What is left of the old connection must not come between.
        self.events = futures::stream::pending().boxed();
        self.resuming = Some(Resuming {
            attempt: 0,
            at_once: false,
            last: lost,
        });
    }

    /// One attempt to subscribe again; fails when it was the last one.
    async fn again(&mut self) -> Result<(), Lost> {
        let lost = match self.subscribe().await {
            Ok(events) => {
                metrics::counter!("graphql_subscriptions_resumed_total", "subgraph" => self.source.subgraph.to_string())
                    .increment(1);
                self.events = events;
                self.resumed = self.cursor.is_some();
                self.resuming = None;
                return Ok(());
            }
            Err(Lost::Subgraph(lost)) => lost,
            Err(refused) => return Err(refused),
        };
        let Some(resuming) = &mut self.resuming else {
            return Err(Lost::Subgraph(lost));
        };
        resuming.attempt += 1;
        resuming.at_once = false;
        resuming.last = lost;
        if resuming.attempt < self.config.subscriptions.reconnect_attempts {
            return Ok(());
        }
        Err(Lost::Subgraph(resuming.last.clone()))
    }

    /// Doubles with each attempt up to the maximum; from half of it to all of it,
    /// so that many subscriptions do not come back at once.
    fn delay(&self, attempt: u32) -> Duration {
        let doubled = self
            .config
            .subscriptions
            .reconnect_initial_ms
            .saturating_mul(1 << attempt.min(16));
        let whole = doubled
            .min(self.config.subscriptions.reconnect_max_ms)
            .max(1);
        let random = RandomState::new().hash_one(attempt);
        Duration::from_millis(whole / 2 + random % (whole / 2 + 1))
    }

    /// Verifies whoever follows if that is due; what comes of it, unless all is as before.
    async fn verify_if_due(&mut self) -> Option<Next> {
        match self.subscriber.caller.is_due() {
            true => Box::pin(self.verify()).await,
            false => None,
        }
    }

    async fn verify(&mut self) -> Option<Next> {
        match self.subscriber.verify().await {
            Ok(Verdict::Same) => None,
            Ok(Verdict::Different) => Some(Next::RightsChanged(self.subscriber.clone())),
            Err(lost) => Some(Next::Ended(Some(lost))),
        }
    }

    /// For whom everything is asked.
    pub(super) fn context(&self) -> Arc<RequestContext> {
        Arc::clone(&self.subscriber.context)
    }

    async fn subscribe(&mut self) -> Result<Events, Lost> {
        let context = self.context();
        let Some(client) = self.client.clone() else {
            let error = SubgraphError::Unavailable("no client for it".into());
            return Err(Lost::Subgraph(error));
        };
        let request = SubgraphRequest {
            operation: Arc::clone(&self.source.operation),
            variables: self.source.body(self.cursor.as_ref()).into(),
            context,
        };
        client.subscribe(request).await.map_err(Lost::Subgraph)
    }
}

/// Waits for a snapshot that is newer than `generation`.
async fn newer(reloads: &mut Reloads, generation: u64) -> Arc<Snapshot> {
    loop {
        if reloads.changed().await.is_err() {
            // The router is gone; nothing is reloaded any more.
            std::future::pending::<()>().await;
        }
        let latest = Arc::clone(&reloads.borrow_and_update());
        if latest.generation > generation {
            return latest;
        }
    }
}

/// The same request for another caller, without an end.
fn for_caller(context: &RequestContext, caller: Arc<Caller>) -> Arc<RequestContext> {
    Arc::new(RequestContext {
        request_id: Arc::clone(&context.request_id),
        caller,
        headers: context.headers.clone(),
        propagate: context.propagate.clone(),
        deadline: None,
    })
}

fn refused(error: IdentifyError) -> GraphqlError {
    let refused = GraphqlError::new(error.message);
    let refused = error
        .extensions
        .into_iter()
        .fold(refused, |refused, (key, value)| refused.with(&key, value));
    refused.with_code(&error.code)
}

/// A subgraph that is a router of this kind says when it shuts down.
fn drained(response: &SubgraphResponse) -> Option<SubgraphError> {
    let SubgraphResponse::Json(body) = response else {
        return None;
    };
    // Nearly every event has data and is not looked at any further.
    find(Scanner::new(body), std::iter::once(&b"errors"[..]))
        .and_then(|range| serde_json::from_slice::<Value>(body.get(range)?).ok())
        .filter(|errors| errors[0]["extensions"]["code"] == code::SERVER_DRAINING)
        .map(|_| SubgraphError::Unavailable("it shuts down".into()))
}
