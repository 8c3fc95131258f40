//! Connections of clients: who gets one, how long each may keep it waiting, and
//! what waits for them in memory. It knows nothing of GraphQL.

mod activity;
mod admission;
mod body;
mod connection;
mod transport;

pub(crate) use admission::{Admission, refuse};
pub(crate) use connection::{Connector, Served};
