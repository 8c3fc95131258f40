//! Refreshing sessions: a refresh token can be exchanged once for the next pair of tokens.
//!
//! A token that is used twice has been stolen, so its second use ends the session, with one
//! exception: a client may repeat the exchange after it lost the response, and two tabs may refresh
//! at the same time. For a short time, the same client therefore gets exactly the same pair again.
//! The next refresh token is derived from the presented one, a random salt and the installation's
//! key, so it can be returned again although only its hash is stored.
//!
//! "The same client" means the same `User-Agent` from the same network. A thief who has both can
//! share the pair, but not for long: of two holders of one token, the second to use it ends the
//! session.

use atelier_kit::{
    actor::Actor,
    error::Fail,
    id::{Id, User},
    transaction::Tx,
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

/// The outcome of presenting a refresh token.
enum Refreshed {
    Renewed(Box<Opened>),
    /// The token was used before, and the session of this user has been ended.
    Reused(Id<User>),
}

/// Exchanges a refresh token for a new pair of tokens. A token that is used twice ends its session,
/// unless the same client repeats the exchange within a short time.
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

/// Returns the salt of the next token, if the exchange may be repeated.
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

/// Returns a hash that identifies the client; `None` if its address is not known.
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
    // This is committed, not rolled back: the caller is refused, and the session ends.
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
