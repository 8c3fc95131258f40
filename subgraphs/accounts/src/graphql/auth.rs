//! Registering, signing in, and staying signed in.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use atelier_kit::{
    graphql::{actor, mutation},
    id::{Id, Session},
};
use chrono::{DateTime, Utc};

use super::{accounts, require_first_password, user::User};
use crate::{
    app::{login, refresh, register, session},
    error::AccountsUserError,
};

/// What proves that somebody has signed in.
#[derive(SimpleObject)]
#[graphql(tag = "public")]
pub struct AuthTokens {
    /// Goes into the `Authorization` header, after `Bearer`. Short-lived.
    pub access_token: String,
    /// Buys the next pair, once. Whoever shows it again later ends the session; the same client that
    /// tries again at once gets the same pair.
    pub refresh_token: String,
    /// When the access token runs out.
    pub expires_at: DateTime<Utc>,
    /// Always `Bearer` (RFC 6750).
    pub token_type: &'static str,
    /// The session that the tokens belong to.
    pub session_id: Id<Session>,
    /// Who has signed in.
    pub user: User,
    /// To keep, also after signing out, and to show at the next sign-in. It is no credential: it only
    /// says that this device is known, so that guesses of strangers do not lock its owner out. Null
    /// when tokens are refreshed.
    pub device_token: Option<String>,
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
            device_token: signed_in.device_token,
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
    /// The device token of an earlier sign-in on this device, if there was one.
    #[graphql(secret)]
    pub device_token: Option<String>,
}

/// What is exchanged for a new pair of tokens.
#[derive(InputObject)]
pub struct AuthTokenRefreshInput {
    /// The refresh token.
    #[graphql(secret)]
    pub refresh_token: String,
}

atelier_kit::payload! {
    /// The outcome of registering.
    pub struct AuthRegisterPayload, AccountsUserError {
        /// The new user's tokens.
        tokens: AuthTokens,
    }

    /// The outcome of signing in.
    pub struct AuthLoginPayload, AccountsUserError {
        /// The user's tokens.
        tokens: AuthTokens,
    }

    /// The outcome of refreshing.
    pub struct AuthTokenRefreshPayload, AccountsUserError {
        /// The new pair of tokens; the old refresh token is void.
        tokens: AuthTokens,
    }
}

#[derive(Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Makes an account and signs its owner in. Only one field of a request may use a password.
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
        let registered = match require_first_password(ctx) {
            Ok(()) => register::register(accounts(ctx), actor(ctx), wanted).await,
            Err(refused) => Err(refused),
        };
        mutation(ctx, registered.map(AuthTokens::from))
    }

    /// Signs in. Only one field of a request may use a password.
    #[graphql(tag = "public")]
    async fn auth_login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: AuthLoginInput,
    ) -> Result<AuthLoginPayload> {
        let wanted = login::Wanted {
            called: input.login,
            password: input.password,
            device_token: input.device_token,
        };
        let signed_in = match require_first_password(ctx) {
            Ok(()) => login::login(accounts(ctx), actor(ctx), wanted).await,
            Err(refused) => Err(refused),
        };
        mutation(ctx, signed_in.map(AuthTokens::from))
    }

    /// Exchanges a refresh token for a new pair of tokens.
    #[graphql(tag = "public")]
    async fn auth_token_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is exchanged.")] input: AuthTokenRefreshInput,
    ) -> Result<AuthTokenRefreshPayload> {
        let refreshed = refresh::refresh(accounts(ctx), actor(ctx), &input.refresh_token).await;
        mutation(ctx, refreshed.map(AuthTokens::from))
    }
}
