//! Atelier's accounts: who there is, how they prove it, what they may do and how much of it.
//!
//! # What it owns
//!
//! * Entities: `User` (keys `id` and `username`), `Viewer` (with every other domain).
//! * Tables, in the PostgreSQL schema `accounts`: `account`, `credential`, `session`,
//!   `refresh_token`, `signing_key`, `role`, `account_role`, `access_token`, `access_token_network`,
//!   `plan`, `plan_quota`, `quota`, `quota_reservation`, `quota_entry` (the ledger), `audit_event`.
//! * Events, all with the user's id as key: `user.registered`, `user.updated`, `user.deleted`,
//!   `user.status_changed`, `user.roles_changed`, `user.plan_changed`, `user.sessions_revoked`,
//!   `user.quota_changed`.
//! * `/.well-known/jwks.json`.
//!
//! # Identity
//!
//! Who may do what to whom, and what protects an account, is in `docs/IDENTITY.md`.
//!
//! An access token says who somebody is, not what they may do: that is looked up, so a change counts
//! at the next request. [`IdentityResolver`] does it in process; over HTTP it is the query
//!
//! ```graphql
//! query IdentityResolve($token: String!) {
//!   identityResolve(token: $token) { userId sessionId scopes plan status expiresAt }
//! }
//! ```
//!
//! for callers with a service identity. Both refuse with `UNAUTHENTICATED`, `TOKEN_EXPIRED` or
//! `ACCOUNT_DISABLED`. Who keeps answers listens on [`IDENTITY_CHANGED`].
//!
//! # What other domains use
//!
//! The facts and commands in `atelier_contracts::accounts`: an account's life, and quotas that are
//! reserved before a use, committed after it, or released. A reservation is held for a week unless told
//! otherwise, at most 30 days, and then given back by itself. Committing late, after it has run out, takes
//! it anew.

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

/// The Redis pub/sub channel (without prefix) on which the ids of users are published, one in each
/// message (`usr_…`), after something was committed that changes what [`IdentityResolver`] answers for
/// them.
pub const IDENTITY_CHANGED: &str = app::IDENTITY_CHANGED;

/// The domain's tables.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/accounts");

atelier_kit::entity!(
    /// A named set of scopes.
    pub Role, "rol"
);
atelier_kit::entity!(
    /// A token that a user made for a program.
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

/// Makes the user `admin` with a generated password, if nobody administers this installation yet.
/// The password is told this once.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn seed_admin(
    deps: &Deps,
    config: &AccountsConfig,
) -> Result<Option<Credentials>, Error> {
    app::seed::admin(deps, config).await
}

/// Makes the user [`DEMO_USERNAME`] with the password [`DEMO_PASSWORD`], unless there is one. Only for
/// installations that nobody else can reach.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn seed_demo(deps: &Deps, config: &AccountsConfig) -> Result<Credentials, Error> {
    app::seed::demo(deps, config).await
}

/// Lets a new key sign access tokens from now on. Tokens signed by the old one stay valid until they
/// run out; until then it stays in the JWKS.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn rotate_signing_key(deps: &Deps, config: &AccountsConfig) -> Result<(), Error> {
    let keys = app::signing::KeyRing::new(config);
    keys.jwks(deps).await?;
    keys.rotate(deps, deps.clock.now()).await?;
    Ok(())
}
