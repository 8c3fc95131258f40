//! How facts get from a domain's outbox to other domains and to subscribers.
//!
//! The [`Relay`] publishes a domain's outbox to its Redis stream, in order and exactly once. Other
//! domains consume it ([`Consume`]); subscriptions replay and follow it ([`follow`]).

mod consume;
mod follow;
mod relay;

pub use consume::{Consume, Consumer, run_consumer};
pub use follow::{Followed, follow};
pub use relay::Relay;

pub use crate::stream::Interest;
