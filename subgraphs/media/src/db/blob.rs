//! Stored bytes and how many assets refer to them.

use atelier_kit::{db::Connection, error::Error, id::Id, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Integer, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    Blob,
    kinds::{AssetKind, BlobState},
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
    pub kind: AssetKind,
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
pub async fn insert(tx: &mut Tx, row: &BlobRow) -> Result<bool, Error> {
    let added = diesel::insert_into(blob::table)
        .values(row)
        .on_conflict(blob::sha256)
        .do_nothing()
        .execute(tx)
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
pub async fn lock(tx: &mut Tx, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    Ok(blob::table
        .find(id)
        .select(BlobRow::as_select())
        .for_update()
        .first(tx)
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
pub async fn refer_by_sha256(tx: &mut Tx, sha256: &[u8]) -> Result<Option<BlobRow>, Error> {
    Ok(diesel::update(blob::table.filter(blob::sha256.eq(sha256)))
        .set(blob::reference_count.eq(blob::reference_count + 1))
        .returning(BlobRow::as_returning())
        .get_result(tx)
        .await
        .optional()?)
}

/// Adds a reference to a blob. `None` if it has gone.
pub async fn refer(tx: &mut Tx, id: Id<Blob>) -> Result<Option<BlobRow>, Error> {
    Ok(diesel::update(blob::table.find(id))
        .set(blob::reference_count.eq(blob::reference_count + 1))
        .returning(BlobRow::as_returning())
        .get_result(tx)
        .await
        .optional()?)
}

/// Blobs with these ids, locked until the transaction ends, in one order everywhere, so that two
/// transactions cannot wait for each other.
pub async fn lock_all(tx: &mut Tx, ids: &[Id<Blob>]) -> Result<Vec<BlobRow>, Error> {
    Ok(blob::table
        .filter(blob::id.eq_any(ids))
        .order(blob::id)
        .select(BlobRow::as_select())
        .for_update()
        .load(tx)
        .await?)
}

/// Takes so many references from each of these blobs; the caller holds their locks.
pub async fn unrefer(tx: &mut Tx, lost: &[(Id<Blob>, i32)]) -> Result<(), Error> {
    let (ids, counts): (Vec<_>, Vec<_>) = lost.iter().copied().unzip();
    diesel::sql_query(
        "UPDATE media.blob SET reference_count = reference_count - lost.count \
         FROM unnest($1, $2) AS lost (id, count) WHERE blob.id = lost.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Integer>, _>(counts)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets blobs and their derivatives' rows.
pub async fn delete(tx: &mut Tx, ids: &[Id<Blob>]) -> Result<(), Error> {
    diesel::delete(blob::table.filter(blob::id.eq_any(ids)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes what processing has found out.
pub async fn finish(
    tx: &mut Tx,
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
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes that these blobs cannot be processed; what is known of their digests stays.
pub async fn fail(
    tx: &mut Tx,
    ids: &[Id<Blob>],
    failure: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(blob::table.filter(blob::id.eq_any(ids)))
        .set((
            blob::state.eq(BlobState::Failed),
            blob::failure.eq(failure),
            blob::processed_at.eq(at),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Moves every asset of one blob to another with the same content.
pub async fn merge(tx: &mut Tx, from: Id<Blob>, into: Id<Blob>) -> Result<(), Error> {
    let moved = diesel::update(asset::table.filter(asset::blob_id.eq(from)))
        .set(asset::blob_id.eq(into))
        .execute(tx)
        .await?;
    diesel::update(blob::table.find(into))
        .set(
            blob::reference_count
                .eq(blob::reference_count + i32::try_from(moved).unwrap_or(i32::MAX)),
        )
        .execute(tx)
        .await?;
    Ok(())
}

/// Up to `limit` blobs that nobody has processed since `before`, locked.
pub async fn lock_stuck(
    tx: &mut Tx,
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
        .load(tx)
        .await?)
}
