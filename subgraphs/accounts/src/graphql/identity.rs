//! Who presents a credential.

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

/// Who presents a credential, and what they may do at this moment.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct CallerIdentity {
    /// The user.
    pub user_id: Id<id::User>,
    /// The session, if it is an access token of one.
    pub session_id: Option<Id<id::Session>>,
    /// The access token or API key, if it is one.
    pub access_token_id: Option<Id<AccessToken>>,
    /// What the caller may do.
    pub scopes: Vec<String>,
    /// The plan in force.
    pub plan: PlanCode,
    /// The status of the account.
    pub status: UserStatus,
    /// The credential is not valid from then on; null if it has no end.
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

/// What credentials are worth now, in the order asked; null for those that hold no more.
#[derive(SimpleObject)]
#[graphql(inaccessible)]
pub struct CurrentIdentities {
    /// Of sessions.
    pub sessions: Vec<Option<CallerIdentity>>,
    /// Of personal access tokens and API keys.
    pub tokens: Vec<Option<CallerIdentity>>,
}

/// What is known about a token.
#[derive(SimpleObject)]
#[graphql(tag = "public")]
pub struct TokenInfo {
    /// Whether it is in force.
    pub active: bool,
    /// Why it is not: `UNAUTHENTICATED`, `TOKEN_EXPIRED` or `ACCOUNT_DISABLED`.
    pub reason: Option<&'static str>,
    /// Whose it is.
    pub user_id: Option<Id<id::User>>,
    /// The session that it belongs to.
    pub session_id: Option<Id<id::Session>>,
    /// What it may do at this moment.
    pub scopes: Vec<String>,
    /// When it runs out; null if it does not.
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// What is known about an access token, a personal access token or an API key. Only who has the
    /// token can ask.
    #[graphql(tag = "public")]
    async fn auth_token_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.", secret)] token: String,
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

    /// What credentials that were resolved before are worth now. For routers.
    #[graphql(inaccessible)]
    async fn identities_current(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Sessions, 500 at most.")] sessions: Vec<Id<id::Session>>,
        #[graphql(
            desc = "Personal access tokens and API keys by their SHA-256 in hexadecimal digits, 500 at most."
        )]
        tokens: Vec<String>,
    ) -> Result<CurrentIdentities> {
        let current = identity::current(accounts(ctx), actor(ctx), &sessions, &tokens).await?;
        let [sessions, tokens] =
            current.map(|list| list.into_iter().map(|one| one.map(Into::into)).collect());
        Ok(CurrentIdentities { sessions, tokens })
    }

    /// Who presents a credential, and what they may do at this moment. For routers.
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
