//! The router's configuration: one typed file, unknown keys refused.

mod connections;
mod edge;
mod headers;
mod serving;
mod subgraphs;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use self::connections::{Connections, Quotas};
pub use self::edge::{Cors, Csrf, Http, Introspect, Introspection, Limits, Playground};
pub(crate) use self::headers::{check_header, is_own_header};
pub use self::serving::{Cache, Dedup, Headers, Reload, Subscriptions, Timeouts};
pub use self::subgraphs::{
    HeaderSource, SubgraphDefaults, SubgraphOverride, SubgraphSettings, SubscriptionIdentity,
    SubscriptionProtocol,
};

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
    /// Connections of clients.
    pub connections: Connections,
    /// What clients may keep open.
    pub quotas: Quotas,
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
        positive(
            "limits.max_response_bytes",
            self.limits.max_response_bytes as u64,
        )?;
        let connections = &self.connections;
        positive("connections.max", connections.max as u64)?;
        positive(
            "connections.max_per_address",
            connections.max_per_address as u64,
        )?;
        positive("connections.head_ms", connections.head_ms)?;
        positive("connections.idle_ms", connections.idle_ms)?;
        positive("connections.body_ms", connections.body_ms)?;
        positive("connections.write_ms", connections.write_ms)?;
        positive(
            "connections.buffered_bytes",
            connections.buffered_bytes as u64,
        )?;
        positive("subscriptions.queue", self.subscriptions.queue as u64)?;
        if !self.http.path.starts_with('/') {
            return Err(ConfigError::Value {
                key: "http.path".to_owned(),
                problem: "must start with '/'".to_owned(),
            });
        }
        if http::HeaderValue::from_str(&self.http.cache_control).is_err() {
            return Err(ConfigError::Value {
                key: "http.cache_control".to_owned(),
                problem: "is no value of a header".to_owned(),
            });
        }
        for (subgraph, settings) in &self.subgraphs {
            for name in settings.headers.keys() {
                check_header(name).map_err(|problem| ConfigError::Value {
                    key: format!("subgraphs.{subgraph}.headers.{name}"),
                    problem: problem.to_owned(),
                })?;
            }
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
            headers: own.headers,
        }
    }
}
