//! The first users: an administrator, and on request a demo user.

use anyhow::Context;
use atelier_kit::Subgraph;

use crate::domains::Shared;

/// The administrator that was made.
pub struct Admin {
    /// The name to sign in with.
    pub username: String,
    /// The generated password, kept nowhere.
    pub password: String,
}

/// Makes an administrator if there is none, and the demo user if wanted.
///
/// # Errors
/// If accounts cannot write to its database.
pub async fn run(
    subgraphs: &[Subgraph],
    shared: &Shared,
    demo: bool,
) -> anyhow::Result<Option<Admin>> {
    let accounts = subgraphs
        .iter()
        .find(|subgraph| subgraph.name == atelier_accounts::NAME)
        .context("no accounts")?;
    let config = crate::domains::accounts_config(shared)?;
    let told = |error: atelier_kit::error::Error| {
        anyhow::anyhow!(
            "seeding: {}",
            error.cause_chain().unwrap_or_else(|| error.to_string())
        )
    };
    let admin = atelier_accounts::seed_admin(&accounts.deps, &config)
        .await
        .map_err(told)?;
    if demo {
        atelier_accounts::seed_demo(&accounts.deps, &config)
            .await
            .map_err(told)?;
    }
    Ok(admin.map(|credentials| Admin {
        username: credentials.username,
        password: credentials.password,
    }))
}
