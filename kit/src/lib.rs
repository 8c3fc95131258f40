//! What Atelier's subgraphs share; it knows no domain.
//!
//! A domain is built from [`Deps`] into a [`Subgraph`]: a GraphQL schema ([`graphql`]) over
//! operations that decide ([`actor`], [`error`]) and rows that are kept ([`db`], [`page`],
//! [`loader`]). Facts leave it as events ([`event`]), work as tasks ([`jobs`]), requests to addresses
//! that users give by [`outbound`]. Bytes are the crate `atelier-storage`.

pub mod actor;
pub mod clock;
pub mod command;
pub mod config;
pub mod cursor;
pub mod db;
pub mod delivery;
mod deps;
pub mod error;
pub mod event;
pub mod graphql;
pub mod health;
pub mod id;
pub mod jobs;
pub mod loader;
mod locale;
pub mod outbound;
pub mod page;
pub mod peers;
pub mod redis;
pub mod secret;
pub mod stream;
mod subgraph;
pub mod supervise;
pub mod telemetry;
pub mod text;
mod text_enum;
pub mod transaction;

pub use atelier_macros::object;
pub use deps::Deps;
pub use locale::Locale;
pub use subgraph::{KIT_MIGRATIONS, Subgraph, migrate, pending};
