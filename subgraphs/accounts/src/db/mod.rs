//! The domain's statements: the only place with SQL.

pub mod access_token;
pub mod account;
pub mod audit;
pub mod avatar_change;
pub mod credential;
pub mod identity;
pub mod plan;
pub mod quota;
pub mod reservation;
pub mod retention;
pub mod role;
pub mod session;
pub mod signing_key;

pub use atelier_kit::{newest_first, page::TimePage};
