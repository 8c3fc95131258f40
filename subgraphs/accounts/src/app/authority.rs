//! The rules for granting permissions and for acting on other users.
//!
//! Nobody grants, changes or takes away scopes that they do not hold, and nobody acts on a user who
//! holds scopes that they do not hold. What counts is the credential in use: a token of an
//! administrator that was created with fewer scopes is not an administrator. A caller who holds
//! every scope of the role `admin` holds all scopes, including those that nobody has yet.

use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode, Fail, Refusal},
    id::{Id, User},
    transaction::Tx,
};

use super::role::ADMIN;
use crate::{
    db::role,
    error::{AccountsErrorCode as Code, Outcome},
};

/// Allows reading the private data of the caller's account: email address, sessions, tokens and
/// events. Every session holds it; tokens hold it if they were created with it.
pub const ACCOUNT_READ: &str = "account:read";
/// Allows changing the caller's profile, ending their sessions and revoking their tokens. Held like
/// [`ACCOUNT_READ`].
pub const ACCOUNT_WRITE: &str = "account:write";
/// The scopes that every user has for their own account.
pub const OWN: [&str; 2] = [ACCOUNT_READ, ACCOUNT_WRITE];

/// Returns the scopes of a user whose roles give `by_roles`: those and [`OWN`], sorted.
pub fn with_own(mut by_roles: Vec<String>) -> Vec<String> {
    by_roles.extend(OWN.map(str::to_owned));
    by_roles.sort();
    by_roles.dedup();
    by_roles
}

/// Requires a session, for operations that could take over an account. Access tokens and API keys
/// are refused, whatever their scopes.
///
/// # Errors
/// `UNAUTHENTICATED` if nobody is signed in, `FORBIDDEN` for an access token or API key.
pub fn require_session(actor: &Actor) -> Result<Id<User>, Error> {
    let user = actor.require_user()?;
    match actor.session_id() {
        Some(_) => Ok(user),
        None => Err(Error::with_detail(
            ErrorCode::Forbidden,
            "This requires a session. Access tokens and API keys cannot be used for it.",
        )),
    }
}

/// Requires one of the scopes in [`OWN`], for the caller's own account.
///
/// # Errors
/// `UNAUTHENTICATED` if nobody is signed in, `FORBIDDEN` for a credential without the scope.
pub fn require_own(actor: &Actor, scope: &str) -> Result<Id<User>, Error> {
    let user = actor.require_user()?;
    actor.require_scope(scope)?;
    Ok(user)
}

/// Refuses to grant, change or take away scopes that the caller does not hold.
///
/// # Errors
/// `SCOPE_NOT_HELD` with the first of them.
pub async fn require_held<'a>(
    tx: &mut Tx,
    actor: &Actor,
    scopes: impl IntoIterator<Item = &'a String>,
    path: &str,
) -> Outcome<()> {
    let Some(lacking) = scopes.into_iter().find(|scope| !actor.has_scope(scope)) else {
        return Ok(());
    };
    if holds_everything(tx, actor).await? {
        return Ok(());
    }
    Err(Refusal::new(Code::ScopeNotHeld, path)
        .with("scope", lacking.as_str())
        .into())
}

/// Refuses to act on users of whom one holds a scope that the caller does not hold. Lock the
/// accounts before.
///
/// # Errors
/// `OUTRANKED` if there is one.
pub async fn require_over(
    tx: &mut Tx,
    actor: &Actor,
    users: &[Id<User>],
    path: &str,
) -> Outcome<()> {
    let held: Vec<String> = actor.scopes.iter().cloned().collect();
    if !role::outrank(tx, users, &held).await? || holds_everything(tx, actor).await? {
        return Ok(());
    }
    Err(Fail::refused(Code::Outranked, path))
}

async fn holds_everything(tx: &mut Tx, actor: &Actor) -> Result<bool, Error> {
    let admin = role::by_name(tx, ADMIN).await?;
    Ok(admin.is_some_and(|admin| {
        !admin.scopes.is_empty() && admin.scopes.iter().all(|scope| actor.has_scope(scope))
    }))
}
