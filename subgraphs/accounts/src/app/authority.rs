//! The one guard for everything that is granted and everybody who is acted upon.
//!
//! Nobody grants, changes or takes away more than they hold, and nobody acts on an account that may
//! do what they may not. What somebody holds is what the credential in use holds: a token of an
//! administrator that was made for less is no administrator. Who holds every scope of the role `admin`
//! holds everything, so that scopes can be named that nobody has yet.

use atelier_kit::{
    actor::Actor,
    db::Tx,
    error::{Error, ErrorCode, Fail, Refusal},
    id::{Id, User},
};

use super::role::ADMIN;
use crate::{
    db::role,
    error::{AccountsErrorCode as Code, Outcome},
};

/// Reads what belongs to the caller's account: mail address, sessions, tokens, what happens to it.
/// Every session holds it; tokens hold it if they were made with it.
pub const ACCOUNT_READ: &str = "account:read";
/// Changes the caller's profile and ends their sessions and tokens. Held as [`ACCOUNT_READ`] is.
pub const ACCOUNT_WRITE: &str = "account:write";
/// What everybody may do with an account of their own.
pub const OWN: [&str; 2] = [ACCOUNT_READ, ACCOUNT_WRITE];

/// The scopes of somebody whose roles give `by_roles`: those, and what everybody holds. Sorted.
pub fn with_own(mut by_roles: Vec<String>) -> Vec<String> {
    by_roles.extend(OWN.map(str::to_owned));
    by_roles.sort();
    by_roles.dedup();
    by_roles
}

/// What could take over the account is only for those who have signed in, whatever scopes their
/// programs have.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for programs.
pub fn require_session(actor: &Actor) -> Result<Id<User>, Error> {
    let user = actor.require_user()?;
    match actor.session_id() {
        Some(_) => Ok(user),
        None => Err(Error::with_detail(
            ErrorCode::Forbidden,
            "This needs a sign-in; access tokens and API keys cannot do it.",
        )),
    }
}

/// Demands one of the scopes in [`OWN`] for the caller's own account.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for a credential without the scope.
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

/// Refuses to act on accounts of which one may do what the caller may not. Call it when they are
/// locked.
///
/// # Errors
/// `OUTRANKED`.
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
