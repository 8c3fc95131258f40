//! The event streams of graphql-sse's single connection mode: each carries the answers of
//! many operations of one caller.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::queue;
use crate::quota::{Budget, Charge, Permit};

/// All reserved and open streams of a router.
#[derive(Debug, Default)]
pub(crate) struct EventStreams(pub(crate) Mutex<HashMap<String, EventStream>>);

/// A stream of one caller, from the time it is reserved.
#[derive(Debug)]
pub(crate) struct EventStream {
    pub(crate) fingerprint: u64,
    pub(crate) since: Instant,
    pub(crate) sender: queue::Sender<Queued>,
    /// Taken when the stream is opened.
    pub(crate) receiver: Option<queue::Receiver<Queued>>,
    /// Bytes that wait for somebody to open the stream.
    pub(crate) waiting: usize,
    pub(crate) address: Option<IpAddr>,
    /// One of those that an address may have: of reserved streams, of sockets once it is open.
    pub(crate) permit: Permit,
    pub(crate) operations: HashMap<String, Running>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.operations.values().for_each(Running::abort);
    }
}

/// An operation that runs, or is about to.
#[derive(Debug)]
pub(crate) struct Running {
    /// Tells it from others that have had its name.
    pub(crate) number: u64,
    pub(crate) task: Option<AbortHandle>,
}

impl Running {
    pub(crate) fn abort(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// An event that waits to be read, which counts against what the router holds for clients.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) event: Bytes,
    _charge: Charge,
}

impl Queued {
    /// An event, counted until it is dropped.
    pub(crate) fn counted(event: Bytes, budget: &Budget) -> Self {
        Self {
            _charge: budget.charge(event.len()),
            event,
        }
    }
}
