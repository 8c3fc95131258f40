//! Opening, listing and ending sessions; see [`super::refresh`] for refreshing them.

use atelier_contracts::accounts::UserSessionsRevoked;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail},
    id::{Id, Session},
    page::{Page, PageArgs},
    transaction::{ReadConnection, Tx},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    Accounts,
    authority::{ACCOUNT_READ, ACCOUNT_WRITE, require_own},
    device::Device,
    secret_token, text,
};
use crate::{
    db::{
        self, TimePage,
        account::AccountRow,
        session::{NewSession, RefreshTokenRow, SessionRow, Which},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::RevokedReason,
};

/// A session that has been stored, but whose access token has not been signed yet.
pub struct Opened {
    account: AccountRow,
    session: Id<Session>,
    refresh_token: String,
    issued_at: DateTime<Utc>,
    device_token: Option<String>,
}

/// A signed-in user, with the tokens of the session.
pub struct SignedIn {
    pub account: AccountRow,
    pub session: Id<Session>,
    pub access_token: String,
    pub refresh_token: String,
    pub expires_at: DateTime<Utc>,
    /// Marks this device as known at the next sign-in.
    pub device_token: Option<String>,
}

impl Opened {
    /// Continues a session with a new refresh token, issued at `issued_at`.
    pub fn renewed(
        account: AccountRow,
        session: Id<Session>,
        refresh_token: String,
        issued_at: DateTime<Utc>,
    ) -> Self {
        Self {
            account,
            session,
            refresh_token,
            issued_at,
            device_token: None,
        }
    }

    /// Returns the session's id.
    pub fn session(&self) -> Id<Session> {
        self.session
    }

    /// Signs the access token. Call it after the commit.
    pub async fn sign(self, accounts: &Accounts) -> Result<SignedIn, Error> {
        let (access_token, expires_at) = accounts
            .keys
            .sign(
                &accounts.deps,
                self.account.id,
                self.session,
                self.issued_at,
            )
            .await?;
        Ok(SignedIn {
            account: self.account,
            session: self.session,
            access_token,
            refresh_token: self.refresh_token,
            expires_at,
            device_token: self.device_token,
        })
    }
}

/// Opens a session in the transaction of a sign-in.
pub async fn open(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    account: AccountRow,
    device: &Device,
) -> Result<Opened, Error> {
    let now = accounts.now();
    let session = accounts.deps.new_id();
    let expires_at = now + accounts.config.session_lifetime;
    let user_agent = actor.user_agent.as_deref().map(text::line);
    let new = NewSession {
        id: session,
        account_id: account.id,
        user_agent: user_agent.as_deref(),
        ip: actor.ip.as_deref(),
        created_at: now,
        last_seen_at: now,
        expires_at,
    };
    db::session::insert(tx, &new).await?;
    let refresh_token = secret_token::generate(&accounts.deps, secret_token::REFRESH);
    issue(tx, &refresh_token, session, now, expires_at).await?;
    Ok(Opened {
        account,
        session,
        refresh_token,
        issued_at: now,
        device_token: Some(device.token(&accounts.config)),
    })
}

/// Stores the hash of a refresh token.
pub async fn issue(
    tx: &mut Tx,
    token: &str,
    session: Id<Session>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    let row = RefreshTokenRow {
        hash: secret_token::hash(token),
        session_id: session,
        issued_at: now,
        expires_at,
        used_at: None,
        used_by: None,
        successor_salt: None,
    };
    db::session::insert_token(tx, &row).await
}

/// Ends sessions in a transaction, emits the fact and records it in the audit log. Returns the
/// sessions that were open.
pub async fn end(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    account: &AccountRow,
    which: Which,
    reason: RevokedReason,
) -> Result<Vec<Id<Session>>, Error> {
    let ended = db::session::revoke(tx, account.id, which, reason, accounts.now()).await?;
    if !ended.is_empty() {
        tx.emit(&UserSessionsRevoked {
            user: account.id,
            sessions: ended.clone(),
            reason,
        });
        let details = json!({ "sessions": ended, "reason": reason });
        accounts
            .record(
                tx,
                actor,
                "sessions.revoke",
                Some(account.id.uuid()),
                details,
            )
            .await?;
    }
    Ok(ended)
}

/// Ends the session that the request was made with.
pub async fn logout(accounts: &Accounts, actor: &Actor) -> Outcome<Id<Session>> {
    actor.require_user()?;
    let Some(session) = actor.session_id() else {
        return Err(Fail::refused(Code::NotFound, "input"));
    };
    let ended = revoke(accounts, actor, Which::One(session), RevokedReason::Logout).await?;
    ended
        .first()
        .copied()
        .ok_or_else(|| Fail::refused(Code::NotFound, "input"))
}

/// Ends sessions of the caller.
pub async fn revoke(
    accounts: &Accounts,
    actor: &Actor,
    which: Which,
    reason: RevokedReason,
) -> Outcome<Vec<Id<Session>>> {
    let user = require_own(actor, ACCOUNT_WRITE)?;
    let ended = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let account = db::account::find(tx, user)
                .await?
                .ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            let ended = end(accounts, tx, actor, &account, which, reason).await?;
            if ended.is_empty() && matches!(which, Which::One(_)) {
                return Err(Fail::refused(Code::NotFound, "input.sessionId"));
            }
            Ok(ended)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(ended)
}

/// Returns a page of the caller's open sessions, newest first.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    page: &PageArgs,
) -> Result<Page<SessionRow>, Error> {
    let user = require_own(actor, ACCOUNT_READ)?;
    let now = accounts.now();
    let rows = async |connection: &mut ReadConnection, page: &TimePage| {
        db::session::page(connection, user, now, page).await
    };
    let count =
        async |connection: &mut ReadConnection| db::session::count(connection, user, now).await;
    page.fetch(&accounts.deps, rows, count).await
}
