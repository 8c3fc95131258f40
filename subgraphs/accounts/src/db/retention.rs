//! Deleting rows that are no longer needed, a bounded number at a time.
//!
//! Rows that another sweep is deleting at the same time are skipped.

use atelier_kit::{db::Connection, error::Error};
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;

/// A kind of rows that are deleted after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// Sessions that have ended, with their tokens.
    Sessions,
    /// Expired refresh tokens of sessions that are still open.
    RefreshTokens,
    /// Reservations that were released or have expired. Committed ones stay, because they may be
    /// refunded.
    Reservations,
    /// Entries of the ledger of quotas.
    Ledger,
    /// Sign-ins and failed sign-ins in the audit log. All other entries stay.
    SignIns,
}

impl Aged {
    const fn statement(self) -> &'static str {
        match self {
            Self::Sessions => {
                "DELETE FROM accounts.session WHERE id IN (SELECT id FROM accounts.session \
                 WHERE expires_at < $1 OR revoked_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::RefreshTokens => {
                "DELETE FROM accounts.refresh_token WHERE hash IN (SELECT hash FROM accounts.refresh_token \
                 WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Reservations => {
                "DELETE FROM accounts.quota_reservation WHERE (service, key) IN (SELECT service, key FROM accounts.quota_reservation \
                 WHERE state IN ('RELEASED', 'EXPIRED') AND settled_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::Ledger => {
                "DELETE FROM accounts.quota_entry WHERE id IN (SELECT id FROM accounts.quota_entry \
                 WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
            Self::SignIns => {
                "DELETE FROM accounts.audit_event WHERE id IN (SELECT id FROM accounts.audit_event \
                 WHERE action LIKE 'auth.%' AND at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            }
        }
    }
}

/// Deletes at most `limit` rows from before `before`; returns how many.
pub async fn forget(
    connection: &mut Connection,
    aged: Aged,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, Error> {
    Ok(diesel::sql_query(aged.statement())
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(limit)
        .execute(connection)
        .await?)
}
