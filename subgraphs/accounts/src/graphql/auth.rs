//! Registering, signing in, and staying signed in.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{actor, mutation},
    id::{Id, Session},
};
use chrono::{DateTime, Utc};

use super::{accounts, user::User};
use crate::{
    app::{login, register, session},
    error::{AccountsErrorCode, AccountsUserError},
};

/// What proves that somebody has signed in.
#[derive(SimpleObject)]
#[graphql(tag = "public")]
pub struct AuthTokens {
    /// Goes into the `Authorization` header, after `Bearer`. Short-lived.
    pub access_token: String,
    /// Buys the next pair, once. Whoever shows it twice ends the session.
    pub refresh_token: String,
    /// When the access token runs out.
    pub expires_at: DateTime<Utc>,
    /// Always `Bearer` (RFC 6750).
    pub token_type: &'static str,
    /// The session that the tokens belong to.
    pub session_id: Id<Session>,
    /// Who has signed in.
    pub user: User,
}

impl From<session::SignedIn> for AuthTokens {
    fn from(signed_in: session::SignedIn) -> Self {
        Self {
            access_token: signed_in.access_token,
            refresh_token: signed_in.refresh_token,
            expires_at: signed_in.expires_at,
            token_type: "Bearer",
            session_id: signed_in.session,
            user: User(signed_in.account),
        }
    }
}

/// Who wants an account.
#[derive(InputObject)]
pub struct AuthRegisterInput {
    /// The email address.
    pub email: String,
    /// The unique name: 2 to 30 letters, digits, dots, dashes or underscores of one script.
    pub username: String,
    /// 8 to 256 characters.
    #[graphql(secret)]
    pub password: String,
    /// The name to show; without it, the username.
    pub display_name: Option<String>,
}

/// Who signs in.
#[derive(InputObject)]
pub struct AuthLoginInput {
    /// The username or the email address.
    pub login: String,
    /// The password.
    #[graphql(secret)]
    pub password: String,
}

/// What is exchanged for a new pair of tokens.
#[derive(InputObject)]
pub struct AuthTokenRefreshInput {
    /// The refresh token.
    #[graphql(secret)]
    pub refresh_token: String,
}

atelier_kit::payload!(
    /// The outcome of registering.
    pub struct AuthRegisterPayload {
        /// The new user's tokens.
        tokens: AuthTokens,
    },
    AccountsErrorCode,
    AccountsUserError
);

atelier_kit::payload!(
    /// The outcome of signing in.
    pub struct AuthLoginPayload {
        /// The user's tokens.
        tokens: AuthTokens,
    },
    AccountsErrorCode,
    AccountsUserError
);

atelier_kit::payload!(
    /// The outcome of refreshing.
    pub struct AuthTokenRefreshPayload {
        /// The new pair of tokens; the old refresh token is void.
        tokens: AuthTokens,
    },
    AccountsErrorCode,
    AccountsUserError
);

#[derive(Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Makes an account and signs its owner in.
    #[graphql(tag = "public")]
    async fn auth_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who wants an account.")] input: AuthRegisterInput,
    ) -> Result<AuthRegisterPayload> {
        let wanted = register::Registration {
            email: input.email,
            username: input.username,
            password: input.password,
            display_name: input.display_name,
        };
        mutation(
            ctx,
            register::register(accounts(ctx), actor(ctx), wanted)
                .await
                .map(AuthTokens::from),
        )
    }

    /// Signs in.
    #[graphql(tag = "public")]
    async fn auth_login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: AuthLoginInput,
    ) -> Result<AuthLoginPayload> {
        let signed_in = login::login(accounts(ctx), actor(ctx), &input.login, input.password).await;
        mutation(ctx, signed_in.map(AuthTokens::from))
    }

    /// Exchanges a refresh token for a new pair of tokens.
    #[graphql(tag = "public")]
    async fn auth_token_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is exchanged.")] input: AuthTokenRefreshInput,
    ) -> Result<AuthTokenRefreshPayload> {
        let refreshed = session::refresh(accounts(ctx), actor(ctx), &input.refresh_token).await;
        mutation(ctx, refreshed.map(AuthTokens::from))
    }
}
