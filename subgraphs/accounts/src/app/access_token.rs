//! Tokens that users create for programs: personal access tokens and API keys.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::Id,
    page::{Page, PageArgs},
    transaction::ReadConnection,
};
use chrono::{DateTime, Utc};
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

/// The most valid tokens of a user.
const MOST: i64 = 100;
const NAME: usize = 100;
/// The number of the secret's characters that are shown to its owner: 24 of its 256 random bits.
const SHOWN: usize = 4;

/// A token to be created.
pub struct Wanted {
    pub name: String,
    pub kind: AccessTokenKind,
    pub scopes: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token with its secret, which cannot be read again.
#[derive(Clone)]
pub struct Created {
    pub row: AccessTokenRow,
    pub secret: String,
}

/// Creates a token. This requires a session: a token cannot create tokens.
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
    let row = accounts.deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            // The lock makes tokens that are created at the same time count each other.
            db::account::lock(tx, user).await?.ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            require_held(tx, actor, &new.scopes, "input.scopes").await?;
            // The current scopes: the caller's may have changed since they were verified.
            let held = with_own(db::identity::scopes(tx, user).await?);
            if let Some(scope) = new.scopes.iter().find(|scope| !held.contains(scope)) {
                return Err(Refusal::new(Code::ScopeNotHeld, "input.scopes").with("scope", scope.as_str()).into());
            }
            if db::access_token::count(tx, user).await? >= MOST {
                return Err(Refusal::new(Code::LimitReached, "input").with("max", MOST).into());
            }
            db::access_token::insert(tx, &new).await?;
            let details = json!({ "kind": new.kind, "name": new.name, "scopes": new.scopes, "expiresAt": new.expires_at });
            accounts.record(tx, actor, "access_token.create", Some(new.id.uuid()), details).await?;
            Ok(new.clone())
        })
        .await?;
    Ok(Created { row, secret })
}

/// Revokes one of the caller's tokens.
pub async fn revoke(
    accounts: &Accounts,
    actor: &Actor,
    id: Id<AccessToken>,
) -> Outcome<AccessTokenRow> {
    let user = require_own(actor, ACCOUNT_WRITE)?;
    let now = accounts.now();
    let row = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let row = db::access_token::revoke(tx, user, id, now).await?;
            let row = row.ok_or_else(|| Fail::refused(Code::NotFound, "input.id"))?;
            accounts
                .record(
                    tx,
                    actor,
                    "access_token.revoke",
                    Some(id.uuid()),
                    json!({ "name": row.name }),
                )
                .await?;
            Ok(row)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(row)
}

/// Returns a page of the caller's valid tokens, newest first.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    page: &PageArgs,
) -> Result<Page<AccessTokenRow>, Error> {
    let user = require_own(actor, ACCOUNT_READ)?;
    let rows = async |connection: &mut ReadConnection, page: &TimePage| {
        db::access_token::page(connection, user, page).await
    };
    let count =
        async |connection: &mut ReadConnection| db::access_token::count(connection, user).await;
    page.fetch(&accounts.deps, rows, count).await
}
