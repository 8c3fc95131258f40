//! The audit log: sign-ins and failed sign-ins, and changes to accounts, credentials and
//! permissions.

use atelier_kit::{
    actor::{Actor, Identity},
    error::Error,
    page::{Page, PageArgs, TimePage},
    transaction::{ReadConnection, Tx},
};
use serde_json::Value;
use uuid::Uuid;

use super::{Accounts, text};
use crate::db::audit::{self, AuditFilter, AuditRow};

/// The scope that reading the log requires.
pub const SCOPE: &str = "admin:audit";
impl Accounts {
    /// Writes an entry to the log, in the transaction of the change.
    pub async fn record(
        &self,
        tx: &mut Tx,
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
            // The router has sanitised it; nothing else must get into the log.
            request_id: Some(&actor.request_id)
                .filter(|id| text::is_request_id(id))
                .cloned()
                .unwrap_or_default(),
        };
        audit::insert(tx, &row).await
    }

    /// Writes an entry that belongs to no change, such as a failed sign-in.
    pub async fn note(
        &self,
        actor: &Actor,
        action: &str,
        target: Option<Uuid>,
        details: Value,
    ) -> Result<(), Error> {
        let note = async |tx: &mut Tx| {
            self.record(tx, actor, action, target, details.clone())
                .await
        };
        self.deps.statement(note).await
    }
}

/// Returns a page of the log, newest entries first.
///
/// # Errors
/// `FORBIDDEN` without the scope `admin:audit`.
pub async fn page(
    accounts: &Accounts,
    actor: &Actor,
    filter: &AuditFilter,
    page: &PageArgs,
) -> Result<Page<AuditRow>, Error> {
    actor.require_scope(SCOPE)?;
    let rows = async |connection: &mut ReadConnection, page: &TimePage| {
        audit::page(connection, filter, page).await
    };
    let count = async |connection: &mut ReadConnection| audit::count(connection, filter).await;
    page.fetch(&accounts.deps, rows, count).await
}
