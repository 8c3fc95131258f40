//! The accounts domain, as its callers see it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod access_token;
mod app;
mod audit;
mod authority;
mod avatar;
mod clock;
mod event;
mod identity;
mod login;
mod media;
mod own_account;
mod plan;
mod profile;
mod quota;
mod refresh;
mod register;
mod retention;
mod role;
mod schema;
mod seed;
mod session;
mod signing;
mod status;
mod throttle;
mod user;
