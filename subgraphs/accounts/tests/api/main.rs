//! The accounts domain, as its callers see it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod access_token;
mod app;
mod audit;
mod event;
mod identity;
mod login;
mod plan;
mod profile;
mod quota;
mod register;
mod retention;
mod role;
mod schema;
mod seed;
mod session;
mod signing;
mod status;
mod user;
