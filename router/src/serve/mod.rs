//! Connections of clients: who gets one, how long each may keep it waiting, and
//! what waits for them in memory. It knows nothing of GraphQL.

mod body;
mod connection;
mod door;
mod pace;
mod transport;

pub(crate) use connection::{Connector, Served};
pub(crate) use door::{Door, turn_away};
