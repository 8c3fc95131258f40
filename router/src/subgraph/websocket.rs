//! Events of a subgraph by graphql-transport-ws: many operations on few connections.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, mpsc};

use super::websocket_connection::{Command, Connection, Target};
use super::{SubgraphError, SubgraphRequest, SubgraphResponse};
use crate::config::{SubgraphSettings, SubscriptionIdentity};

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
    next_id: AtomicU64,
    /// By identity. The lock is held while connecting, so that a burst of
    /// subscriptions opens one connection, not many.
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
}

impl WebsocketSubgraph {
    pub(super) fn new(name: &str, url: &str, settings: &SubgraphSettings) -> Result<Self, String> {
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
        let (events, receiver) = mpsc::channel(QUEUE);
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
        let key = match self.identity {
            SubscriptionIdentity::Connection => hash_of(headers),
            SubscriptionIdentity::Operation => 0,
        };
        let mut connections = self.connections.lock().await;
        if let Some(open) = connections
            .get(&key)
            .filter(|connection| connection.is_open())
        {
            return Ok(Arc::clone(open));
        }
        connections.retain(|_, connection| connection.is_open());
        if connections.len() >= MAX_CONNECTIONS {
            return Err(SubgraphError::Unavailable(
                "too many connections for events".into(),
            ));
        }
        let target = Target {
            name: self.name.clone(),
            url: self.url.clone(),
            limit: self.limit,
            headers: match self.identity {
                SubscriptionIdentity::Connection => headers.clone(),
                SubscriptionIdentity::Operation => HeaderMap::new(),
            },
        };
        let connection = Arc::new(Connection::open(target).await?);
        connections.insert(key, Arc::clone(&connection));
        Ok(connection)
    }

    fn message(&self, id: &str, request: &SubgraphRequest, headers: &HeaderMap) -> String {
        let variables: Value = serde_json::from_slice(&request.variables).unwrap_or_default();
        let mut payload = serde_json::json!({
            "query": request.operation.text(),
            "variables": variables,
        });
        if self.identity == SubscriptionIdentity::Operation {
            payload["extensions"] = serde_json::json!({"headers": as_json(headers)});
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

fn hash_of(headers: &HeaderMap) -> u64 {
    let mut pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    pairs.sort_unstable();
    let mut hasher = DefaultHasher::new();
    pairs.hash(&mut hasher);
    hasher.finish()
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
