//! Requests to addresses that users give: webhooks, imports, sign-in with other providers.
//!
//! Whoever names an address must not reach with it what only this machine can reach: its own ports,
//! the private network, the metadata service of a cloud (OWASP: server-side request forgery). So
//! every such request goes through [`Outbound`], never through a plain HTTP client:
//!
//! - **Addresses** are judged where the connection is made ([`address::is_public`]), after the name
//!   was resolved: a name that gives another address the second time (DNS rebinding) gains nothing.
//!   One address of an answer that is not public refuses the whole answer. Addresses written in the
//!   URL, in whatever form, are judged by the same code.
//! - **Redirects** are followed by the same rules, hop by hop, a bounded number of times, never from
//!   `https` to `http`, and without headers of the caller's to another origin.
//! - **Schemes and ports** are those of the policy; credentials in URLs are refused.
//! - **Time and bytes** are bounded over everything, redirects included. Answers are not decompressed.
//! - **Proxies** named in the environment are not used: they would connect to anything.
//!
//! An operator whose webhooks live in a private network names it
//! ([`OutboundConfig::allow_networks`]). What a user is told about a failure is
//! [`OutboundError`]'s text, which does not tell names that do not exist from names that are
//! private.

pub mod address;
mod client;
mod connect;
mod error;
mod policy;
mod redirect;

pub use client::{Outbound, OutboundAnswer, OutboundRequest};
pub use connect::{Lookup, SystemLookup};
pub use error::OutboundError;
pub use policy::{OutboundConfig, networks};
