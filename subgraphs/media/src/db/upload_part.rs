//! The ledger of upload parts: signed for the client, and seen in the store.

use atelier_contracts::media::Upload;
use atelier_kit::{db::Connection, error::Error, id::Id, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, query_dsl, upsert::excluded};
use diesel_async::RunQueryDsl;

use crate::tables::upload_part;

/// A part's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = upload_part)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct UploadPartRow {
    pub upload_id: Id<Upload>,
    pub number: i32,
    pub byte_size: i64,
    pub sha256: Option<Vec<u8>>,
    pub signed_at: Option<DateTime<Utc>>,
    pub etag: Option<String>,
    pub received_at: Option<DateTime<Utc>>,
}

/// The parts of an upload that are known of, by number.
pub async fn of_upload(
    connection: &mut Connection,
    upload: Id<Upload>,
) -> Result<Vec<UploadPartRow>, Error> {
    Ok(upload_part::table
        .filter(upload_part::upload_id.eq(upload))
        .order(upload_part::number)
        .select(UploadPartRow::as_select())
        .load(connection)
        .await?)
}

/// Notes parts as signed.
pub async fn note_signed(tx: &mut Tx, rows: &[UploadPartRow]) -> Result<(), Error> {
    diesel::insert_into(upload_part::table)
        .values(rows)
        .on_conflict((upload_part::upload_id, upload_part::number))
        .do_update()
        .set((
            upload_part::sha256.eq(excluded(upload_part::sha256)),
            upload_part::signed_at.eq(excluded(upload_part::signed_at)),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// The most rows in one statement: seven parameters each, of 65,535.
const ROWS: usize = 5000;

/// Notes parts as received; tells how many were not yet known in this form.
pub async fn note_received(tx: &mut Tx, rows: &[UploadPartRow]) -> Result<usize, Error> {
    let mut changed = 0;
    for rows in rows.chunks(ROWS) {
        let upsert = diesel::insert_into(upload_part::table)
            .values(rows)
            .on_conflict((upload_part::upload_id, upload_part::number))
            .do_update()
            .set((
                upload_part::byte_size.eq(excluded(upload_part::byte_size)),
                upload_part::etag.eq(excluded(upload_part::etag)),
                upload_part::received_at.eq(excluded(upload_part::received_at)),
            ));
        // Rows that say nothing new are left alone, so that the count tells the news.
        changed += query_dsl::methods::FilterDsl::filter(
            upsert,
            upload_part::etag.is_distinct_from(excluded(upload_part::etag)),
        )
        .execute(tx)
        .await?;
    }
    Ok(changed)
}
