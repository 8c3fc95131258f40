//! Assets, always read together with their blobs.

use atelier_contracts::media::Asset;
use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, User},
    newest_first,
    page::{Listed, PageRequest},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
    expression::SqlLiteral,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;

use super::{
    audience::{IS_PUBLIC, IS_SHOWN_TO},
    blob::BlobRow,
};
use crate::{
    Blob,
    kinds::AssetKind,
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

/// An asset, its bytes, and whether everybody may see it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = asset)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct AssetAndBlob {
    #[diesel(embed)]
    pub asset: AssetRow,
    #[diesel(embed)]
    pub blob: BlobRow,
    /// Whether it is attached to the audience `public`.
    #[diesel(select_expression = sql::<Bool>(IS_PUBLIC))]
    #[diesel(select_expression_type = SqlLiteral<Bool>)]
    pub is_public: bool,
}

impl Listed for AssetAndBlob {
    const LIST: &'static str = "media.assets";
    type Key = (DateTime<Utc>, Id<Asset>);

    fn key(&self) -> Self::Key {
        (self.asset.created_at, self.asset.id)
    }
}

/// Which assets of somebody are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AssetFilter {
    pub kind: Option<AssetKind>,
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
pub async fn insert(tx: &mut Tx, row: &AssetRow) -> Result<(), Error> {
    diesel::insert_into(asset::table)
        .values(row)
        .execute(tx)
        .await?;
    Ok(())
}

/// The assets with these ids, each with whether it is shown to a group of `viewer`'s.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<Asset>],
    viewer: Option<Id<User>>,
) -> Result<Vec<(AssetAndBlob, bool)>, Error> {
    let in_group = sql::<Bool>(IS_SHOWN_TO)
        .bind::<Nullable<SqlUuid>, _>(viewer)
        .sql(")");
    Ok(asset::table
        .inner_join(blob::table)
        .filter(asset::id.eq_any(ids))
        .select((AssetAndBlob::as_select(), in_group))
        .load(connection)
        .await?)
}

/// The assets with these ids.
pub async fn whole(
    connection: &mut Connection,
    ids: &[Id<Asset>],
) -> Result<Vec<AssetAndBlob>, Error> {
    Ok(asset::table
        .inner_join(blob::table)
        .filter(asset::id.eq_any(ids))
        .select(AssetAndBlob::as_select())
        .load(connection)
        .await?)
}

/// The asset with an id.
pub async fn find(
    connection: &mut Connection,
    id: Id<Asset>,
) -> Result<Option<AssetAndBlob>, Error> {
    Ok(whole(connection, &[id]).await?.pop())
}

/// Assets with these ids, in the order of ids, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, ids: &[Id<Asset>]) -> Result<Vec<AssetRow>, Error> {
    Ok(asset::table
        .filter(asset::id.eq_any(ids))
        .order(asset::id)
        .select(AssetRow::as_select())
        .for_update()
        .load(tx)
        .await?)
}

/// The assets of these blobs, and whom they belong to.
pub async fn owners_of_blobs(
    connection: &mut Connection,
    blobs: &[Id<Blob>],
) -> Result<Vec<(Id<Asset>, Id<User>)>, Error> {
    Ok(asset::table
        .filter(asset::blob_id.eq_any(blobs))
        .select((asset::id, asset::owner_id))
        .load(connection)
        .await?)
}

/// Renames an asset; the caller holds its lock.
pub async fn rename(
    tx: &mut Tx,
    id: Id<Asset>,
    filename: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(asset::table.find(id))
        .set((asset::filename.eq(filename), asset::updated_at.eq(at)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Puts an asset into the trash or takes it out; the caller holds its lock.
pub async fn set_trashed(
    tx: &mut Tx,
    id: Id<Asset>,
    trashed_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(asset::table.find(id))
        .set((asset::trashed_at.eq(trashed_at), asset::updated_at.eq(at)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets assets; the caller holds their locks.
pub async fn delete(tx: &mut Tx, ids: &[Id<Asset>]) -> Result<(), Error> {
    diesel::delete(asset::table.filter(asset::id.eq_any(ids)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Up to `limit` assets that went into the trash before `before`, locked.
pub async fn lock_trashed(
    tx: &mut Tx,
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
        .load(tx)
        .await?)
}

/// Up to `limit` of somebody's assets, locked until the transaction ends.
pub async fn lock_of_owner(
    tx: &mut Tx,
    owner: Id<User>,
    limit: i64,
) -> Result<Vec<AssetRow>, Error> {
    Ok(asset::table
        .filter(asset::owner_id.eq(owner))
        .order(asset::id)
        .limit(limit)
        .select(AssetRow::as_select())
        .for_update()
        .load(tx)
        .await?)
}

/// A page of somebody's assets, newest first.
pub async fn page(
    connection: &mut Connection,
    owner: Id<User>,
    filter: AssetFilter,
    request: &PageRequest<<AssetAndBlob as Listed>::Key>,
) -> Result<Vec<AssetAndBlob>, Error> {
    let mut query = asset::table
        .inner_join(blob::table)
        .filter(asset::owner_id.eq(owner))
        .filter(asset::trashed_at.is_not_null().eq(filter.trashed))
        .select(AssetAndBlob::as_select())
        .into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(blob::kind.eq(kind));
    }
    Ok(newest_first!(query, request, asset::created_at, asset::id)
        .load(connection)
        .await?)
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
          WHERE owner_id = $1 AND (status IN ('PREPARING', 'OPEN') OR quota_state = 'HELD')) \
         AS uploading_bytes \
         FROM media.asset JOIN media.blob ON blob.id = asset.blob_id WHERE owner_id = $1";
    Ok(diesel::sql_query(statement)
        .bind::<diesel::sql_types::Uuid, _>(owner)
        .get_result(connection)
        .await?)
}
