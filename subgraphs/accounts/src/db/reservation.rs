//! Reservations of quotas, and the ledger of all changes to quotas.

use atelier_kit::{
    error::Error,
    id::{Id, User},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    prelude::*,
    sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{
    kinds::{EntryKind, Meter, ReservationState},
    tables::{quota_entry, quota_reservation},
};

/// A reservation.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = quota_reservation)]
pub struct ReservationRow {
    pub service: String,
    pub key: String,
    pub account_id: Id<User>,
    pub meter: Meter,
    pub amount: i64,
    pub state: ReservationState,
    pub committed: Option<i64>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = quota_entry)]
pub struct NewEntry {
    pub id: Uuid,
    pub account_id: Id<User>,
    pub meter: Meter,
    pub kind: EntryKind,
    pub amount: i64,
    pub service: Option<String>,
    pub key: Option<String>,
    pub at: DateTime<Utc>,
}

/// Inserts a reservation; false if its key is taken. Waits for a transaction that is inserting the
/// same key.
pub async fn insert(tx: &mut Tx, new: &ReservationRow) -> Result<bool, Error> {
    let inserted = diesel::insert_into(quota_reservation::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted > 0)
}

/// A reservation, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, service: &str, key: &str) -> Result<Option<ReservationRow>, Error> {
    Ok(quota_reservation::table
        .find((service, key))
        .select(ReservationRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// Sets the final state of a reservation.
pub async fn settle(
    tx: &mut Tx,
    reservation: &ReservationRow,
    state: ReservationState,
    committed: Option<i64>,
    now: DateTime<Utc>,
) -> Result<ReservationRow, Error> {
    Ok(
        diesel::update(quota_reservation::table.find((&reservation.service, &reservation.key)))
            .set((
                quota_reservation::state.eq(state),
                quota_reservation::committed.eq(committed),
                quota_reservation::settled_at.eq(now),
            ))
            .returning(ReservationRow::as_returning())
            .get_result(tx)
            .await?,
    )
}

/// Marks at most `limit` overdue reservations as expired, and returns them.
pub async fn expire(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ReservationRow>, Error> {
    #[derive(QueryableByName)]
    struct Key {
        #[diesel(sql_type = Text)]
        service: String,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = SqlUuid)]
        account_id: Id<User>,
        #[diesel(sql_type = Text)]
        meter: Meter,
        #[diesel(sql_type = BigInt)]
        amount: i64,
        #[diesel(sql_type = Timestamptz)]
        created_at: DateTime<Utc>,
        #[diesel(sql_type = Timestamptz)]
        expires_at: DateTime<Utc>,
    }
    // A reservation that is being settled at this moment is locked, and is skipped.
    let keys: Vec<Key> = diesel::sql_query(
        "UPDATE accounts.quota_reservation r SET state = 'EXPIRED', settled_at = $1 \
         FROM (SELECT service, key FROM accounts.quota_reservation WHERE state = 'RESERVED' AND expires_at <= $1 \
               ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) due \
         WHERE r.service = due.service AND r.key = due.key \
         RETURNING r.service, r.key, r.account_id, r.meter, r.amount, r.created_at, r.expires_at",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(tx)
    .await?;
    Ok(keys
        .into_iter()
        .map(|row| ReservationRow {
            service: row.service,
            key: row.key,
            account_id: row.account_id,
            meter: row.meter,
            amount: row.amount,
            state: ReservationState::Expired,
            committed: None,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// Inserts entries into the ledger.
pub async fn enter(tx: &mut Tx, entries: &[NewEntry]) -> Result<(), Error> {
    diesel::insert_into(quota_entry::table)
        .values(entries)
        .execute(tx)
        .await?;
    Ok(())
}
