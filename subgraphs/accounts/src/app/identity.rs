//! Finding out who presents a credential, and what they may do at this moment.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    Deps,
    actor::{Actor, Identity},
    db::Connection,
    error::{Error, ErrorCode},
    id::{Id, Session, User},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;
use serde_json::json;

use super::{Accounts, authority, network, plan, secret_token, status};
use crate::{
    AccessToken,
    config::AccountsConfig,
    db::{self, identity::IdentityRow},
    kinds::{PlanCode, UserStatus},
};

/// How exact "last seen" is: not every request is worth a write.
const SEEN: TimeDelta = TimeDelta::minutes(5);
/// Networks that are remembered of a token.
const NETWORKS: i64 = 50;
/// No credential of ours is longer.
const LONGEST: usize = 4096;

/// Who presents a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedIdentity {
    /// The user.
    pub user_id: Id<User>,
    /// The session, if it is an access token of one.
    pub session_id: Option<Id<Session>>,
    /// The access token or API key, if it is one.
    pub access_token_id: Option<Id<AccessToken>>,
    /// What the caller may do, sorted: for sessions, what the user's roles give and what everybody may
    /// with an account of their own; for access tokens and API keys, what of it they were made for.
    pub scopes: Vec<String>,
    /// The plan in force.
    pub plan: PlanCode,
    /// The status of the account.
    pub status: UserStatus,
    /// The credential is not valid from then on; `None` if it has no end.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ResolvedIdentity {
    /// The identity of an [`Actor`](atelier_kit::actor::Actor).
    pub fn identity(&self) -> Identity {
        Identity::User {
            user: self.user_id,
            session: self.session_id,
        }
    }
}

/// Resolves credentials in process; cheap to clone.
#[derive(Clone)]
pub struct IdentityResolver(Arc<Accounts>);

impl IdentityResolver {
    /// A resolver on the accounts database.
    pub fn new(deps: Deps, config: AccountsConfig) -> Self {
        Self(Arc::new(Accounts::new(deps, config)))
    }

    /// Who presents `credential`: an access token (JWT), a personal access token or an API key.
    ///
    /// One statement. Answers may be kept for a few seconds, by a hash of the credential, not beyond
    /// `expires_at`, and must be dropped when the user's id is published on
    /// [`IDENTITY_CHANGED`](crate::IDENTITY_CHANGED).
    ///
    /// # Errors
    /// `UNAUTHENTICATED`: not a credential of ours, or revoked. `TOKEN_EXPIRED`: it has run out.
    /// `ACCOUNT_DISABLED`: the account is suspended or deleted. `UNAVAILABLE`: nobody can tell now.
    pub async fn resolve(&self, credential: &str) -> Result<ResolvedIdentity, Error> {
        resolve(&self.0, &Actor::anonymous(), credential).await
    }
}

/// As [`IdentityResolver::resolve`], for a credential that comes from where `from` says.
pub async fn resolve(
    accounts: &Accounts,
    from: &Actor,
    credential: &str,
) -> Result<ResolvedIdentity, Error> {
    let unknown = || Error::new(ErrorCode::Unauthenticated);
    if credential.len() > LONGEST {
        return Err(unknown());
    }
    if secret_token::is_access_token(credential) {
        let mut connection = accounts.deps.db.read().await?;
        let hash = secret_token::hash(credential);
        let row = db::identity::of_access_tokens(&mut connection, &[hash])
            .await?
            .pop()
            .ok_or_else(unknown)?;
        let identity = judge(accounts.now(), &row, None)?;
        meet(accounts, &mut connection, from, &identity).await?;
        if stale(&row, accounts.now())
            && let Some(id) = identity.access_token_id
        {
            db::access_token::touch(&mut connection, id, accounts.now()).await?;
        }
        return Ok(identity);
    }
    let claims = accounts.keys.verify(&accounts.deps, credential).await?;
    let mut connection = accounts.deps.db.read().await?;
    let row = db::identity::of_sessions(&mut connection, &[claims.sid])
        .await?
        .pop()
        .ok_or_else(unknown)?;
    if row.account_id != claims.sub {
        return Err(unknown());
    }
    let identity = judge(
        accounts.now(),
        &row,
        DateTime::from_timestamp(claims.exp, 0),
    )?;
    if stale(&row, accounts.now()) {
        db::session::touch(&mut connection, claims.sid, accounts.now()).await?;
    }
    Ok(identity)
}

/// Credentials asked about at a time.
pub const MOST: usize = 500;

/// What credentials that were resolved before are worth now, in the order asked; `None` for those
/// that hold no more. Without a statement per credential, and nothing counts as used.
///
/// # Errors
/// `FORBIDDEN` for everybody but parts of the system, `BAD_USER_INPUT` for more than 500 of a kind or
/// a hash that is none.
pub async fn current(
    accounts: &Accounts,
    actor: &Actor,
    sessions: &[Id<Session>],
    hashes: &[String],
) -> Result<[Vec<Option<ResolvedIdentity>>; 2], Error> {
    actor.require_service()?;
    let wrong = || Error::new(ErrorCode::BadUserInput);
    if sessions.len() > MOST || hashes.len() > MOST {
        return Err(wrong());
    }
    let hashes: Option<Vec<_>> = hashes.iter().map(|hash| unhex(hash)).collect();
    let hashes = hashes.ok_or_else(wrong)?;
    let mut connection = accounts.deps.db.read().await?;
    let mut rows = HashMap::new();
    if !sessions.is_empty() {
        for row in db::identity::of_sessions(&mut connection, sessions).await? {
            rows.insert(row.credential_id.as_bytes().to_vec(), row);
        }
    }
    if !hashes.is_empty() {
        for row in db::identity::of_access_tokens(&mut connection, &hashes).await? {
            rows.insert(row.hash.clone().unwrap_or_default(), row);
        }
    }
    let now = accounts.now();
    let judged = |key: &[u8]| judge(now, rows.get(key)?, None).ok();
    Ok([
        sessions
            .iter()
            .map(|session| judged(session.uuid().as_bytes()))
            .collect(),
        hashes.iter().map(|hash| judged(hash)).collect(),
    ])
}

/// The bytes of a SHA-256 in hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest.to_vec())
}

/// Keeps on record that a token is used from somewhere for the first time.
async fn meet(
    accounts: &Accounts,
    connection: &mut Connection,
    from: &Actor,
    identity: &ResolvedIdentity,
) -> Result<(), Error> {
    let (Some(id), Some(network)) = (identity.access_token_id, network::known(from)) else {
        return Ok(());
    };
    if db::access_token::has_met(connection, id, &network).await? {
        return Ok(());
    }
    let owner = Actor {
        identity: identity.identity(),
        ..from.clone()
    };
    let details = json!({ "network": network });
    connection
        .transaction::<_, Error, _>(async |connection| {
            let now = accounts.now();
            if db::access_token::meet(connection, id, &network, now, NETWORKS).await? {
                let (action, target) = ("access_token.new_network", Some(id.uuid()));
                accounts
                    .record(connection, &owner, action, target, details.clone())
                    .await?;
            }
            Ok(())
        })
        .await
}

fn stale(row: &IdentityRow, now: DateTime<Utc>) -> bool {
    row.last_seen_at.is_none_or(|seen| now - seen >= SEEN)
}

/// Decides on what is known about a credential; `token_expiry` is that of a session's JWT.
fn judge(
    now: DateTime<Utc>,
    row: &IdentityRow,
    token_expiry: Option<DateTime<Utc>>,
) -> Result<ResolvedIdentity, Error> {
    if row.revoked_at.is_some() {
        return Err(Error::new(ErrorCode::Unauthenticated));
    }
    if row.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::new(ErrorCode::TokenExpired));
    }
    let status = status::at(row.status, row.suspended_until, now);
    status::require_in_force(status)?;
    let (session_id, access_token_id, scopes) = match &row.token_scopes {
        None => (
            Some(Id::from_uuid(row.credential_id)),
            None,
            authority::with_own(row.scopes.clone()),
        ),
        Some(granted) => {
            // Programs of somebody who is leaving have nothing more to do.
            if status == UserStatus::PendingDeletion {
                return Err(Error::new(ErrorCode::AccountDisabled));
            }
            let mut both = authority::with_own(row.scopes.clone());
            both.retain(|scope| granted.contains(scope));
            (None, Some(Id::from_uuid(row.credential_id)), both)
        }
    };
    Ok(ResolvedIdentity {
        user_id: row.account_id,
        session_id,
        access_token_id,
        scopes,
        plan: plan::at(row.plan, row.plan_expires_at, now),
        status,
        expires_at: match (row.expires_at, token_expiry) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (end, other) => end.or(other),
        },
    })
}
