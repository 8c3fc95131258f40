//! How the storage quota of uploads stands in accounts' ledger.

use atelier_contracts::media::{Asset, Upload};
use atelier_kit::{db::Connection, error::Error, id::Id, transaction::Tx};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::upload::UploadRow;
use crate::{
    kinds::QuotaState,
    tables::{object_removal, upload},
};

/// Up to `limit` uploads of which accounts must hear.
pub async fn unsettled(connection: &mut Connection, limit: i64) -> Result<Vec<UploadRow>, Error> {
    Ok(upload::table
        .filter(upload::quota_state.eq_any([QuotaState::CommitDue, QuotaState::ReleaseDue]))
        .order(upload::created_at)
        .limit(limit)
        .select(UploadRow::as_select())
        .load(connection)
        .await?)
}

/// Notes that accounts has answered, unless the state has moved on.
pub async fn settle(
    tx: &mut Tx,
    id: Id<Upload>,
    from: QuotaState,
    to: QuotaState,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id).filter(upload::quota_state.eq(from)))
        .set(upload::quota_state.eq(to))
        .execute(tx)
        .await?;
    Ok(())
}

/// Makes the held quota of those of these uploads due for release for which the store takes no more
/// bytes, and tells which they are.
pub async fn release_held(tx: &mut Tx, uploads: &[Id<Upload>]) -> Result<Vec<UploadRow>, Error> {
    if uploads.is_empty() {
        return Ok(Vec::new());
    }
    let open = object_removal::table.filter(object_removal::upload_id.eq(upload::id.nullable()));
    let held = upload::table
        .filter(upload::id.eq_any(uploads))
        .filter(upload::quota_state.eq(QuotaState::Held))
        .filter(diesel::dsl::not(diesel::dsl::exists(open)));
    Ok(diesel::update(held)
        .set(upload::quota_state.eq(QuotaState::ReleaseDue))
        .returning(UploadRow::as_returning())
        .get_results(tx)
        .await?)
}

/// Makes the quota of purged assets due for release, and tells which uploads that are.
pub async fn release_for_assets(
    tx: &mut Tx,
    assets: &[Id<Asset>],
) -> Result<Vec<UploadRow>, Error> {
    Ok(
        diesel::update(upload::table.filter(upload::asset_id.eq_any(assets)))
            .set(upload::quota_state.eq(QuotaState::ReleaseDue))
            .returning(UploadRow::as_returning())
            .get_results(tx)
            .await?,
    )
}
