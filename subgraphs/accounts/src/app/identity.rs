//! Resolving credentials: who presents one, and what they may do at this moment.

use std::{collections::HashMap, sync::Arc};

use atelier_kit::{
    Deps,
    actor::{Actor, Identity},
    db::Connection,
    error::{Error, ErrorCode},
    id::{Id, Session, User},
    transaction::Tx,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Accounts, authority, network, plan, secret_token, status};
use crate::{
    AccessToken,
    config::AccountsConfig,
    db::{self, identity::IdentityRow},
    kinds::{PlanCode, UserStatus},
};

/// The accuracy of "last seen": not every request is worth a write.
const SEEN: TimeDelta = TimeDelta::minutes(5);
/// The number of networks that are remembered for a token.
const NETWORKS: i64 = 50;
/// The longest credential.
const LONGEST: usize = 4096;

/// The identity behind a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedIdentity {
    /// The id of the user.
    pub user_id: Id<User>,
    /// The id of the session, if the credential is a session's access token.
    pub session_id: Option<Id<Session>>,
    /// The id of the personal access token or API key, if it is one.
    pub access_token_id: Option<Id<AccessToken>>,
    /// The scopes, sorted. Sessions hold the scopes of the user's roles and those that everybody
    /// has for their own account; access tokens and API keys hold those of them that they were
    /// created with.
    pub scopes: Vec<String>,
    /// The user's current plan.
    pub plan: PlanCode,
    /// The status of the account.
    pub status: UserStatus,
    /// When the credential expires; `None` if it never expires.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ResolvedIdentity {
    /// Returns the identity for an [`Actor`](atelier_kit::actor::Actor).
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
    /// Creates a resolver on the database of accounts.
    pub fn new(deps: Deps, config: AccountsConfig) -> Self {
        Self(Arc::new(Accounts::new(deps, config)))
    }

    /// Resolves `credential`: an access token (JWT), a personal access token or an API key.
    ///
    /// Takes one statement. The result may be cached for a few seconds, by a hash of the
    /// credential, but not beyond `expires_at`, and must be dropped when the user's id is published
    /// on [`IDENTITY_CHANGED`](crate::IDENTITY_CHANGED).
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the credential is unknown or revoked, `TOKEN_EXPIRED` if it has
    /// expired, `ACCOUNT_DISABLED` if the account is suspended or deleted, `UNAVAILABLE` if the
    /// database does not answer.
    pub async fn resolve(&self, credential: &str) -> Result<ResolvedIdentity, Error> {
        resolve(&self.0, &Actor::anonymous(), credential).await
    }
}

/// Like [`IdentityResolver::resolve`], for a credential that is presented by the client described
/// by `from`.
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
        resolve_access_token(accounts, from, credential).await
    } else {
        resolve_session(accounts, credential).await
    }
}

async fn resolve_access_token(
    accounts: &Accounts,
    from: &Actor,
    credential: &str,
) -> Result<ResolvedIdentity, Error> {
    let hash = secret_token::hash(credential);
    let (row, identity, unmet) = {
        let mut connection = accounts.deps.read().await?;
        let row = db::identity::of_access_tokens(&mut connection, &[hash])
            .await?
            .pop()
            .ok_or(Error::new(ErrorCode::Unauthenticated))?;
        let identity = judge(accounts.now(), &row, None)?;
        let unmet = unmet(&mut connection, from, &identity).await?;
        (row, identity, unmet)
    };
    if let Some((id, network)) = unmet {
        meet(accounts, from, &identity, id, &network).await?;
    }
    if let Some(id) = identity
        .access_token_id
        .filter(|_| stale(&row, accounts.now()))
    {
        let touch = async |tx: &mut Tx| db::access_token::touch(tx, id, accounts.now()).await;
        accounts.deps.statement(touch).await?;
    }
    Ok(identity)
}

async fn resolve_session(accounts: &Accounts, credential: &str) -> Result<ResolvedIdentity, Error> {
    let unknown = || Error::new(ErrorCode::Unauthenticated);
    let claims = accounts.keys.verify(&accounts.deps, credential).await?;
    let row = db::identity::of_sessions(&mut *accounts.deps.read().await?, &[claims.sid])
        .await?
        .pop()
        .ok_or_else(unknown)?;
    if row.account_id != claims.sub {
        return Err(unknown());
    }
    let expiry = DateTime::from_timestamp(claims.exp, 0);
    let identity = judge(accounts.now(), &row, expiry)?;
    if stale(&row, accounts.now()) {
        let touch = async |tx: &mut Tx| db::session::touch(tx, claims.sid, accounts.now()).await;
        accounts.deps.statement(touch).await?;
    }
    Ok(identity)
}

/// The most credentials of a kind in one call.
pub const MOST: usize = 500;

/// Returns the current identities behind credentials that were resolved before, in the given order;
/// `None` for those that are no longer valid. Takes one statement per kind, and does not count as a
/// use of the credentials.
///
/// # Errors
/// `FORBIDDEN` unless the caller is a service, `BAD_USER_INPUT` for more than 500 credentials of a
/// kind or a malformed hash.
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
    let mut connection = accounts.deps.read().await?;
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

/// Decodes a SHA-256 hash in hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest.to_vec())
}

/// Returns the token and the network, if the token is used from there for the first time.
async fn unmet(
    connection: &mut Connection,
    from: &Actor,
    identity: &ResolvedIdentity,
) -> Result<Option<(Id<AccessToken>, String)>, Error> {
    let (Some(id), Some(network)) = (identity.access_token_id, network::known(from)) else {
        return Ok(None);
    };
    let met = db::access_token::has_met(connection, id, &network).await?;
    Ok((!met).then_some((id, network)))
}

/// Records that a token is used from a network for the first time.
async fn meet(
    accounts: &Accounts,
    from: &Actor,
    identity: &ResolvedIdentity,
    id: Id<AccessToken>,
    network: &str,
) -> Result<(), Error> {
    let owner = Actor {
        identity: identity.identity(),
        ..from.clone()
    };
    let details = json!({ "network": network });
    accounts
        .deps
        .transaction(async |tx| {
            let now = accounts.now();
            if db::access_token::meet(tx, id, network, now, NETWORKS).await? {
                let (action, target) = ("access_token.new_network", Some(id.uuid()));
                accounts
                    .record(tx, &owner, action, target, details.clone())
                    .await?;
            }
            Ok(())
        })
        .await
}

fn stale(row: &IdentityRow, now: DateTime<Utc>) -> bool {
    row.last_seen_at.is_none_or(|seen| now - seen >= SEEN)
}

/// Decides whether a credential is valid; `token_expiry` is the expiry of a session's JWT.
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
            // Programs of a user who has requested the deletion of their account are locked out.
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
