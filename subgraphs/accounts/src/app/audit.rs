//! The audit log: who signed in or failed to, and who changed whose permissions.

use atelier_kit::{
    actor::{Actor, Identity},
    db::Connection,
    error::Error,
    page::PageArgs,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Accounts, text};
use crate::db::audit::{self, AuditFilter, AuditRow};

/// The scope that reads the log.
pub const SCOPE: &str = "admin:audit";
/// The list's name in cursors.
pub const LIST: &str = "accounts.audit";

/// A page of the log, with the total if wanted.
pub struct Page {
    pub request: crate::db::TimePage,
    pub rows: Vec<AuditRow>,
    pub total: Option<i64>,
}

impl Accounts {
    /// Writes to the log, in the transaction of the change.
    pub async fn record(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        action: &str,
        target: Option<Uuid>,
        details: Value,
    ) -> Result<(), Error> {
        let (actor_id, service) = match &actor.identity {
            Identity::User { user, .. } => (Some(user.uuid()), None),
            Identity::Service { name } => (None, Some(name.clone())),
            Identity::Anonymous => (None, None),
        };
        let row = AuditRow {
            id: self.deps.new_id(),
            at: self.now(),
            actor_id,
            service,
            action: action.to_owned(),
            target_id: target,
            details,
            ip: actor.ip.clone(),
            // It comes clean from the router; nothing else is to get into the log.
            request_id: Some(&actor.request_id)
                .filter(|id| text::is_request_id(id))
                .cloned()
                .unwrap_or_default(),
        };
        audit::insert(connection, &row).await
    }

    /// Writes to the log what changes nothing else, such as a failure.
    pub async fn note(
        &self,
        actor: &Actor,
        action: &str,
        target: Option<Uuid>,
        details: Value,
    ) -> Result<(), Error> {
        let mut connection = self.deps.db.write().await?;
        self.record(&mut connection, actor, action, target, details)
            .await
    }
}

/// A page of the log, newest first.
///
/// # Errors
/// `FORBIDDEN` without the scope `admin:audit`.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    filter: &AuditFilter,
    args: &PageArgs,
    total: bool,
) -> Result<Page, Error> {
    actor.require_scope(SCOPE)?;
    let request = args.open(LIST, &accounts.deps.cursors)?;
    let mut connection = accounts.deps.db.read().await?;
    let rows = audit::page(&mut connection, filter, &request).await?;
    let total = if total {
        Some(audit::count(&mut connection, filter).await?)
    } else {
        None
    };
    Ok(Page {
        request,
        rows,
        total,
    })
}
