//! The facts that this domain publishes.

use atelier_kit::{
    db::Connection,
    error::Error,
    event::{NewEvent, emit, emit_all},
    id::{Id, Session, User},
};
use serde::{Deserialize, Serialize};

use super::Accounts;
use crate::{
    db::quota::QuotaRow,
    kinds::{Meter, PlanCode, RevokedReason, UserStatus},
};

/// Somebody has registered. Payload: [`Registered`].
pub const USER_REGISTERED: &str = "user.registered";
/// A profile has changed. No payload.
pub const USER_UPDATED: &str = "user.updated";
/// An account is gone for good; other domains delete what belongs to it. No payload.
pub const USER_DELETED: &str = "user.deleted";
/// A status has changed. Payload: [`StatusChanged`].
pub const STATUS_CHANGED: &str = "user.status_changed";
/// Somebody's roles, or the scopes of their roles, have changed. No payload.
pub const ROLES_CHANGED: &str = "user.roles_changed";
/// Somebody's plan has changed. Payload: [`PlanChanged`].
pub const PLAN_CHANGED: &str = "user.plan_changed";
/// Sessions have ended. Payload: [`SessionsRevoked`].
pub const SESSIONS_REVOKED: &str = "user.sessions_revoked";
/// A quota has changed. Payload: [`QuotaChanged`].
pub const QUOTA_CHANGED: &str = "user.quota_changed";

/// Payload of [`USER_REGISTERED`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registered {
    pub username: String,
}

/// Payload of [`STATUS_CHANGED`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusChanged {
    pub status: UserStatus,
    pub reason: Option<String>,
}

/// Payload of [`PLAN_CHANGED`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanChanged {
    pub plan: PlanCode,
}

/// Payload of [`SESSIONS_REVOKED`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionsRevoked {
    pub sessions: Vec<Id<Session>>,
    pub reason: RevokedReason,
}

/// Payload of [`QUOTA_CHANGED`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuotaChanged {
    pub meter: Meter,
    pub limit: Option<i64>,
    pub used: i64,
    pub reserved: i64,
    pub resets_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<&QuotaRow> for QuotaChanged {
    fn from(row: &QuotaRow) -> Self {
        Self {
            meter: row.meter,
            limit: row.amount,
            used: row.used,
            reserved: row.reserved,
            resets_at: row.resets_at,
        }
    }
}

impl Accounts {
    /// Writes an event about a user, in the transaction that makes it true.
    pub async fn tell<P: Serialize>(
        &self,
        connection: &mut Connection,
        user: Id<User>,
        topic: &str,
        payload: P,
    ) -> Result<(), Error> {
        emit(
            connection,
            &self.deps,
            NewEvent {
                topic,
                key: user.to_string(),
                concerns: Vec::new(),
                payload,
            },
        )
        .await
    }

    /// Writes the same event about many users.
    pub async fn tell_all(
        &self,
        connection: &mut Connection,
        users: &[Id<User>],
        topic: &str,
    ) -> Result<(), Error> {
        for some in users.chunks(1000) {
            let events = some
                .iter()
                .map(|user| NewEvent {
                    topic,
                    key: user.to_string(),
                    concerns: Vec::new(),
                    payload: (),
                })
                .collect();
            emit_all(connection, &self.deps, events).await?;
        }
        Ok(())
    }
}
