//! Derivatives of blobs.

use atelier_kit::{db::Connection, error::Error, id::Id, transaction::Tx};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{Blob, kinds::DerivativeFormat, tables::derivative};

/// A derivative's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = derivative)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct DerivativeRow {
    pub blob_id: Id<Blob>,
    pub name: String,
    pub format: DerivativeFormat,
    pub width: i32,
    pub height: i32,
    pub byte_size: i64,
    pub storage_key: String,
}

/// The derivatives of several blobs, small ones first.
pub async fn of_blobs(
    connection: &mut Connection,
    blobs: &[Id<Blob>],
) -> Result<Vec<DerivativeRow>, Error> {
    Ok(derivative::table
        .filter(derivative::blob_id.eq_any(blobs))
        .order((
            derivative::blob_id,
            derivative::width,
            derivative::height,
            derivative::name,
            derivative::format,
        ))
        .select(DerivativeRow::as_select())
        .load(connection)
        .await?)
}

/// Replaces a blob's derivatives.
pub async fn replace(tx: &mut Tx, blob: Id<Blob>, rows: &[DerivativeRow]) -> Result<(), Error> {
    diesel::delete(derivative::table.filter(derivative::blob_id.eq(blob)))
        .execute(tx)
        .await?;
    diesel::insert_into(derivative::table)
        .values(rows)
        .execute(tx)
        .await?;
    Ok(())
}
