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

/// An entry of the audit log: a sign-in, a failed sign-in, or a change to an account, its
/// credentials or its permissions.
#[derive(Debug, Clone)]
pub struct AuditEvent(pub AuditRow);

/// An entry of the audit log: a sign-in, a failed sign-in, or a change to an account, its
/// credentials or its permissions.
#[Object(requires_scopes = "admin:audit", tag = "admin")]
impl AuditEvent {
    /// The entry's id.
    async fn id(&self) -> Id<crate::AuditEvent> {
        self.0.id
    }

    /// When the action took place.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The user who acted; null if it was a service, an unknown caller, or a user whom the caller
    /// may not see, such as a deleted one.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match self.0.actor_id {
            Some(id) => load_by_id(ctx, Id::from_uuid(id)).await,
            None => Ok(None),
        }
    }

    /// The name of the service that acted; null if it was a user or an unknown caller.
    async fn service(&self) -> Option<&str> {
        self.0.service.as_deref()
    }

    /// The action, such as `role.assign` or `auth.login_failed`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of the user, role or access token that was acted on; null if there was none.
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

    /// The details of the action, such as the values before and after a change.
    async fn details(&self) -> Json<&serde_json::Value> {
        Json(&self.0.details)
    }

    /// The IP address that the request came from; null if it is not known.
    async fn ip(&self) -> Option<&str> {
        self.0.ip.as_deref()
    }

    /// The id of the request, as it appears in the server's logs.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }
}

/// Selects entries of the audit log. An entry must satisfy every condition that is given.
#[derive(Debug, Default, InputObject)]
pub struct AuditWhere {
    /// Returns only actions of this user.
    pub actor_id: Option<Id<id::User>>,
    /// Returns only actions on the user, role or access token with this id.
    pub target_id: Option<String>,
    /// Returns only this action, such as `role.assign`.
    pub action: Option<String>,
    /// Returns only entries from this time on.
    pub after: Option<DateTime<Utc>>,
    /// Returns only entries from before this time.
    pub before: Option<DateTime<Utc>>,
}

fn target(id: &str) -> Result<Uuid, Error> {
    let user = id.parse::<Id<id::User>>().map(Id::uuid);
    let role = || id.parse::<Id<crate::Role>>().map(Id::uuid);
    let token = || id.parse::<Id<crate::AccessToken>>().map(Id::uuid);
    user.or_else(|_| role()).or_else(|_| token()).map_err(|_| {
        Error::with_detail(
            ErrorCode::BadUserInput,
            "\"targetId\" must be the id of a user, a role or an access token.",
        )
    })
}

#[derive(Default)]
pub struct AuditQuery;

#[atelier_kit::object]
impl AuditQuery {
    /// Returns the audit log, newest entries first: sign-ins and failed sign-ins, and changes to
    /// accounts, credentials and permissions. Requires the scope `admin:audit`.
    #[graphql(requires_scopes = "admin:audit", tag = "admin")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            name = "where",
            desc = "Selects the entries to return; all of them by default."
        )]
        filter: Option<AuditWhere>,
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
