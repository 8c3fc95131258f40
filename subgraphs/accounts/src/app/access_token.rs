//! Tokens that users make for programs: personal access tokens and API keys.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::Id,
    page::PageArgs,
};
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;
use serde_json::json;

use super::{
    Accounts,
    authority::{
        ACCOUNT_READ, ACCOUNT_WRITE, require_held, require_own, require_session, with_own,
    },
    role, secret_token, text,
};
use crate::{
    AccessToken,
    db::{self, TimePage, access_token::AccessTokenRow},
    error::{AccountsErrorCode as Code, Outcome},
    kinds::AccessTokenKind,
};

/// The list's name in cursors.
pub const LIST: &str = "accounts.accessTokens";
/// The most tokens in force of one user.
const MOST: i64 = 100;
const NAME: usize = 100;
/// Characters of the secret that its owner recognises it by: 24 of its 256 random bits.
const SHOWN: usize = 4;

/// What somebody wants a token for.
pub struct Wanted {
    pub name: String,
    pub kind: AccessTokenKind,
    pub scopes: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token with its secret, which is never told again.
#[derive(Clone)]
pub struct Created {
    pub row: AccessTokenRow,
    pub secret: String,
}

/// Makes a token. Only somebody who has signed in may: a token cannot make tokens.
pub async fn create(accounts: &Accounts, actor: &Actor, wanted: Wanted) -> Outcome<Created> {
    let user = require_session(actor)?;
    let name = text::line(&wanted.name);
    if name.is_empty() {
        return Err(Fail::refused(Code::Required, "input.name"));
    }
    if name.chars().count() > NAME {
        return Err(Refusal::new(Code::TooLong, "input.name")
            .with("max", NAME)
            .into());
    }
    if wanted.expires_at.is_some_and(|end| end <= accounts.now()) {
        return Err(Fail::refused(Code::InThePast, "input.expiresAt"));
    }
    let scopes = role::scopes(wanted.scopes)?;
    let secret = secret_token::generate(&accounts.deps, secret_token::prefix_of(wanted.kind));
    let new = AccessTokenRow {
        id: accounts.deps.new_id(),
        account_id: user,
        kind: wanted.kind,
        name,
        prefix: secret
            .chars()
            .take(secret_token::prefix_of(wanted.kind).len() + SHOWN)
            .collect(),
        hash: secret_token::hash(&secret),
        scopes,
        created_at: accounts.now(),
        expires_at: wanted.expires_at,
        last_used_at: None,
    };
    let mut connection = accounts.deps.db.write().await?;
    let row = connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            // The lock makes two that are made at the same time count each other.
            db::account::lock(connection, user).await?.ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            require_held(connection, actor, &new.scopes, "input.scopes").await?;
            // As it is now: the caller's rights may have changed since they were verified.
            let held = with_own(db::identity::scopes(connection, user).await?);
            if let Some(scope) = new.scopes.iter().find(|scope| !held.contains(scope)) {
                return Err(Refusal::new(Code::ScopeNotHeld, "input.scopes").with("scope", scope.as_str()).into());
            }
            if db::access_token::count(connection, user).await? >= MOST {
                return Err(Refusal::new(Code::LimitReached, "input").with("max", MOST).into());
            }
            db::access_token::insert(connection, &new).await?;
            let details = json!({ "kind": new.kind, "name": new.name, "scopes": new.scopes, "expiresAt": new.expires_at });
            accounts.record(connection, actor, "access_token.create", Some(new.id.uuid()), details).await?;
            Ok(new.clone())
        })
        .await?;
    Ok(Created { row, secret })
}

/// Puts a token of the caller out of force.
pub async fn revoke(
    accounts: &Accounts,
    actor: &Actor,
    id: Id<AccessToken>,
) -> Outcome<AccessTokenRow> {
    let user = require_own(actor, ACCOUNT_WRITE)?;
    let now = accounts.now();
    let mut connection = accounts.deps.db.write().await?;
    let row = connection
        .transaction::<_, Fail<Code>, _>(async |connection| {
            let row = db::access_token::revoke(connection, user, id, now).await?;
            let row = row.ok_or_else(|| Fail::refused(Code::NotFound, "input.id"))?;
            accounts
                .record(
                    connection,
                    actor,
                    "access_token.revoke",
                    Some(id.uuid()),
                    json!({ "name": row.name }),
                )
                .await?;
            Ok(row)
        })
        .await?;
    drop(connection);
    accounts.identity_changed(&[user]).await;
    Ok(row)
}

/// A page of tokens, with the total if wanted.
pub struct Page {
    pub request: TimePage,
    pub rows: Vec<AccessTokenRow>,
    pub total: Option<i64>,
}

/// The caller's tokens in force, newest first.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    args: &PageArgs,
    total: bool,
) -> Result<Page, Error> {
    let user = require_own(actor, ACCOUNT_READ)?;
    let request = args.open(LIST, &accounts.deps.cursors)?;
    let mut connection = accounts.deps.db.read().await?;
    let rows = db::access_token::page(&mut connection, user, &request).await?;
    let total = if total {
        Some(db::access_token::count(&mut connection, user).await?)
    } else {
        None
    };
    Ok(Page {
        request,
        rows,
        total,
    })
}
