//! Lighting: say here what the domain is for.
//!
//! * Entities: `Lamp` (`lmp_`).
//! * Tables (PostgreSQL schema `lighting`): `lamp`.
//! * Facts: [`atelier_contracts::lighting`].

mod app;
mod db;
mod error;
mod graphql;
mod tables;

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{Deps, Subgraph};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use error::LightingErrorCode;

/// The domain's name, which is also its PostgreSQL schema.
pub const NAME: &str = "lighting";

/// The domain's tables.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/lighting");

/// Builds the domain.
pub fn subgraph(deps: Deps) -> Subgraph {
    let service = graphql::service(&deps);
    Subgraph::new(NAME, deps, service).on::<UserDeleted>("forget_user", app::ForgetUser)
}
