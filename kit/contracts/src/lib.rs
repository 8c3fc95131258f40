//! What domains promise each other, as types that producer, consumer and subscriber share.
//!
//! * A **fact** ([`atelier_kit::event::Fact`]) is something that has happened in a domain. It is told in
//!   the transaction that makes it true, and others consume it or follow it.
//! * A **command** ([`atelier_kit::peers::Command`]) is an internal mutation that needs an answer at once,
//!   such as reserving a quota.
//! * An **id** names an entity of a domain to all others; a **stub** refers to the entity in their schemas.
//!
//! This crate knows no domain's code: a domain may change everything but what stands here.

pub mod accounts;
/// The domain that `atelier schema scaffold` copies from.
#[cfg(feature = "example")]
#[path = "../../../codegen/example/kit/contracts/src/lighting.rs"]
pub mod lighting;
pub mod media;
pub mod stub;
pub mod tasks;
