//! To whom assets are shown besides their owners.

use atelier_contracts::{
    audience::{Audience, WireId},
    media::Asset,
};
use atelier_kit::{error::Error, id::Id, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::RunQueryDsl;

use crate::tables::asset_audience;

/// Whether an asset is attached to the audience `public`; an expression in statements on `asset`.
pub const IS_PUBLIC: &str = "EXISTS (SELECT FROM media.asset_audience shown \
     WHERE shown.asset_id = asset.id AND shown.audience = 'public')";

/// Whether an asset is attached to a group of which a user is a member; an expression in statements on
/// `asset`, up to the user's id.
pub const IS_SHOWN_TO: &str = "EXISTS (SELECT FROM media.asset_audience shown \
     JOIN media.group_member membership ON membership.group_id = shown.audience \
     WHERE shown.asset_id = asset.id AND membership.is_member \
     AND NOT EXISTS (SELECT FROM media.deleted_group gone WHERE gone.group_id = shown.audience) \
     AND membership.user_id = ";

/// Who attaches assets, to whom, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Showing<'a> {
    pub audience: &'a Audience,
    /// The domain that attaches, and alone can detach.
    pub domain: &'a str,
    pub subject: &'a WireId,
}

/// Attaches assets; those that already are stay as they are. The caller holds their locks.
pub async fn attach(
    tx: &mut Tx,
    showing: Showing<'_>,
    assets: &[Id<Asset>],
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let rows: Vec<_> = assets
        .iter()
        .map(|asset| {
            (
                asset_audience::asset_id.eq(*asset),
                asset_audience::audience.eq(showing.audience.as_str()),
                asset_audience::domain.eq(showing.domain),
                asset_audience::subject.eq(showing.subject.as_str()),
                asset_audience::attached_at.eq(at),
            )
        })
        .collect();
    diesel::insert_into(asset_audience::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(())
}

/// Detaches assets; those that are not attached stay as they are.
pub async fn detach(tx: &mut Tx, showing: Showing<'_>, assets: &[Id<Asset>]) -> Result<(), Error> {
    diesel::delete(
        asset_audience::table
            .filter(asset_audience::asset_id.eq_any(assets))
            .filter(asset_audience::audience.eq(showing.audience.as_str()))
            .filter(asset_audience::domain.eq(showing.domain))
            .filter(asset_audience::subject.eq(showing.subject.as_str())),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Detaches up to `limit` assets from groups that are gone; tells how many.
pub async fn delete_of_deleted_groups(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    Ok(diesel::sql_query(
        "DELETE FROM media.asset_audience WHERE (asset_id, audience, domain, subject) IN (\
         SELECT asset_id, audience, domain, subject FROM media.asset_audience \
         JOIN media.deleted_group ON group_id = audience WHERE audience <> $2 LIMIT $1 \
         FOR UPDATE OF asset_audience SKIP LOCKED)",
    )
    .bind::<BigInt, _>(limit)
    .bind::<Text, _>(Audience::PUBLIC)
    .execute(tx)
    .await?)
}
