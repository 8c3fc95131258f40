//! Atelier's accounts: users, how they prove who they are, their permissions and their quotas.
//!
//! # What it owns
//!
//! * Entities: `User` (keys `id` and `username`), `Viewer` (with every other domain).
//! * Tables, in the PostgreSQL schema `accounts`: `account`, `credential`, `session`,
//!   `avatar_change`, `refresh_token`, `signing_key`, `role`, `account_role`, `access_token`,
//!   `access_token_network`, `plan`, `plan_quota`, `quota`, `quota_reservation`, `quota_entry` (the ledger), `audit_event`.
//! * Events, all with the user's id as key: `user.registered`, `user.updated`, `user.deleted`,
//!   `user.status_changed`, `user.roles_changed`, `user.plan_changed`, `user.sessions_revoked`,
//!   `user.quota_changed`.
//! * `/.well-known/jwks.json`.
//!
//! # Identity
//!
//! `docs/IDENTITY.md` explains who may do what to whom, and how accounts are protected.
//!
//! An access token says who somebody is, not what they may do: permissions are looked up, so a
//! change takes effect at the next request. In process this is done by [`IdentityResolver`]; over
//! HTTP by the query
//!
//! ```graphql
//! query IdentityResolve($token: String!) {
//!   identityResolve(token: $token) { userId sessionId scopes plan status expiresAt }
//! }
//! ```
//!
//! for callers with a service identity. Both refuse with `UNAUTHENTICATED`, `TOKEN_EXPIRED` or
//! `ACCOUNT_DISABLED`. Whoever caches the answers must listen on [`IDENTITY_CHANGED`].
//!
//! # What other domains use
//!
//! The facts and commands in `atelier_contracts::accounts`: the life cycle of accounts, and quotas,
//! which are reserved before an operation and committed or released after it. A reservation is held
//! for a week by default and for at most 30 days; then its amount is given back. Committing an
//! expired reservation reserves the amount again.

mod app;
mod config;
mod db;
mod error;
mod graphql;
mod kinds;
mod routes;
mod tables;

use std::sync::Arc;

use atelier_kit::{Deps, Subgraph, error::Error};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use app::{
    identity::{IdentityResolver, ResolvedIdentity},
    seed::{Credentials, DEMO_PASSWORD, DEMO_USERNAME},
};
pub use config::{AccountsConfig, HashCost};
pub use error::AccountsErrorCode;
pub use kinds::{PlanCode, UserStatus};

/// The domain's name, and its PostgreSQL schema.
pub const NAME: &str = "accounts";

/// The Redis pub/sub channel (without prefix) on which the id of a user (`usr_…`) is published
/// after a change that affects what [`IdentityResolver`] returns for that user.
pub const IDENTITY_CHANGED: &str = app::IDENTITY_CHANGED;

/// The migrations that create the domain's tables.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/accounts");

atelier_kit::entity!(
    /// A role: a named set of scopes.
    pub Role, "rol"
);
atelier_kit::entity!(
    /// A personal access token or API key.
    pub AccessToken, "pat"
);
atelier_kit::entity!(
    /// An entry of the audit log.
    pub AuditEvent, "aud"
);

/// Builds the domain.
pub fn subgraph(deps: Deps, config: AccountsConfig) -> Subgraph {
    let accounts = Arc::new(app::Accounts::new(deps.clone(), config));
    let swept = Arc::clone(&accounts);
    Subgraph::new(NAME, deps, graphql::service(&accounts))
        .routes(routes::routes(accounts))
        .every(app::sweep::EVERY, "sweep", move || {
            let accounts = Arc::clone(&swept);
            async move { app::sweep::sweep(&accounts).await }
        })
}

/// Creates the user `admin` with a generated password, if this installation has no administrator
/// yet. The password is returned only here.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn seed_admin(
    deps: &Deps,
    config: &AccountsConfig,
) -> Result<Option<Credentials>, Error> {
    app::seed::admin(deps, config).await
}

/// Creates the user [`DEMO_USERNAME`] with the password [`DEMO_PASSWORD`], unless it exists. Only
/// for installations that nobody else can reach.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn seed_demo(deps: &Deps, config: &AccountsConfig) -> Result<Credentials, Error> {
    app::seed::demo(deps, config).await
}

/// Replaces the key that signs access tokens. Tokens signed by the old key stay valid until they
/// expire; until then, the key stays in the JWKS.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn rotate_signing_key(deps: &Deps, config: &AccountsConfig) -> Result<(), Error> {
    let keys = app::signing::KeyRing::new(config);
    keys.jwks(deps).await?;
    keys.rotate(deps, deps.clock.now()).await?;
    Ok(())
}
