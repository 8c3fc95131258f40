//! What clients may hold: connections, sockets, subscriptions, memory.

use serde::Deserialize;

/// Connections of clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// Open at the same time.
    pub max: usize,
    /// Open at the same time from one address (IPv6: from one /64).
    pub max_per_address: usize,
    /// Milliseconds from the first byte of a request, and of a new connection, to the
    /// end of the request's head.
    pub head_ms: u64,
    /// Milliseconds a connection may be idle between requests.
    pub idle_ms: u64,
    /// Milliseconds that a request's body may take.
    pub body_ms: u64,
    /// Milliseconds a client may take nothing of what is sent to it.
    pub write_ms: u64,
    /// Bytes a second that a client must take on average, once it keeps the sender waiting.
    pub write_bytes_per_s: u64,
    /// Requests at the same time on one HTTP/2 connection.
    pub max_streams: u32,
    /// Bytes of answers that wait for clients to take them, over all connections.
    pub buffered_bytes: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max: 20_000,
            max_per_address: 5_000,
            head_ms: 10_000,
            idle_ms: 75_000,
            body_ms: 60_000,
            write_ms: 30_000,
            write_bytes_per_s: 4_096,
            max_streams: 200,
            buffered_bytes: 256 * 1024 * 1024,
        }
    }
}

/// What clients may keep open.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// WebSockets.
    pub sockets: usize,
    /// WebSockets from one address (IPv6: from one /64).
    pub sockets_per_address: usize,
    /// WebSockets of one person.
    pub sockets_per_person: usize,
    /// Subscriptions over any transport.
    pub subscriptions: usize,
    /// Subscriptions from one address.
    pub subscriptions_per_address: usize,
    /// Subscriptions of one person.
    pub subscriptions_per_person: usize,
    /// Event streams for many operations that are reserved but not open yet. When
    /// there are more, the oldest is forgotten.
    pub reserved_streams: usize,
    /// Those of one address.
    pub reserved_streams_per_address: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            sockets: 20_000,
            sockets_per_address: 5_000,
            sockets_per_person: 500,
            subscriptions: 200_000,
            subscriptions_per_address: 50_000,
            subscriptions_per_person: 5_000,
            reserved_streams: 10_000,
            reserved_streams_per_address: 100,
        }
    }
}
