//! Assets, always read together with their blobs.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Asset, Id, User},
    page::PageRequest,
};
use chrono::{DateTime, Utc};
use diesel::{dsl::sql, prelude::*, sql_types::BigInt};
use diesel_async::RunQueryDsl;

use super::{blob::BlobRow, state::Kind};
use crate::{
    Blob,
    tables::{asset, blob},
};

/// An asset's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = asset)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct AssetRow {
    pub id: Id<Asset>,
    pub owner_id: Id<User>,
    pub blob_id: Id<Blob>,
    pub filename: String,
    pub content_type: String,
    pub purpose: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub trashed_at: Option<DateTime<Utc>>,
}

/// An asset and its bytes.
pub type AssetAndBlob = (AssetRow, BlobRow);

/// The sort key of lists of assets: newest first.
pub type AssetKey = (DateTime<Utc>, Id<Asset>);

/// Which assets of somebody are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AssetFilter {
    pub kind: Option<Kind>,
    pub trashed: bool,
}

/// What somebody's files take.
#[derive(Debug, Clone, Copy, Default, QueryableByName)]
pub struct Usage {
    #[diesel(sql_type = BigInt)]
    pub assets: i64,
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    #[diesel(sql_type = BigInt)]
    pub trashed_assets: i64,
    #[diesel(sql_type = BigInt)]
    pub trashed_bytes: i64,
    #[diesel(sql_type = BigInt)]
    pub uploading_bytes: i64,
}

/// Adds an asset.
pub async fn insert(connection: &mut Connection, row: &AssetRow) -> Result<(), Error> {
    diesel::insert_into(asset::table)
        .values(row)
        .execute(connection)
        .await?;
    Ok(())
}

/// The assets with these ids.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<Asset>],
) -> Result<Vec<AssetAndBlob>, Error> {
    let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    Ok(asset::table
        .inner_join(blob::table)
        .filter(asset::id.eq_any(uuids))
        .select((AssetRow::as_select(), BlobRow::as_select()))
        .load(connection)
        .await?)
}

/// The asset with an id.
pub async fn find(
    connection: &mut Connection,
    id: Id<Asset>,
) -> Result<Option<AssetAndBlob>, Error> {
    Ok(by_ids(connection, &[id]).await?.pop())
}

/// Assets with these ids, in the order of ids, locked until the transaction ends.
pub async fn lock(connection: &mut Connection, ids: &[Id<Asset>]) -> Result<Vec<AssetRow>, Error> {
    let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    Ok(asset::table
        .filter(asset::id.eq_any(uuids))
        .order(asset::id)
        .select(AssetRow::as_select())
        .for_update()
        .load(connection)
        .await?)
}

/// Whom the assets of a blob belong to.
pub async fn owners_of_blob(
    connection: &mut Connection,
    blob: Id<Blob>,
) -> Result<Vec<(Id<Asset>, Id<User>)>, Error> {
    Ok(asset::table
        .filter(asset::blob_id.eq(blob))
        .select((asset::id, asset::owner_id))
        .load(connection)
        .await?)
}

/// Renames an asset; the caller holds its lock.
pub async fn rename(
    connection: &mut Connection,
    id: Id<Asset>,
    filename: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(asset::table.find(id))
        .set((asset::filename.eq(filename), asset::updated_at.eq(at)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts an asset into the trash or takes it out; the caller holds its lock.
pub async fn set_trashed(
    connection: &mut Connection,
    id: Id<Asset>,
    trashed_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(asset::table.find(id))
        .set((asset::trashed_at.eq(trashed_at), asset::updated_at.eq(at)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets assets; the caller holds their locks.
pub async fn delete(connection: &mut Connection, ids: &[Id<Asset>]) -> Result<(), Error> {
    let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    diesel::delete(asset::table.filter(asset::id.eq_any(uuids)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Up to `limit` assets that went into the trash before `before`, locked.
pub async fn lock_trashed(
    connection: &mut Connection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<AssetRow>, Error> {
    Ok(asset::table
        .filter(asset::trashed_at.lt(before))
        .order(asset::id)
        .limit(limit)
        .select(AssetRow::as_select())
        .for_update()
        .skip_locked()
        .load(connection)
        .await?)
}

/// A page of somebody's assets, newest first.
pub async fn page(
    connection: &mut Connection,
    owner: Id<User>,
    filter: AssetFilter,
    request: &PageRequest<AssetKey>,
) -> Result<Vec<AssetAndBlob>, Error> {
    let mut query = asset::table
        .inner_join(blob::table)
        .filter(asset::owner_id.eq(owner))
        .filter(asset::trashed_at.is_not_null().eq(filter.trashed))
        .select((AssetRow::as_select(), BlobRow::as_select()))
        .into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(blob::kind.eq(kind));
    }
    if let Some((at, id)) = request.after {
        query = query.filter(
            asset::created_at
                .lt(at)
                .or(asset::created_at.eq(at).and(asset::id.lt(id))),
        );
    }
    if let Some((at, id)) = request.before {
        query = query.filter(
            asset::created_at
                .gt(at)
                .or(asset::created_at.eq(at).and(asset::id.gt(id))),
        );
    }
    query = if request.backward {
        query.order((asset::created_at.asc(), asset::id.asc()))
    } else {
        query.order((asset::created_at.desc(), asset::id.desc()))
    };
    Ok(query.limit(request.fetch()).load(connection).await?)
}

/// How many assets somebody has.
pub async fn count(
    connection: &mut Connection,
    owner: Id<User>,
    filter: AssetFilter,
) -> Result<i64, Error> {
    let mut query = asset::table
        .inner_join(blob::table)
        .filter(asset::owner_id.eq(owner))
        .filter(asset::trashed_at.is_not_null().eq(filter.trashed))
        .select(sql::<BigInt>("count(*)"))
        .into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(blob::kind.eq(kind));
    }
    Ok(query.get_result(connection).await?)
}

/// What somebody's files take.
pub async fn usage(connection: &mut Connection, owner: Id<User>) -> Result<Usage, Error> {
    let statement = "SELECT \
         count(*) FILTER (WHERE trashed_at IS NULL) AS assets, \
         coalesce(sum(byte_size) FILTER (WHERE trashed_at IS NULL), 0)::bigint AS bytes, \
         count(*) FILTER (WHERE trashed_at IS NOT NULL) AS trashed_assets, \
         coalesce(sum(byte_size) FILTER (WHERE trashed_at IS NOT NULL), 0)::bigint AS trashed_bytes, \
         (SELECT coalesce(sum(byte_size), 0)::bigint FROM media.upload \
          WHERE owner_id = $1 AND (status IN ('preparing', 'open') OR quota_state = 'held')) \
         AS uploading_bytes \
         FROM media.asset JOIN media.blob ON blob.id = asset.blob_id WHERE owner_id = $1";
    Ok(diesel::sql_query(statement)
        .bind::<diesel::sql_types::Uuid, _>(owner)
        .get_result(connection)
        .await?)
}
