//! Sessions.

use async_graphql::{Context, InputObject, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::{self, Id},
};
use chrono::{DateTime, Utc};

use super::accounts;
use crate::{
    app::session,
    db::session::{SessionRow, Which},
    error::AccountsUserError,
    kinds::RevokedReason,
};

/// A session: a sign-in on one device.
#[derive(Debug, Clone)]
pub struct Session(pub SessionRow);

/// A session: a sign-in on one device.
#[Object(directive = authenticated::apply())]
impl Session {
    /// The session's id.
    async fn id(&self) -> Id<id::Session> {
        self.0.id
    }

    /// The `User-Agent` of the client that signed in; null if it sent none.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// The IP address of the sign-in; null if it is not known.
    async fn ip(&self) -> Option<&str> {
        self.0.ip.as_deref()
    }

    /// When the session was opened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the session was last used, accurate to five minutes.
    async fn last_seen_at(&self) -> DateTime<Utc> {
        self.0.last_seen_at
    }

    /// When the session expires, unless its tokens are refreshed before then.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether this is the session that the request was made with.
    async fn current(&self, ctx: &Context<'_>) -> bool {
        actor(ctx).session_id() == Some(self.0.id)
    }
}

/// The input of `authLogout`.
#[derive(InputObject)]
pub struct AuthLogoutInput {
    /// Accepted and ignored.
    pub client_mutation_id: Option<String>,
}

/// The input of `authSessionsRevoke`.
#[derive(InputObject)]
pub struct AuthSessionsRevokeInput {
    /// The id of the only session to end; all sessions by default.
    pub session_id: Option<Id<id::Session>>,
    /// Whether to keep the session that the request was made with. Ignored if `sessionId` is given.
    #[graphql(default)]
    pub keep_current: bool,
}

atelier_kit::payload! {
    /// The result of `authLogout`.
    pub struct AuthLogoutPayload, AccountsUserError {
        /// The id of the session that was ended.
        session_id: Id<id::Session>,
    }

    /// The result of `authSessionsRevoke`.
    pub struct AuthSessionsRevokePayload, AccountsUserError {
        /// The ids of the sessions that were ended.
        session_ids: Vec<Id<id::Session>>,
    }
}

#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Ends the session that the request was made with. Requires a session.
    #[graphql(directive = authenticated::apply())]
    async fn auth_logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Needs no values: `{}`.")] input: AuthLogoutInput,
    ) -> Result<AuthLogoutPayload> {
        drop(input);
        mutation(ctx, session::logout(accounts(ctx), actor(ctx)).await)
    }

    /// Ends one or all of the caller's sessions. Personal access tokens and API keys stay valid.
    /// Requires the scope `account:write`.
    #[graphql(requires_scopes = "account:write")]
    async fn auth_sessions_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The sessions to end.")] input: AuthSessionsRevokeInput,
    ) -> Result<AuthSessionsRevokePayload> {
        let which = match (
            input.session_id,
            input.keep_current,
            actor(ctx).session_id(),
        ) {
            (Some(id), _, _) => Which::One(id),
            (None, true, Some(current)) => Which::AllBut(current),
            (None, _, _) => Which::All,
        };
        mutation(
            ctx,
            session::revoke(accounts(ctx), actor(ctx), which, RevokedReason::Kicked).await,
        )
    }
}
