//! The contracts between domains, as types that producers, consumers and subscribers share.
//!
//! * A **fact** ([`atelier_kit::event::Fact`]) is something that has happened in a domain. It is
//!   recorded in the transaction that makes it true; other domains consume it, and subscriptions
//!   follow it.
//! * A **command** ([`atelier_kit::command::Command`]) is an internal mutation of a domain that
//!   another domain calls when it needs an answer at once, such as to reserve a quota.
//! * An **id** identifies an entity; a **stub** refers to an entity of another domain in a schema.
//!
//! This crate depends on no domain: a domain may change everything except what is declared here.

pub mod accounts;
pub mod audience;
/// The domain that `atelier schema scaffold` copies from.
#[cfg(feature = "example")]
#[path = "../../../codegen/example/kit/contracts/src/lighting.rs"]
pub mod lighting;
pub mod media;
pub mod stub;
pub mod tasks;
