//! The audit log.

use async_graphql::{Context, InputObject, Json, Object, Result};
use atelier_kit::{
    error::{Error, ErrorCode},
    graphql::actor,
    id::{self, Id},
    page::{Connection, PageArgs},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    accounts,
    user::{User, load_by_id},
};
use crate::{
    app::{audit, text},
    db::audit::{AuditFilter, AuditRow},
};

/// A sign-in, a failure to, or a change of somebody's permissions.
#[derive(Debug, Clone)]
pub struct AuditEvent(pub AuditRow);

/// A sign-in, a failure to, or a change of somebody's permissions.
#[Object(requires_scopes = "admin:audit", tag = "admin")]
impl AuditEvent {
    /// The entry's id.
    async fn id(&self) -> Id<crate::AuditEvent> {
        self.0.id
    }

    /// When it happened.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who did it; null for a part of the system, for nobody known, and for somebody who is gone.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match self.0.actor_id {
            Some(id) => load_by_id(ctx, Id::from_uuid(id)).await,
            None => Ok(None),
        }
    }

    /// The part of the system that did it.
    async fn service(&self) -> Option<&str> {
        self.0.service.as_deref()
    }

    /// What was done: `role.assign`, `auth.login_failed`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of what it was done to.
    async fn target_id(&self) -> Option<String> {
        let id = self.0.target_id?;
        Some(match self.0.action.split('.').next() {
            Some("role") if self.0.action != "role.assign" => {
                Id::<crate::Role>::from_uuid(id).to_string()
            }
            Some("access_token") => Id::<crate::AccessToken>::from_uuid(id).to_string(),
            _ => Id::<id::User>::from_uuid(id).to_string(),
        })
    }

    /// What was before and what is after.
    async fn details(&self) -> Json<&serde_json::Value> {
        Json(&self.0.details)
    }

    /// The address that it came from.
    async fn ip(&self) -> Option<&str> {
        self.0.ip.as_deref()
    }

    /// The id of the request, as in the logs.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }
}

/// Which entries are wanted; all conditions hold together.
#[derive(Debug, Default, InputObject)]
pub struct AuditWhere {
    /// Only what this user did.
    pub actor_id: Option<Id<id::User>>,
    /// Only what was done to this: the id of a user, a role or an access token.
    pub target_id: Option<String>,
    /// Only this: `role.assign`.
    pub action: Option<String>,
    /// Only what happened at this time or later.
    pub after: Option<DateTime<Utc>>,
    /// Only what happened before this time.
    pub before: Option<DateTime<Utc>>,
}

fn target(id: &str) -> Result<Uuid, Error> {
    let user = id.parse::<Id<id::User>>().map(Id::uuid);
    let role = || id.parse::<Id<crate::Role>>().map(Id::uuid);
    let token = || id.parse::<Id<crate::AccessToken>>().map(Id::uuid);
    user.or_else(|_| role()).or_else(|_| token()).map_err(|_| {
        Error::with_detail(
            ErrorCode::BadUserInput,
            "\"targetId\" is not the id of a user, a role or an access token.",
        )
    })
}

#[derive(Default)]
pub struct AuditQuery;

#[atelier_kit::object]
impl AuditQuery {
    /// Who signed in or failed to, and who changed whose permissions, newest first.
    #[graphql(requires_scopes = "admin:audit", tag = "admin")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which entries are wanted.")] filter: Option<AuditWhere>,
        page: PageArgs,
    ) -> Result<Connection<AuditEvent>> {
        let filter = filter.unwrap_or_default();
        let filter = AuditFilter {
            actor_id: filter.actor_id.map(Id::uuid),
            target_id: filter.target_id.as_deref().map(target).transpose()?,
            action: filter.action.as_deref().map(text::clean),
            after: filter.after,
            before: filter.before,
        };
        let page = audit::page(accounts(ctx), actor(ctx), &filter, &page).await?;
        Ok(page.connection(AuditEvent))
    }
}
