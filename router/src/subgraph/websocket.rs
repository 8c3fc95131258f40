//! Events of a subgraph by graphql-transport-ws: many operations on few connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::tls::Tls;
use super::websocket_connection::{Command, Connection, Target};
use super::{SubgraphError, SubgraphRequest, SubgraphResponse};
use crate::config::{SubgraphSettings, SubscriptionIdentity};
use crate::queue;

type Event = Result<SubgraphResponse, SubgraphError>;

/// Events kept for an operation that is read slowly.
const QUEUE: usize = 256;
/// Connections kept when each caller needs one.
const MAX_CONNECTIONS: usize = 1024;

/// Opens connections when needed and puts operations on them.
#[derive(Debug)]
pub(super) struct WebsocketSubgraph {
    name: String,
    url: String,
    identity: SubscriptionIdentity,
    limit: usize,
    tls: Arc<Tls>,
    next_id: AtomicU64,
    connections: Mutex<HashMap<Identity, Arc<Slot>>>,
}

/// Headers, sorted: those who have the same share a connection.
type Identity = Vec<(HeaderName, HeaderValue)>;

/// The connection of one identity. Its lock is held while connecting, so that a
/// burst of subscriptions opens one connection, not many.
#[derive(Debug, Default)]
struct Slot(tokio::sync::Mutex<Opened>);

#[derive(Debug, Default)]
struct Opened {
    connection: Option<Arc<Connection>>,
    /// Who waited for an attempt that failed does not repeat it at once.
    failed: Option<(Instant, SubgraphError)>,
}

/// How long a failed attempt counts for those who waited for it.
const FAILED: Duration = Duration::from_millis(50);

impl WebsocketSubgraph {
    pub(super) fn new(
        name: &str,
        url: &str,
        settings: &SubgraphSettings,
        tls: Arc<Tls>,
    ) -> Result<Self, String> {
        let url = match url.split_once("://") {
            Some(("http", rest)) => format!("ws://{rest}"),
            Some(("https", rest)) => format!("wss://{rest}"),
            Some(("ws" | "wss", _)) => url.to_owned(),
            _ => return Err(format!("{url:?} is not an absolute URL")),
        };
        Ok(Self {
            name: name.to_owned(),
            url,
            identity: settings.subscription_identity,
            limit: settings.max_response_bytes,
            tls,
            next_id: AtomicU64::new(1),
            connections: Mutex::default(),
        })
    }

    pub(super) async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Event>, SubgraphError> {
        let headers = identity_headers(&request);
        let connection = self.connection(&headers).await?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).to_string();
        // One place is kept for saying why no more come.
        let (events, receiver) = queue::bounded(QUEUE + 1);
        let message = self.message(&id, &request, &headers);
        connection.send(Command::Subscribe {
            id: id.clone(),
            message,
            events,
        })?;
        let guard = Guard { connection, id };
        // The guard tells the subgraph when nobody listens any more.
        let stream =
            futures::stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
                let event = receiver.recv().await?;
                Some((event, (receiver, guard)))
            });
        Ok(stream.boxed())
    }

    async fn connection(&self, headers: &HeaderMap) -> Result<Arc<Connection>, SubgraphError> {
        let headers = match self.identity {
            SubscriptionIdentity::Connection => headers.clone(),
            SubscriptionIdentity::Operation => HeaderMap::new(),
        };
        let slot = self.slot(&headers)?;
        let mut opened = slot.0.lock().await;
        if let Some(open) = opened.connection.as_ref().filter(|open| open.is_open()) {
            return Ok(Arc::clone(open));
        }
        if let Some((at, error)) = &opened.failed
            && at.elapsed() < FAILED
        {
            return Err(error.clone());
        }
        let target = Target {
            name: self.name.clone(),
            url: self.url.clone(),
            limit: self.limit,
            tls: Arc::clone(&self.tls),
            headers,
        };
        match Connection::open(target).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                opened.failed = None;
                opened.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                opened.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn slot(&self, headers: &HeaderMap) -> Result<Arc<Slot>, SubgraphError> {
        let mut key: Identity = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        key.sort_by(|a, b| (a.0.as_str(), a.1.as_bytes()).cmp(&(b.0.as_str(), b.1.as_bytes())));
        let mut slots = self.connections.lock();
        if let Some(slot) = slots.get(&key) {
            return Ok(Arc::clone(slot));
        }
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_open());
        if slots.len() >= MAX_CONNECTIONS {
            let what = "too many connections for events".to_owned();
            return Err(SubgraphError::Unavailable(what));
        }
        let slot = Arc::<Slot>::default();
        slots.insert(key, Arc::clone(&slot));
        Ok(slot)
    }

    fn message(&self, id: &str, request: &SubgraphRequest, headers: &HeaderMap) -> String {
        let variables: Value = serde_json::from_slice(&request.variables).unwrap_or_default();
        let mut payload = serde_json::json!({
            "query": request.operation.text(),
            "variables": variables,
        });
        if self.identity == SubscriptionIdentity::Operation {
            let mut headers = as_json(headers);
            headers.insert("x-request-id".into(), (*request.context.request_id).into());
            payload["extensions"] = serde_json::json!({"headers": headers});
        }
        serde_json::json!({"id": id, "type": "subscribe", "payload": payload}).to_string()
    }
}

/// What the subgraph is told of the caller.
fn identity_headers(request: &SubgraphRequest) -> HeaderMap {
    let mut headers = request.context.headers.clone();
    headers.extend(request.context.caller.forward.clone());
    headers
}

/// Headers as a JSON object.
pub(super) fn as_json(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), Value::from(value.to_str().ok()?))))
        .collect()
}

impl Slot {
    fn is_open(&self) -> bool {
        let Ok(opened) = self.0.try_lock() else {
            return true;
        };
        let connection = opened.connection.as_ref();
        connection.is_some_and(|connection| connection.is_open())
    }
}

struct Guard {
    connection: Arc<Connection>,
    id: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails when the connection is gone, and the operation with it.
        let _ = self
            .connection
            .send(Command::Complete(std::mem::take(&mut self.id)));
    }
}
