//! async-graphql, with a faster way of its own to resolve objects.
//!
//! Everything of async-graphql is here under the same names, so a subgraph
//! depends on this crate as `async-graphql = { package = "atelier-objects" }`
//! and is written as if it were async-graphql. What differs is what the derive
//! and attribute macros call for an object ([`resolver_utils::resolve_container`]):
//!
//! * fields whose resolvers do not wait cost no allocation of their own
//!   (async-graphql makes two for each field);
//! * fields come back in the order of the request;
//! * a resolver that panics loses its field, not the whole answer, see [`Panicked`];
//! * extensions are not asked about the fields of objects: `Extension::resolve`
//!   runs for root fields and list items only.
//!
//! Fields still run side by side, so batch loaders see them together. Interfaces,
//! unions, objects with custom executable directives, and `serial` objects
//! resolve as they do in async-graphql.

mod container;
mod field;
pub mod positional;
mod selection;
mod values;
mod waiting;

pub use stock::*;

pub use self::field::Panicked;

/// What the macros call.
pub mod resolver_utils {
    pub use stock::resolver_utils::*;

    pub use crate::container::resolve_container;
}
