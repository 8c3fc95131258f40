//! What the GraphQL schemas of domains share.

pub mod directive;
mod events;
mod long;
mod payload;
mod scope;
mod service;
mod viewer;

pub use events::{ResyncRequired, subscribe};
pub use long::Long;
pub use payload::{Payload, mutation};
pub use scope::{Operation, Scope, actor, load, scope};
pub use service::{Direct, Service};
pub use viewer::ViewerId;
