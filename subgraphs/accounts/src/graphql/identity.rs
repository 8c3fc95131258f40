//! Resolving credentials.

use async_graphql::{Context, Object, Result, SimpleObject};
use atelier_kit::{
    error::ErrorCode,
    graphql::actor,
    id::{self, Id},
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{
    AccessToken,
    app::identity::{self, ResolvedIdentity},
    kinds::{PlanCode, UserStatus},
};

/// The identity behind a credential, and what it may do at this moment.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct CallerIdentity {
    /// The id of the user.
    pub user_id: Id<id::User>,
    /// The id of the session; null if the credential is not a session's access token.
    pub session_id: Option<Id<id::Session>>,
    /// The id of the personal access token or API key; null if the credential is a session's access
    /// token.
    pub access_token_id: Option<Id<AccessToken>>,
    /// The scopes that the credential holds.
    pub scopes: Vec<String>,
    /// The user's current plan.
    pub plan: PlanCode,
    /// The status of the user's account.
    pub status: UserStatus,
    /// When the credential expires; null if it never expires.
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<ResolvedIdentity> for CallerIdentity {
    fn from(resolved: ResolvedIdentity) -> Self {
        Self {
            user_id: resolved.user_id,
            session_id: resolved.session_id,
            access_token_id: resolved.access_token_id,
            scopes: resolved.scopes,
            plan: resolved.plan,
            status: resolved.status,
            expires_at: resolved.expires_at,
        }
    }
}

/// The current identities behind credentials, in the order in which they were given; null for each
/// credential that is no longer valid.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct CurrentIdentities {
    /// The identities of the sessions.
    pub sessions: Vec<Option<CallerIdentity>>,
    /// The identities of the personal access tokens and API keys.
    pub tokens: Vec<Option<CallerIdentity>>,
}

/// The state of a token.
#[derive(SimpleObject)]
#[graphql(tag = "public")]
pub struct TokenInfo {
    /// Whether the token is valid. If it is not, all other fields but `reason` are null or empty.
    pub active: bool,
    /// Why the token is not valid: `UNAUTHENTICATED`, `TOKEN_EXPIRED` or `ACCOUNT_DISABLED`; null
    /// if it is valid.
    pub reason: Option<&'static str>,
    /// The id of the user that the token belongs to.
    pub user_id: Option<Id<id::User>>,
    /// The id of the session; null if the token is a personal access token or an API key.
    pub session_id: Option<Id<id::Session>>,
    /// The scopes that the token holds at this moment.
    pub scopes: Vec<String>,
    /// When the token expires; null if it never expires.
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// Returns the state of an access token, a personal access token or an API key. No sign-in is
    /// required: whoever has the token may ask about it.
    #[graphql(tag = "public")]
    async fn auth_token_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to check.", secret)] token: String,
    ) -> Result<TokenInfo> {
        match identity::resolve(accounts(ctx), actor(ctx), &token).await {
            Ok(resolved) => Ok(TokenInfo {
                active: true,
                reason: None,
                user_id: Some(resolved.user_id),
                session_id: resolved.session_id,
                scopes: resolved.scopes,
                expires_at: resolved.expires_at,
            }),
            Err(error)
                if matches!(
                    error.code(),
                    ErrorCode::Unauthenticated
                        | ErrorCode::TokenExpired
                        | ErrorCode::AccountDisabled
                ) =>
            {
                let reason = Some(error.code().spec().name);
                Ok(TokenInfo {
                    active: false,
                    reason,
                    user_id: None,
                    session_id: None,
                    scopes: Vec::new(),
                    expires_at: None,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the current identities behind credentials that were resolved before. For routers
    /// only.
    #[graphql(inaccessible)]
    async fn identities_current(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids of sessions, at most 500.")] sessions: Vec<Id<id::Session>>,
        #[graphql(
            desc = "The SHA-256 hashes of personal access tokens and API keys in hexadecimal digits, at most 500."
        )]
        tokens: Vec<String>,
    ) -> Result<CurrentIdentities> {
        let current = identity::current(accounts(ctx), actor(ctx), &sessions, &tokens).await?;
        let [sessions, tokens] =
            current.map(|list| list.into_iter().map(|one| one.map(Into::into)).collect());
        Ok(CurrentIdentities { sessions, tokens })
    }

    /// Returns the identity behind a credential, and what it may do at this moment. For routers
    /// only.
    #[graphql(inaccessible)]
    async fn identity_resolve(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "An access token, a personal access token or an API key.",
            secret
        )]
        token: String,
    ) -> Result<CallerIdentity> {
        actor(ctx).require_service()?;
        Ok(identity::resolve(accounts(ctx), actor(ctx), &token)
            .await?
            .into())
    }
}
