//! What is to be removed from the store.

use atelier_kit::{db::Connection, error::Error};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{UploadId, tables::doomed_object};

/// An object, or an unfinished multipart upload, to be removed.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = doomed_object)]
pub struct NewDoomed {
    pub storage_key: String,
    pub multipart_id: Option<String>,
    pub due_at: DateTime<Utc>,
    /// The upload whose quota is held until this is removed.
    pub upload_id: Option<UploadId>,
}

/// A doomed object's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = doomed_object)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct DoomedRow {
    pub id: i64,
    pub storage_key: String,
    pub multipart_id: Option<String>,
    pub upload_id: Option<UploadId>,
}

/// Dooms objects in the caller's transaction.
pub async fn doom(connection: &mut Connection, doomed: &[NewDoomed]) -> Result<(), Error> {
    if doomed.is_empty() {
        return Ok(());
    }
    diesel::insert_into(doomed_object::table)
        .values(doomed)
        .execute(connection)
        .await?;
    Ok(())
}

/// Up to `limit` things that may be removed now.
pub async fn due(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DoomedRow>, Error> {
    Ok(doomed_object::table
        .filter(doomed_object::due_at.le(now))
        .order(doomed_object::due_at)
        .limit(limit)
        .select(DoomedRow::as_select())
        .load(connection)
        .await?)
}

/// Puts off what could not be removed.
pub async fn postpone(
    connection: &mut Connection,
    ids: &[i64],
    due_at: DateTime<Utc>,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::update(doomed_object::table.filter(doomed_object::id.eq_any(ids)))
        .set(doomed_object::due_at.eq(due_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets what has been removed.
pub async fn forget(connection: &mut Connection, ids: &[i64]) -> Result<(), Error> {
    diesel::delete(doomed_object::table.filter(doomed_object::id.eq_any(ids)))
        .execute(connection)
        .await?;
    Ok(())
}
