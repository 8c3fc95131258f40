//! How subgraphs are reached over HTTP.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// How a subgraph is asked for events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionProtocol {
    /// graphql-transport-ws, many operations on one connection.
    #[default]
    Websocket,
    /// graphql-sse, one request per operation.
    Sse,
    /// `multipart/mixed` (subscriptionSpec 1.0), one request per operation.
    Multipart,
}

/// How a subgraph learns, over a WebSocket, for whom it sends events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionIdentity {
    /// From the headers of the connection and the payload of `connection_init`.
    /// Any GraphQL server understands it; each identity has a connection of its own.
    #[default]
    Connection,
    /// From `extensions.headers` of each operation. One connection carries the
    /// operations of all callers; the subgraph must read the extension.
    Operation,
}

/// Settings for all subgraphs reached over HTTP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubgraphDefaults {
    /// One request, in milliseconds.
    pub timeout_ms: u64,
    /// Bytes of an answer.
    pub max_response_bytes: usize,
    /// Kept-alive connections per subgraph.
    pub max_idle_connections: usize,
    /// Speak HTTP/2 without TLS (h2c).
    pub http2: bool,
    /// How to subscribe.
    pub subscriptions: SubscriptionProtocol,
    /// How the subgraph learns who subscribes.
    pub subscription_identity: SubscriptionIdentity,
    /// Root certificates (PEM) that are believed besides the machine's.
    pub ca_file: Option<PathBuf>,
}

impl Default for SubgraphDefaults {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            max_response_bytes: 32 * 1024 * 1024,
            max_idle_connections: 128,
            http2: false,
            subscriptions: SubscriptionProtocol::default(),
            subscription_identity: SubscriptionIdentity::default(),
            ca_file: None,
        }
    }
}

/// Settings of one subgraph; what is missing comes from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubgraphOverride {
    /// Address instead of the one in the supergraph.
    pub url: Option<String>,
    /// Address for subscriptions when it is another one.
    pub subscription_url: Option<String>,
    /// One request, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Bytes of an answer.
    pub max_response_bytes: Option<usize>,
    /// Kept-alive connections.
    pub max_idle_connections: Option<usize>,
    /// Speak HTTP/2 without TLS (h2c).
    pub http2: Option<bool>,
    /// How to subscribe.
    pub subscriptions: Option<SubscriptionProtocol>,
    /// How the subgraph learns who subscribes.
    pub subscription_identity: Option<SubscriptionIdentity>,
    /// Root certificates (PEM) that are believed besides the machine's.
    pub ca_file: Option<PathBuf>,
    /// Headers of every request to it, by name.
    pub headers: BTreeMap<String, HeaderSource>,
}

/// Where the value of a header comes from. Secrets stay out of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderSource {
    /// A variable of the environment.
    Env(String),
    /// A file; white space around its text is not part of the value.
    File(PathBuf),
    /// The value itself, for what is no secret.
    Value(String),
}

/// The settings of one subgraph, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct SubgraphSettings {
    /// Address instead of the one in the supergraph.
    pub url: Option<String>,
    /// Address for subscriptions when it is another one.
    pub subscription_url: Option<String>,
    /// One request, in milliseconds.
    pub timeout_ms: u64,
    /// Bytes of an answer.
    pub max_response_bytes: usize,
    /// Kept-alive connections.
    pub max_idle_connections: usize,
    /// Speak HTTP/2 without TLS (h2c).
    pub http2: bool,
    /// How to subscribe.
    pub subscriptions: SubscriptionProtocol,
    /// How the subgraph learns who subscribes.
    pub subscription_identity: SubscriptionIdentity,
    /// Root certificates (PEM) that are believed besides the machine's.
    pub ca_file: Option<PathBuf>,
    /// Headers of every request to it, by name.
    pub headers: BTreeMap<String, HeaderSource>,
}
