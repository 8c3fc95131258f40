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

/// A sign-in on a device.
#[derive(Debug, Clone)]
pub struct Session(pub SessionRow);

/// A sign-in on a device.
#[Object(directive = authenticated::apply())]
impl Session {
    /// The session's id.
    async fn id(&self) -> Id<id::Session> {
        self.0.id
    }

    /// The program that signed in, as it called itself.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// The address from which it signed in.
    async fn ip(&self) -> Option<&str> {
        self.0.ip.as_deref()
    }

    /// When it signed in.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last used, exact to a few minutes.
    async fn last_seen_at(&self) -> DateTime<Utc> {
        self.0.last_seen_at
    }

    /// When it ends unless it is used before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Whether it is the session in use.
    async fn current(&self, ctx: &Context<'_>) -> bool {
        actor(ctx).session_id() == Some(self.0.id)
    }
}

/// Nothing is asked for: the session in use is meant.
#[derive(InputObject)]
pub struct AuthLogoutInput {
    /// Accepted and ignored.
    pub client_mutation_id: Option<String>,
}

/// Which sessions to end.
#[derive(InputObject)]
pub struct AuthSessionsRevokeInput {
    /// Only this one; without it, all.
    pub session_id: Option<Id<id::Session>>,
    /// Whether to keep the session in use.
    #[graphql(default)]
    pub keep_current: bool,
}

atelier_kit::payload! {
    /// The outcome of signing out.
    pub struct AuthLogoutPayload, AccountsUserError {
        /// The session that was ended.
        session_id: Id<id::Session>,
    }

    /// The outcome of ending sessions.
    pub struct AuthSessionsRevokePayload, AccountsUserError {
        /// The sessions that were ended.
        session_ids: Vec<Id<id::Session>>,
    }
}

#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs out here.
    #[graphql(directive = authenticated::apply())]
    async fn auth_logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Nothing needs to be told.")] input: AuthLogoutInput,
    ) -> Result<AuthLogoutPayload> {
        drop(input);
        mutation(ctx, session::logout(accounts(ctx), actor(ctx)).await)
    }

    /// Signs out everywhere, or on one device.
    #[graphql(requires_scopes = "account:write")]
    async fn auth_sessions_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sessions to end.")] input: AuthSessionsRevokeInput,
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
