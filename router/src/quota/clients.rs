//! What clients of a router may keep open.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Full, Most, Network, Permit, Quota};
use crate::config::Quotas;
use crate::identity::Caller;

/// The quotas of a router.
#[derive(Debug)]
pub(crate) struct ClientQuotas {
    sockets: Arc<Quota>,
    sockets_of_person: Arc<Quota>,
    subscriptions: Arc<Quota>,
    reserved: Arc<Quota>,
}

impl ClientQuotas {
    pub(crate) fn new(config: &Quotas) -> Self {
        let quota = |in_all, per_address, per_person| {
            Quota::new(Most {
                in_all,
                per_address,
                per_person,
            })
        };
        Self {
            sockets: quota(config.sockets, config.sockets_per_address, usize::MAX),
            sockets_of_person: quota(usize::MAX, usize::MAX, config.sockets_per_person),
            subscriptions: quota(
                config.subscriptions,
                config.subscriptions_per_address,
                config.subscriptions_per_person,
            ),
            // In all they are bounded by forgetting the oldest.
            reserved: quota(usize::MAX, config.reserved_streams_per_address, usize::MAX),
        }
    }

    /// A WebSocket, before it is known whose.
    pub(crate) fn socket(&self, address: Option<IpAddr>) -> Result<Permit, Full> {
        self.sockets.take(address.map(Network::of), None)
    }

    /// A WebSocket of this caller.
    pub(crate) fn socket_of(&self, caller: &Caller) -> Result<Permit, Full> {
        self.sockets_of_person.take(None, caller.person())
    }

    /// A subscription.
    pub(crate) fn subscription(
        &self,
        address: Option<IpAddr>,
        caller: &Caller,
    ) -> Result<Permit, Full> {
        let network = address.map(Network::of);
        self.subscriptions.take(network, caller.person())
    }

    /// An event stream that is not open yet.
    pub(crate) fn reserved(&self, address: Option<IpAddr>) -> Result<Permit, Full> {
        self.reserved.take(address.map(Network::of), None)
    }
}
