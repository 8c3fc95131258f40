//! What is generated from the subgraphs' schemas, and the rules that a schema has to follow.
//!
//! - [`prepare_subgraph`] turns the SDL that async-graphql exports into the one that is committed.
//! - [`generate()`] writes `schema/`: each subgraph, the supergraph, the API schema; it refuses what
//!   breaks clients (unless told so) and what breaks a rule ([`lint`]).
//! - [`error_reference`] writes `docs/ERRORS.md`.
//! - [`tables`] writes `subgraphs/*/src/tables.rs` from PostgreSQL's catalogue.
//! - [`scaffold()`] starts a new subgraph crate.
//!
//! The typed TypeScript client is made by `codegen/typescript` from `schema/api.graphql`.

mod applied;
mod error_reference;
mod federation;
pub mod generate;
pub mod lint;
mod prepare;
mod scaffold;
pub mod tables;

pub use error_reference::{CodeSpec, CodeSpecs, error_reference};
pub use generate::{GenerateError, Report, generate, outdated};
pub use prepare::{PrepareError, prepare_subgraph};
pub use scaffold::{Scaffold, ScaffoldError, scaffold};
