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

/// A personal access token or API key: a credential that a user created for a program. The secret
/// itself cannot be read again.
#[derive(Debug, Clone)]
pub struct AccessToken(pub AccessTokenRow);

/// A personal access token or API key: a credential that a user created for a program. The secret
/// itself cannot be read again.
#[Object(directive = authenticated::apply())]
impl AccessToken {
    /// The token's id.
    async fn id(&self) -> Id<crate::AccessToken> {
        self.0.id
    }

    /// The kind of token.
    async fn kind(&self) -> AccessTokenKind {
        self.0.kind
    }

    /// The name that its owner gave the token.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The first characters of the secret, by which its owner can recognise it.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The scopes that the token was created with. At any moment it holds only those that its owner
    /// holds as well.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// When the token was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the token expires; null if it never expires.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// When the token was last used, accurate to five minutes; null if it was never used.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }
}

/// The input of `accessTokenCreate`.
#[derive(InputObject)]
pub struct AccessTokenCreateInput {
    /// A name for the token, 1 to 100 characters.
    pub name: String,
    /// The kind of token.
    #[graphql(default_with = "AccessTokenKind::Personal")]
    pub kind: AccessTokenKind,
    /// The scopes of the token, at most 50, such as `account:read` or `worker`. The caller must
    /// hold each of them. A token without scopes can still do what requires no scope.
    #[graphql(default)]
    pub scopes: Vec<String>,
    /// When the token expires; it must be in the future. By default the token never expires.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The input of `accessTokenRevoke`.
#[derive(InputObject)]
pub struct AccessTokenRevokeInput {
    /// The token's id.
    pub id: Id<crate::AccessToken>,
}

atelier_kit::payload! {
    /// The result of `accessTokenCreate`.
    pub struct AccessTokenCreatePayload, AccountsUserError {
        /// The new token.
        access_token: AccessToken,
        /// The secret to authenticate with, as a bearer token. It is returned only here and cannot
        /// be read again.
        secret: String,
    }

    /// The result of `accessTokenRevoke`.
    pub struct AccessTokenRevokePayload, AccountsUserError {
        /// The revoked token.
        access_token: AccessToken,
    }
}

#[derive(Default)]
pub struct AccessTokenMutation;

#[Object]
impl AccessTokenMutation {
    /// Creates a personal access token or an API key for the caller, who can have at most 100.
    /// Requires a session: a token cannot create tokens.
    #[graphql(directive = authenticated::apply())]
    async fn access_token_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to create.")] input: AccessTokenCreateInput,
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

    /// Revokes one of the caller's tokens, with immediate effect. A token that has already been
    /// revoked is reported as `NOT_FOUND`. Requires the scope `account:write`.
    #[graphql(requires_scopes = "account:write")]
    async fn access_token_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to revoke.")] input: AccessTokenRevokeInput,
    ) -> Result<AccessTokenRevokePayload> {
        mutation(
            ctx,
            access_token::revoke(accounts(ctx), actor(ctx), input.id)
                .await
                .map(AccessToken),
        )
    }
}
