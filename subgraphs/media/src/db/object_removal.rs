//! What is to be removed from the object store.

use atelier_contracts::media::Upload;
use atelier_kit::{db::Connection, error::Error, id::Id, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::object_removal;

/// An object, or an unfinished multipart upload, to be removed.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = object_removal)]
pub struct NewObjectRemoval {
    pub storage_key: String,
    pub multipart_id: Option<String>,
    pub due_at: DateTime<Utc>,
    /// The upload whose quota is held until this is removed.
    pub upload_id: Option<Id<Upload>>,
}

impl NewObjectRemoval {
    /// The removal of an object, as soon as possible.
    pub fn of(storage_key: String, now: DateTime<Utc>) -> Self {
        Self {
            storage_key,
            multipart_id: None,
            due_at: now,
            upload_id: None,
        }
    }
}

/// A row of what is to be removed.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = object_removal)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct ObjectRemovalRow {
    pub id: i64,
    pub storage_key: String,
    pub multipart_id: Option<String>,
    pub upload_id: Option<Id<Upload>>,
}

/// Has objects removed once the transaction has committed.
pub async fn insert(tx: &mut Tx, removals: &[NewObjectRemoval]) -> Result<(), Error> {
    for removals in removals.chunks(ROWS) {
        diesel::insert_into(object_removal::table)
            .values(removals)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// The most rows in one statement: four parameters each, of 65,535.
const ROWS: usize = 10_000;

/// Up to `limit` things that may be removed now.
pub async fn due(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ObjectRemovalRow>, Error> {
    Ok(object_removal::table
        .filter(object_removal::due_at.le(now))
        .order(object_removal::due_at)
        .limit(limit)
        .select(ObjectRemovalRow::as_select())
        .load(connection)
        .await?)
}

/// Puts off what could not be removed.
pub async fn postpone(tx: &mut Tx, ids: &[i64], due_at: DateTime<Utc>) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::update(object_removal::table.filter(object_removal::id.eq_any(ids)))
        .set(object_removal::due_at.eq(due_at))
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets what has been removed.
pub async fn delete(tx: &mut Tx, ids: &[i64]) -> Result<(), Error> {
    diesel::delete(object_removal::table.filter(object_removal::id.eq_any(ids)))
        .execute(tx)
        .await?;
    Ok(())
}
