//! Personal access tokens and API keys.

use async_graphql::{Context, InputObject, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::Id,
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{
    app::access_token::{self, Wanted},
    db::access_token::AccessTokenRow,
    error::AccountsUserError,
    kinds::AccessTokenKind,
};

/// A token that its owner made for a program.
#[derive(Debug, Clone)]
pub struct AccessToken(pub AccessTokenRow);

/// A token that its owner made for a program.
#[Object(directive = authenticated::apply())]
impl AccessToken {
    /// The token's id.
    async fn id(&self) -> Id<crate::AccessToken> {
        self.0.id
    }

    /// What kind of token it is.
    async fn kind(&self) -> AccessTokenKind {
        self.0.kind
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How it begins, to recognise it by.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What it may do, as far as its owner may.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it runs out; null if it does not.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When it was last used, exact to a few minutes.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }
}

/// What a token is wanted for.
#[derive(InputObject)]
pub struct AccessTokenCreateInput {
    /// What it is for; at most 100 characters.
    pub name: String,
    /// What kind of token.
    #[graphql(default_with = "AccessTokenKind::Personal")]
    pub kind: AccessTokenKind,
    /// What it may do, out of what the caller may: `account:read` and `account:write` for the account
    /// itself, `worker`, …
    #[graphql(default)]
    pub scopes: Vec<String>,
    /// When it runs out; without it, never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Which token to revoke.
#[derive(InputObject)]
pub struct AccessTokenRevokeInput {
    /// Its id.
    pub id: Id<crate::AccessToken>,
}

atelier_kit::payload! {
    /// The result of `accessTokenCreate`.
    pub struct AccessTokenCreatePayload, AccountsUserError {
        /// The token.
        access_token: AccessToken,
        /// The secret to authenticate with. It is shown only this once.
        secret: String,
    }

    /// The result of `accessTokenRevoke`.
    pub struct AccessTokenRevokePayload, AccountsUserError {
        /// The token that is no longer in force.
        access_token: AccessToken,
    }
}

#[derive(Default)]
pub struct AccessTokenMutation;

#[Object]
impl AccessTokenMutation {
    /// Makes a personal access token or an API key. Needs a sign-in.
    #[graphql(directive = authenticated::apply())]
    async fn access_token_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is for.")] input: AccessTokenCreateInput,
    ) -> Result<AccessTokenCreatePayload> {
        let wanted = Wanted {
            name: input.name,
            kind: input.kind,
            scopes: input.scopes,
            expires_at: input.expires_at,
        };
        let created = access_token::create(accounts(ctx), actor(ctx), wanted).await;
        let shown = created.map(|created| (AccessToken(created.row), created.secret));
        mutation(ctx, shown)
    }

    /// Puts a token of the caller out of force.
    #[graphql(requires_scopes = "account:write")]
    async fn access_token_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: AccessTokenRevokeInput,
    ) -> Result<AccessTokenRevokePayload> {
        mutation(
            ctx,
            access_token::revoke(accounts(ctx), actor(ctx), input.id)
                .await
                .map(AccessToken),
        )
    }
}
