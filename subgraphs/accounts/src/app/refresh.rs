//! Renewing sessions: a refresh token buys the next pair of tokens, once.
//!
//! Whoever comes a second time is a thief, or was robbed, and the session ends; with one exception. A
//! client whose answer was lost tries again, and two tabs may refresh at once: for a short time the same
//! client gets the very same pair again. The next refresh token is made of the one that is shown, a
//! random salt and the installation's key, so it can be given again although only its hash is kept.
//!
//! "The same client" is the same `User-Agent` from the same network. A thief who has both may then share
//! the pair for a while, but not for long: of two who hold the same token, the second to use it ends the
//! session.

use atelier_kit::{
    actor::Actor,
    db::Tx,
    error::Fail,
    id::{Id, User},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Accounts, network, secret_token,
    session::{Opened, SignedIn, end, issue},
    status,
};
use crate::{
    db::{
        self,
        account::AccountRow,
        session::{RefreshTokenRow, SessionRow, Use, Which},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::RevokedReason,
};

/// What the presentation of a refresh token leads to.
enum Refreshed {
    Renewed(Box<Opened>),
    /// It was used before: the session of this user has been ended.
    Reused(Id<User>),
}

/// Exchanges a refresh token for a new pair. A token that comes a second time ends its session, unless
/// the same client tries again at once.
pub async fn refresh(accounts: &Accounts, actor: &Actor, token: &str) -> Outcome<SignedIn> {
    let refreshed = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| exchange(accounts, tx, actor, token).await)
        .await?;
    match refreshed {
        Refreshed::Renewed(opened) => opened.sign(accounts).await.map_err(Fail::from),
        Refreshed::Reused(user) => {
            accounts.identity_changed(&[user]).await;
            Err(Fail::refused(Code::RefreshReused, "input.refreshToken"))
        }
    }
}

async fn exchange(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    token: &str,
) -> Outcome<Refreshed> {
    let invalid = || Fail::refused(Code::RefreshInvalid, "input.refreshToken");
    let now = accounts.now();
    let hash = secret_token::hash(token);
    let (row, session) = db::session::lock_by_token(tx, &hash)
        .await?
        .ok_or_else(invalid)?;
    let account = db::account::find(tx, session.account_id)
        .await?
        .ok_or_else(invalid)?;
    if session.revoked_at.is_some() || session.expires_at <= now {
        return Err(invalid());
    }
    if let Some(used_at) = row.used_at {
        if let Some(salt) = again(accounts, actor, &row, used_at, now) {
            status::require_usable(&account, now)?;
            let refresh_token = secret_token::successor(accounts.config.key, token, salt);
            let opened = Opened::renewed(account, session.id, refresh_token, used_at);
            return Ok(Refreshed::Renewed(Box::new(opened)));
        }
        return reused(accounts, tx, actor, &account, &session).await;
    }
    if row.expires_at <= now {
        return Err(invalid());
    }
    status::require_usable(&account, now)?;
    let salt: [u8; 16] = accounts.deps.random_bytes();
    let refresh_token = secret_token::successor(accounts.config.key, token, &salt);
    let expires_at = now + accounts.config.session_lifetime;
    let used = Use {
        used_at: Some(now),
        used_by: client(actor),
        successor_salt: Some(salt.to_vec()),
    };
    db::session::use_token(tx, &hash, &used).await?;
    db::session::renew(tx, session.id, now, expires_at).await?;
    issue(tx, &refresh_token, session.id, now, expires_at).await?;
    let opened = Opened::renewed(account, session.id, refresh_token, now);
    Ok(Refreshed::Renewed(Box::new(opened)))
}

/// The salt of the token that was given before, if it is to be given again.
fn again<'a>(
    accounts: &Accounts,
    actor: &Actor,
    row: &'a RefreshTokenRow,
    used_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<&'a [u8]> {
    let age = now - used_at;
    let soon = TimeDelta::zero() <= age && age < accounts.config.refresh_reuse;
    let same = row.used_by.is_some() && row.used_by == client(actor);
    row.successor_salt.as_deref().filter(|_| soon && same)
}

/// What is the same for the tabs and tries of one client, as a hash; `None` where it cannot be told.
fn client(actor: &Actor) -> Option<Vec<u8>> {
    let network = network::known(actor)?;
    let agent = actor.user_agent.as_deref().unwrap_or_default();
    Some(secret_token::hash(&format!("{network}\n{agent}")))
}

/// Ends the session of a token that was used before.
async fn reused(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    account: &AccountRow,
    session: &SessionRow,
) -> Outcome<Refreshed> {
    // Committed, not rolled back: the refusal is told, the session is over.
    end(
        accounts,
        tx,
        actor,
        account,
        Which::One(session.id),
        RevokedReason::TokenReused,
    )
    .await?;
    Ok(Refreshed::Reused(account.id))
}
