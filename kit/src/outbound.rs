//! Requests to user-supplied addresses: webhooks, imports, sign-in with other providers.
//!
//! Users must not be able to reach what only this machine can reach: its own ports, the private
//! network, the metadata service of a cloud (server-side request forgery, in OWASP's terms). So
//! every such request goes through [`Outbound`], never through a plain HTTP client:
//!
//! - **Addresses** are checked where the connection is made ([`address::is_public`]), after the
//!   name has been resolved: a name that resolves to another address the second time (DNS
//!   rebinding) gains nothing. If one address of a name is not public, all are refused. Addresses
//!   written in the URL, in whatever form, are checked by the same code.
//! - **Redirects** are followed by the same rules, hop by hop, a bounded number of times, never
//!   from `https` to `http`, and without the caller's headers if they lead to another origin.
//! - **Schemes and ports** are those of the policy; credentials in URLs are refused.
//! - **Time and bytes** are bounded for the request as a whole, redirects included. Responses are
//!   not decompressed.
//! - **Proxies** named in the environment are not used, because they would connect to any address.
//!
//! Operators can allow private networks ([`OutboundConfig::allow_networks`]). Users are told about
//! failures by the text of [`OutboundError`], which does not distinguish names that do not exist
//! from names that are private.

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
