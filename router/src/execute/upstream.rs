//! One subscription to a subgraph that outlives its connection: when the
//! subgraph is lost it is subscribed to again behind the last event's cursor.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::config::Subscriptions;
use crate::error::{GraphqlError, code};
use crate::identity::Caller;
use crate::json::scan::{Scanner, find};
use crate::json::write;
use crate::operation::resume::Resumption;
use crate::plan::Fetch;
use crate::snapshot::{Snapshot, Subgraphs};
use crate::subgraph::{
    RequestContext, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};

type Events = BoxStream<'static, Result<SubgraphResponse, SubgraphError>>;

/// Headers for subgraphs that are older are made anew before they are used.
const FRESH: Duration = Duration::from_secs(30);

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

/// What is subscribed to.
pub(super) struct Source {
    pub(super) subgraph: Arc<str>,
    pub(super) operation: Arc<crate::subgraph::SubgraphOperation>,
    /// Variables without the cursor.
    pub(super) variables: Map<String, Value>,
    pub(super) keys: Vec<(String, Box<[u8]>)>,
    pub(super) resumption: Option<Resumption>,
    /// Response keys of the root fields.
    pub(super) roots: Vec<Box<[u8]>>,
}

impl Source {
    pub(super) fn new(
        fetch: &Fetch,
        variables: &Map<String, Value>,
        resumption: Option<&Resumption>,
    ) -> Self {
        let roots = match &fetch.target {
            crate::plan::Target::Root { shape } => {
                shape.fields.iter().map(|field| field.key.clone()).collect()
            }
            crate::plan::Target::Entities { .. } => Vec::new(),
        };
        Self {
            subgraph: Arc::clone(&fetch.subgraph),
            operation: Arc::clone(&fetch.operation),
            variables: variables.clone(),
            keys: fetch.variables.clone(),
            resumption: resumption.cloned(),
            roots,
        }
    }

    /// The variables of the request, with `cursor` among them.
    pub(super) fn body(&self, cursor: Option<&Value>) -> Vec<u8> {
        let own = self.resumption.as_ref().map(|r| r.variable.as_str());
        let mut out = b"{".to_vec();
        for (name, key) in &self.keys {
            let value = match own == Some(name) {
                true => cursor,
                false => self.variables.get(name),
            };
            if let Some(value) = value {
                if out.len() > 1 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                write::value(&mut out, value);
            }
        }
        out.push(b'}');
        out
    }

    /// The cursor in an event.
    fn cursor(&self, response: &SubgraphResponse) -> Option<Value> {
        let resumption = self.resumption.as_ref()?;
        self.roots.iter().find_map(|root| {
            resumption.paths.iter().find_map(|path| {
                let value = match response {
                    SubgraphResponse::Json(body) => {
                        let keys = ["data".as_bytes(), root]
                            .into_iter()
                            .chain(path.iter().map(String::as_bytes));
                        let range = find(Scanner::new(body), keys)?;
                        serde_json::from_slice(body.get(range)?).ok()
                    }
                    SubgraphResponse::Values { data, .. } => {
                        let root = std::str::from_utf8(root).ok()?;
                        let mut at = data;
                        for key in [root].into_iter().chain(path.iter().map(String::as_str)) {
                            let async_graphql::Value::Object(fields) = at else {
                                return None;
                            };
                            at = fields.get(key)?;
                        }
                        at.clone().into_json().ok()
                    }
                };
                value.filter(|value: &Value| value.is_string() || value.is_number())
            })
        })
    }
}

/// See the module.
pub(super) struct Upstream {
    pub(super) source: Arc<Source>,
    /// Where subgraphs are now.
    pub(super) subgraphs: Arc<Subgraphs>,
    /// Of the snapshot they are from.
    generation: u64,
    context: Arc<RequestContext>,
    renewed: Instant,
    config: Subscriptions,
    reloads: watch::Receiver<Option<Arc<Snapshot>>>,
    events: Events,
    cursor: Option<Value>,
    /// An event was given out.
    sent: bool,
    /// The next event may be the last one told again.
    resumed: bool,
}

impl Upstream {
    pub(super) fn new(
        source: Arc<Source>,
        snapshot: &Snapshot,
        context: Arc<RequestContext>,
        cursor: Option<Value>,
        mut reloads: watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Self {
        // One may have come since the snapshot was taken.
        reloads.mark_changed();
        Self {
            source,
            subgraphs: Arc::clone(&snapshot.subgraphs),
            generation: snapshot.generation,
            context,
            renewed: Instant::now(),
            config: snapshot.config.subscriptions.clone(),
            reloads,
            events: futures::stream::pending().boxed(),
            cursor,
            sent: false,
            resumed: false,
        }
    }

    /// Subscribes for the first time.
    pub(super) async fn open(&mut self) -> Result<(), Lost> {
        self.events = self.subscribe().await?;
        Ok(())
    }

    /// The next event; `None` when the subgraph says it is over.
    pub(super) async fn next(&mut self) -> Option<Result<Event, Lost>> {
        loop {
            let lost = tokio::select! {
                event = self.events.next() => match event? {
                    Ok(response) => match drained(&response) {
                        None => match self.event(response) {
                            Some(event) => return Some(Ok(event)),
                            None => continue,
                        },
                        Some(lost) => lost,
                    },
                    Err(error) => error,
                },
                Ok(()) = self.reloads.changed() => {
                    if self.moved() && self.cursor.is_some() {
                        SubgraphError::Unavailable("the subgraph has moved".into())
                    } else {
                        continue;
                    }
                }
            };
            if !self.may_resume(&lost) {
                return Some(Err(Lost::Subgraph(lost)));
            }
            if let Err(lost) = self.resume(lost).await {
                return Some(Err(lost));
            }
        }
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
        passing && lossless && self.config.reconnect_attempts > 0
    }

    /// Takes over where subgraphs are now; true when this one is elsewhere.
    fn moved(&mut self) -> bool {
        let latest = self.reloads.borrow_and_update().clone();
        let Some(snapshot) = latest.filter(|latest| latest.generation > self.generation) else {
            return false;
        };
        self.generation = snapshot.generation;
        let known = self.subgraphs.get(&self.source.subgraph);
        let now = snapshot.subgraphs.get(&self.source.subgraph);
        let moved = match (known, now) {
            (Some(known), Some(now)) => !std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(now)),
            _ => false,
        };
        // A subgraph that is no longer in the supergraph may still be needed.
        if self
            .subgraphs
            .keys()
            .all(|name| snapshot.subgraphs.contains_key(name))
        {
            self.subgraphs = Arc::clone(&snapshot.subgraphs);
        }
        moved
    }

    /// Subscribes again, with growing pauses between attempts.
    async fn resume(&mut self, lost: SubgraphError) -> Result<(), Lost> {
        tracing::info!(
            target: "atelier_router::fetch",
            subgraph = %self.source.subgraph,
            request.id = %self.context.request_id,
            detail = %lost,
            "subscription lost; subscribing again"
        );
        // What is left of the old connection must not come between.
        self.events = futures::stream::pending().boxed();
        let mut last = Lost::Subgraph(lost);
        for attempt in 0..self.config.reconnect_attempts {
            let delay = self.delay(attempt);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                Ok(()) = self.reloads.changed() => { self.moved(); }
            }
            match self.subscribe().await {
                Ok(events) => {
                    metrics::counter!("graphql_subscriptions_resumed_total", "subgraph" => self.source.subgraph.to_string())
                        .increment(1);
                    self.events = events;
                    self.resumed = self.cursor.is_some();
                    return Ok(());
                }
                Err(Lost::Subgraph(error)) => last = Lost::Subgraph(error),
                Err(refused) => return Err(refused),
            }
        }
        Err(last)
    }

    /// Doubles with each attempt up to the maximum; from half of it to all of it,
    /// so that many subscriptions do not come back at once.
    fn delay(&self, attempt: u32) -> Duration {
        let doubled = self
            .config
            .reconnect_initial_ms
            .saturating_mul(1 << attempt.min(16));
        let whole = doubled.min(self.config.reconnect_max_ms).max(1);
        let random = RandomState::new().hash_one(attempt);
        Duration::from_millis(whole / 2 + random % (whole / 2 + 1))
    }

    /// The context with headers that still hold.
    pub(super) async fn context(&mut self) -> Result<Arc<RequestContext>, Lost> {
        let Some(renew) = &self.context.caller.renew else {
            return Ok(Arc::clone(&self.context));
        };
        if self.renewed.elapsed() > FRESH {
            let forward = renew.headers().await.map_err(|error| {
                let refused = GraphqlError::new(error.message).with_code(&error.code);
                Lost::Refused(refused)
            })?;
            self.context = Arc::new(RequestContext {
                request_id: Arc::clone(&self.context.request_id),
                caller: Arc::new(Caller {
                    forward,
                    ..(*self.context.caller).clone()
                }),
                headers: self.context.headers.clone(),
                propagate: self.context.propagate.clone(),
                deadline: None,
            });
            self.renewed = Instant::now();
        }
        Ok(Arc::clone(&self.context))
    }

    async fn subscribe(&mut self) -> Result<Events, Lost> {
        let context = self.context().await?;
        let client: Option<Arc<dyn SubgraphClient>> =
            self.subgraphs.get(&self.source.subgraph).cloned();
        let Some(client) = client else {
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
