//! Tokens that users make for programs: personal access tokens and API keys.

use atelier_kit::{
    actor::Actor,
    db::ReadConnection,
    error::{Error, Fail, Refusal},
    id::Id,
    page::{Page, PageArgs},
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
    let row = accounts.deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            // The lock makes two that are made at the same time count each other.
            db::account::lock(tx, user).await?.ok_or_else(|| Fail::refused(Code::NotFound, "input"))?;
            require_held(tx, actor, &new.scopes, "input.scopes").await?;
            // As it is now: the caller's rights may have changed since they were verified.
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

/// Puts a token of the caller out of force.
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

/// The caller's tokens in force, newest first.
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
