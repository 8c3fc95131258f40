//! How requests and subscriptions are served.

use serde::Deserialize;

/// Sizes of caches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Bytes of memory for documents with what was made of them, as estimated.
    pub document_bytes: u64,
    /// Bytes of memory for plans of other writings of the same operations.
    pub plan_bytes: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            document_bytes: 96 * 1024 * 1024,
            plan_bytes: 32 * 1024 * 1024,
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
