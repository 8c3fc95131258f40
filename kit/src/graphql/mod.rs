//! The edge between a domain's schema and whoever calls it.

pub mod directive;
mod long;
mod payload;
mod scope;
mod service;

pub use long::Long;
pub use payload::{Payload, mutation};
pub use scope::{Operation, Scope, actor, load, scope};
pub use service::{Direct, Service};
