//! The audit log.

use atelier_kit::{db::Connection, error::Error, id::Id, page::Listed, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::{TimePage, newest_first};
use crate::{AuditEvent, tables::audit_event};

/// An entry of the audit log.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_event)]
pub struct AuditRow {
    pub id: Id<AuditEvent>,
    pub at: DateTime<Utc>,
    pub actor_id: Option<Uuid>,
    pub service: Option<String>,
    pub action: String,
    pub target_id: Option<Uuid>,
    pub details: Value,
    pub ip: Option<String>,
    pub request_id: String,
}

impl Listed for AuditRow {
    const LIST: &'static str = "accounts.audit";
    type Key = (DateTime<Utc>, Uuid);

    fn key(&self) -> Self::Key {
        (self.at, self.id.uuid())
    }
}

/// Inserts an entry.
pub async fn insert(tx: &mut Tx, row: &AuditRow) -> Result<(), Error> {
    diesel::insert_into(audit_event::table)
        .values(row)
        .execute(tx)
        .await?;
    Ok(())
}

/// Selects entries for an administrator.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor_id: Option<Uuid>,
    pub target_id: Option<Uuid>,
    pub action: Option<String>,
    pub after: Option<DateTime<Utc>>,
    pub before: Option<DateTime<Utc>>,
}

fn filtered(filter: &AuditFilter) -> audit_event::BoxedQuery<'_, diesel::pg::Pg> {
    let mut query = audit_event::table.into_boxed();
    if let Some(actor) = filter.actor_id {
        query = query.filter(audit_event::actor_id.eq(actor));
    }
    if let Some(target) = filter.target_id {
        query = query.filter(audit_event::target_id.eq(target));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_event::action.eq(action));
    }
    if let Some(after) = filter.after {
        query = query.filter(audit_event::at.ge(after));
    }
    if let Some(before) = filter.before {
        query = query.filter(audit_event::at.lt(before));
    }
    query
}

/// A page of the log, newest entries first.
pub async fn page(
    connection: &mut Connection,
    filter: &AuditFilter,
    page: &TimePage,
) -> Result<Vec<AuditRow>, Error> {
    let query = newest_first!(filtered(filter), page, audit_event::at, audit_event::id);
    Ok(query.select(AuditRow::as_select()).load(connection).await?)
}

/// The number of entries that match the filter.
pub async fn count(connection: &mut Connection, filter: &AuditFilter) -> Result<i64, Error> {
    Ok(filtered(filter)
        .select(count_star())
        .first(connection)
        .await?)
}
