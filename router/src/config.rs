//! The router's configuration: one typed file, unknown keys refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// Everything that can be configured. Each section has working defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouterConfig {
    /// Where requests are taken.
    pub http: Http,
    /// What makes a request too big.
    pub limits: Limits,
    /// Browsers of other origins.
    pub cors: Cors,
    /// Defence against cross-site requests that need no preflight.
    pub csrf: Csrf,
    /// Schema introspection by clients.
    pub introspection: Introspection,
    /// The playground page at `/`.
    pub playground: Playground,
    /// Sizes of caches.
    pub cache: Cache,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Identical queries under way at the same time.
    pub dedup: Dedup,
    /// What is passed on to subgraphs.
    pub headers: Headers,
    /// Subscriptions.
    pub subscriptions: Subscriptions,
    /// Serving another supergraph.
    pub reload: Reload,
    /// Settings for all subgraphs reached over HTTP.
    pub subgraph_defaults: SubgraphDefaults,
    /// Settings by subgraph name; they go before the defaults.
    pub subgraphs: BTreeMap<String, SubgraphOverride>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("the configuration cannot be read: {0}")]
    Syntax(String),
    /// A value that makes no sense.
    #[error("{key}: {problem}")]
    Value {
        /// The key, dotted.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl RouterConfig {
    /// Reads a TOML document and checks it.
    ///
    /// # Errors
    /// On a syntax error, an unknown key, or a value that makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Checks values that types alone do not.
    ///
    /// # Errors
    /// Names the first key with a value that makes no sense.
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = |key: &str, value: u64| {
            (value > 0).then_some(()).ok_or_else(|| ConfigError::Value {
                key: key.to_owned(),
                problem: "must be greater than 0".to_owned(),
            })
        };
        positive("limits.max_body_bytes", self.limits.max_body_bytes as u64)?;
        positive("limits.max_depth", self.limits.max_depth as u64)?;
        positive("limits.max_tokens", self.limits.max_tokens as u64)?;
        positive("timeouts.request_ms", self.timeouts.request_ms)?;
        positive("timeouts.planning_ms", self.timeouts.planning_ms)?;
        positive(
            "subgraph_defaults.timeout_ms",
            self.subgraph_defaults.timeout_ms,
        )?;
        positive("subscriptions.queue", self.subscriptions.queue as u64)?;
        if !self.http.path.starts_with('/') {
            return Err(ConfigError::Value {
                key: "http.path".to_owned(),
                problem: "must start with '/'".to_owned(),
            });
        }
        for origin in &self.cors.origins {
            if http::HeaderValue::from_str(origin).is_err() {
                return Err(ConfigError::Value {
                    key: "cors.origins".to_owned(),
                    problem: format!("{origin:?} is not an origin"),
                });
            }
        }
        Ok(())
    }

    /// The settings of one subgraph, defaults filled in.
    pub fn subgraph(&self, name: &str) -> SubgraphSettings {
        let own = self.subgraphs.get(name).cloned().unwrap_or_default();
        let defaults = &self.subgraph_defaults;
        SubgraphSettings {
            url: own.url,
            subscription_url: own.subscription_url,
            timeout_ms: own.timeout_ms.unwrap_or(defaults.timeout_ms),
            max_response_bytes: own
                .max_response_bytes
                .unwrap_or(defaults.max_response_bytes),
            max_idle_connections: own
                .max_idle_connections
                .unwrap_or(defaults.max_idle_connections),
            http2: own.http2.unwrap_or(defaults.http2),
            subscriptions: own.subscriptions.unwrap_or(defaults.subscriptions),
            subscription_identity: own
                .subscription_identity
                .unwrap_or(defaults.subscription_identity),
            ca_file: own.ca_file.or_else(|| defaults.ca_file.clone()),
        }
    }
}

/// Where requests are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Path of the GraphQL endpoint.
    pub path: String,
    /// Said to clients that send `multipart/form-data`.
    pub upload_hint: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            path: "/graphql".to_owned(),
            upload_hint: "Ask the API for a presigned upload and send the bytes there.".to_owned(),
        }
    }
}

/// What makes a request too big.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body, or of a WebSocket message.
    pub max_body_bytes: usize,
    /// Bytes of a document.
    pub max_document_bytes: usize,
    /// Tokens of a document.
    pub max_tokens: usize,
    /// Levels of fields, fragments expanded.
    pub max_depth: usize,
    /// Aliases, fragments expanded.
    pub max_aliases: usize,
    /// Fields at the root, fragments expanded.
    pub max_root_fields: usize,
    /// Selections, fragments expanded.
    pub max_selections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            max_document_bytes: 100 * 1024,
            max_tokens: 8_000,
            max_depth: 30,
            max_aliases: 200,
            max_root_fields: 50,
            max_selections: 4_000,
        }
    }
}

/// Browsers of other origins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Allowed origins; `*` allows any (without credentials). Empty switches CORS off.
    pub origins: Vec<String>,
    /// Let browsers send cookies. Not possible with `*`.
    pub credentials: bool,
    /// Request headers browsers may send, besides the usual ones.
    pub headers: Vec<String>,
    /// Seconds a browser may keep the answer to a preflight.
    pub max_age_s: u64,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            credentials: false,
            headers: Vec::new(),
            max_age_s: 600,
        }
    }
}

/// Defence against cross-site requests that need no preflight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Csrf {
    /// Refuse what a browser sends to any site without asking first.
    pub enabled: bool,
    /// A request with one of these headers is let through: browsers ask before sending them.
    pub headers: Vec<String>,
}

impl Default for Csrf {
    fn default() -> Self {
        Self {
            enabled: true,
            headers: [
                "x-requested-with",
                "apollo-require-preflight",
                "graphql-preflight",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}

/// Schema introspection by clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Introspection {
    /// Answer `__schema` and `__type`.
    pub enabled: bool,
}

impl Default for Introspection {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The playground page at `/`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Playground {
    /// Serve it.
    pub enabled: bool,
}

impl Default for Playground {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Sizes of caches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Parsed documents; bytes of their texts, at least 1024 for each.
    pub document_bytes: u64,
    /// Plans.
    pub plans: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            document_bytes: 4 * 1024 * 1024,
            plans: 2_000,
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// A whole query or mutation, in milliseconds.
    pub request_ms: u64,
    /// Planning, in milliseconds.
    pub planning_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_ms: 60_000,
            planning_ms: 5_000,
        }
    }
}

/// Identical queries under way at the same time run once. Both are off by
/// default: shared are only requests with the same forwarded headers for the
/// same caller, but what else a subgraph looks at (the request's id, a clock)
/// the router cannot know.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dedup {
    /// Share the answers of subgraphs.
    pub subgraph_requests: bool,
    /// Share whole answers.
    pub client_requests: bool,
}

/// What is passed on to subgraphs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Headers {
    /// Request headers of clients that HTTP subgraphs get as they are.
    pub forward: Vec<String>,
}

/// Subscriptions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscriptions {
    /// Events kept for a client that reads slowly.
    pub queue: usize,
    /// Milliseconds a full queue may stay full before the client is closed.
    pub slow_after_ms: u64,
    /// Open operations per WebSocket.
    pub max_per_connection: usize,
    /// Milliseconds to wait for `connection_init`.
    pub init_timeout_ms: u64,
    /// Milliseconds between pings (WebSocket) or comments (SSE).
    pub keep_alive_ms: u64,
    /// Let identical subscriptions of one caller share one upstream.
    pub share: bool,
    /// Subscription fields whose late subscribers may share too, because what was
    /// sent before them is nothing to them: no field that begins with the present state.
    pub hot_fields: Vec<String>,
    /// Milliseconds before a lost upstream is subscribed to again; doubles each time.
    pub reconnect_initial_ms: u64,
    /// The longest wait in milliseconds.
    pub reconnect_max_ms: u64,
    /// Attempts until subscribers are told; 0 never tries.
    pub reconnect_attempts: u32,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            queue: 64,
            slow_after_ms: 1_000,
            max_per_connection: 100,
            init_timeout_ms: 10_000,
            keep_alive_ms: 12_000,
            share: true,
            hot_fields: Vec::new(),
            reconnect_initial_ms: 100,
            reconnect_max_ms: 5_000,
            reconnect_attempts: 10,
        }
    }
}

/// Serving another supergraph without stopping.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reload {
    /// Seconds between looks at the supergraph's file; 0 never looks.
    pub watch_s: u64,
    /// Seconds between asking subgraphs for their schemas; 0 never asks.
    pub poll_subgraphs_s: u64,
    /// Documents, most used first, that are planned before the new one is served.
    pub warm_operations: usize,
    /// Milliseconds spent on that.
    pub warm_ms: u64,
}

impl Default for Reload {
    fn default() -> Self {
        Self {
            watch_s: 1,
            poll_subgraphs_s: 0,
            warm_operations: 200,
            warm_ms: 5_000,
        }
    }
}

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
}
