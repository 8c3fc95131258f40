//! Stored bytes and how many assets refer to them.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Asset, Id},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::state::{BlobState, Kind};
use crate::{
    Blob,
    tables::{asset, blob},
};

/// A blob's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = blob)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct BlobRow {
    pub id: Id<Blob>,
    pub sha256: Option<Vec<u8>>,
    pub declared_sha256: Option<Vec<u8>>,
    pub byte_size: i64,
    pub content_type: String,
    pub kind: Kind,
    pub storage_key: String,
    pub reference_count: i32,
    pub state: BlobState,
    pub failure: Option<String>,
    pub metadata: Option<Value>,
    pub blurhash: Option<String>,
    pub dominant_color: Option<String>,
    pub created_at: DateTime<Utc>,
    pub processed_at: Option<DateTime<Utc>>,
}

/// What processing found out about a blob.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub failure: Option<String>,
    pub metadata: Option<Value>,
    pub blurhash: Option<String>,
    pub dominant_color: Option<String>,
}

/// Adds a blob. `false` if a blob with its verified digest exists.
pub async fn insert(connection: &mut Connection, row: &BlobRow) -> Result<bool, Error> {
    let added = diesel::insert_into(blob::table)
        .values(row)
        .on_conflict(blob::sha256)
        .do_nothing()
        .execute(connection)
        .await?;
    Ok(added == 1)
}

/// The blob with an id.
pub async fn find(connection: &mut Connection, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    Ok(blob::table
        .find(id)
        .select(BlobRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// The blob with an id, locked until the transaction ends.
pub async fn lock(connection: &mut Connection, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    Ok(blob::table
        .find(id)
        .select(BlobRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?)
}

/// The blob with a verified digest.
pub async fn by_sha256(
    connection: &mut Connection,
    sha256: &[u8],
) -> Result<Option<BlobRow>, Error> {
    Ok(blob::table
        .filter(blob::sha256.eq(sha256))
        .select(BlobRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// Adds a reference to the blob with a verified digest. `None` if there is no such blob.
pub async fn refer_by_sha256(
    connection: &mut Connection,
    sha256: &[u8],
) -> Result<Option<BlobRow>, Error> {
    Ok(diesel::update(blob::table.filter(blob::sha256.eq(sha256)))
        .set(blob::reference_count.eq(blob::reference_count + 1))
        .returning(BlobRow::as_returning())
        .get_result(connection)
        .await
        .optional()?)
}

/// Adds a reference to a blob. `None` if it has gone.
pub async fn refer(connection: &mut Connection, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    Ok(diesel::update(blob::table.find(id))
        .set(blob::reference_count.eq(blob::reference_count + 1))
        .returning(BlobRow::as_returning())
        .get_result(connection)
        .await
        .optional()?)
}

/// Takes a reference from a blob and tells what is left.
pub async fn unrefer(connection: &mut Connection, id: Id<Blob>) -> Result<BlobRow, Error> {
    Ok(diesel::update(blob::table.find(id))
        .set(blob::reference_count.eq(blob::reference_count - 1))
        .returning(BlobRow::as_returning())
        .get_result(connection)
        .await?)
}

/// Forgets a blob and its derivatives' rows.
pub async fn delete(connection: &mut Connection, id: Id<Blob>) -> Result<(), Error> {
    diesel::delete(blob::table.find(id))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what processing has found out.
pub async fn finish(
    connection: &mut Connection,
    id: Id<Blob>,
    state: BlobState,
    sha256: Option<&[u8]>,
    findings: &Findings,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(blob::table.find(id))
        .set((
            blob::state.eq(state),
            blob::sha256.eq(sha256),
            blob::failure.eq(&findings.failure),
            blob::metadata.eq(&findings.metadata),
            blob::blurhash.eq(&findings.blurhash),
            blob::dominant_color.eq(&findings.dominant_color),
            blob::processed_at.eq(at),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves every asset of one blob to another with the same content, and tells which.
pub async fn merge(
    connection: &mut Connection,
    from: Id<Blob>,
    into: Id<Blob>,
) -> Result<Vec<Id<Asset>>, Error> {
    let moved: Vec<Id<Asset>> = diesel::update(asset::table.filter(asset::blob_id.eq(from)))
        .set(asset::blob_id.eq(into))
        .returning(asset::id)
        .get_results(connection)
        .await?;
    diesel::update(blob::table.find(into))
        .set(
            blob::reference_count
                .eq(blob::reference_count + i32::try_from(moved.len()).unwrap_or(i32::MAX)),
        )
        .execute(connection)
        .await?;
    Ok(moved)
}

/// Up to `limit` blobs that nobody has processed since `before`, locked.
pub async fn lock_stuck(
    connection: &mut Connection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<BlobRow>, Error> {
    Ok(blob::table
        .filter(blob::state.eq(BlobState::Processing))
        .filter(blob::created_at.lt(before))
        .limit(limit)
        .select(BlobRow::as_select())
        .for_update()
        .skip_locked()
        .load(connection)
        .await?)
}
