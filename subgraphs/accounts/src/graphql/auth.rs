//! Registering, signing in, and refreshing tokens.

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

/// The tokens of a signed-in user.
#[derive(SimpleObject)]
#[graphql(tag = "public")]
pub struct AuthTokens {
    /// The token to authenticate requests with, sent as `Authorization: Bearer <token>`. It is
    /// short-lived; see `expiresAt`.
    pub access_token: String,
    /// The token to exchange for the next pair of tokens, with `authTokenRefresh`. It can be used
    /// once: using it again ends the session, except that the same client may repeat the exchange
    /// for a short time (30 seconds by default) and gets the same pair.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: DateTime<Utc>,
    /// The type of the access token; always `Bearer` (RFC 6750).
    pub token_type: &'static str,
    /// The session that the tokens belong to.
    pub session_id: Id<Session>,
    /// The signed-in user.
    pub user: User,
    /// A token that marks this device as known. Clients should keep it, even after signing out, and
    /// pass it to the next `authLogin`, so that other people's failed attempts do not slow down the
    /// owner's sign-in. It is not a credential. Null when tokens are refreshed.
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

/// The input of `authRegister`.
#[derive(InputObject)]
pub struct AuthRegisterInput {
    /// The email address of the new account.
    pub email: String,
    /// The username: 2 to 30 letters, digits, dots, hyphens or underscores. Its letters are of one
    /// script, and it begins and ends with a letter or digit. Names that look alike count as the
    /// same.
    pub username: String,
    /// The password: at least 8 characters and at most 256 bytes. Common passwords, and the
    /// username or email address, are refused.
    #[graphql(secret)]
    pub password: String,
    /// The name shown to others, at most 64 characters; the username by default.
    pub display_name: Option<String>,
}

/// The input of `authLogin`.
#[derive(InputObject)]
pub struct AuthLoginInput {
    /// The username or the email address of the account.
    pub login: String,
    /// The password of the account.
    #[graphql(secret)]
    pub password: String,
    /// The `deviceToken` of an earlier sign-in on this device, if there was one.
    #[graphql(secret)]
    pub device_token: Option<String>,
}

/// The input of `authTokenRefresh`.
#[derive(InputObject)]
pub struct AuthTokenRefreshInput {
    /// The refresh token to exchange.
    #[graphql(secret)]
    pub refresh_token: String,
}

atelier_kit::payload! {
    /// The result of `authRegister`.
    pub struct AuthRegisterPayload, AccountsUserError {
        /// The new user's tokens.
        tokens: AuthTokens,
    }

    /// The result of `authLogin`.
    pub struct AuthLoginPayload, AccountsUserError {
        /// The user's tokens.
        tokens: AuthTokens,
    }

    /// The result of `authTokenRefresh`.
    pub struct AuthTokenRefreshPayload, AccountsUserError {
        /// The new pair of tokens, which replaces the old one.
        tokens: AuthTokens,
    }
}

#[derive(Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Creates an account and signs its owner in. Only one field of a request may use a password.
    #[graphql(tag = "public")]
    async fn auth_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create.")] input: AuthRegisterInput,
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

    /// Signs in with a password and opens a session. Repeated failures are slowed down:
    /// `TOO_MANY_ATTEMPTS` says for how long. Only one field of a request may use a password.
    #[graphql(tag = "public")]
    async fn auth_login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account and its password.")] input: AuthLoginInput,
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

    /// Exchanges a refresh token for a new pair of tokens, and prolongs the session.
    #[graphql(tag = "public")]
    async fn auth_token_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token to exchange.")] input: AuthTokenRefreshInput,
    ) -> Result<AuthTokenRefreshPayload> {
        let refreshed = refresh::refresh(accounts(ctx), actor(ctx), &input.refresh_token).await;
        mutation(ctx, refreshed.map(AuthTokens::from))
    }
}
