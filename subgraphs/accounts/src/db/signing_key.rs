//! Keys that sign access tokens.

use atelier_kit::{db::Connection, error::Error, transaction::Tx};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::signing_key;

/// A signing key, with its private half sealed.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = signing_key)]
pub struct SigningKeyRow {
    pub kid: String,
    pub public_key: Vec<u8>,
    pub sealed_private_key: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
}

/// All keys whose tokens may still be valid, newest first.
pub async fn usable(
    connection: &mut Connection,
    retired_after: DateTime<Utc>,
) -> Result<Vec<SigningKeyRow>, Error> {
    Ok(signing_key::table
        .filter(
            signing_key::retired_at
                .is_null()
                .or(signing_key::retired_at.gt(retired_after).assume_not_null()),
        )
        .order(signing_key::created_at.desc())
        .select(SigningKeyRow::as_select())
        .load(connection)
        .await?)
}

/// Inserts the active key, unless there is one already.
pub async fn insert_active(tx: &mut Tx, key: &SigningKeyRow) -> Result<bool, Error> {
    let inserted = diesel::insert_into(signing_key::table)
        .values(key)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted > 0)
}

/// Retires the active key if it was created before `made_before`.
pub async fn retire(
    tx: &mut Tx,
    made_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let retired = diesel::update(
        signing_key::table.filter(
            signing_key::retired_at
                .is_null()
                .and(signing_key::created_at.le(made_before)),
        ),
    )
    .set(signing_key::retired_at.eq(now))
    .execute(tx)
    .await?;
    Ok(retired > 0)
}

/// Deletes keys that were retired before `before`.
pub async fn delete_retired(tx: &mut Tx, before: DateTime<Utc>) -> Result<usize, Error> {
    Ok(
        diesel::delete(signing_key::table.filter(signing_key::retired_at.lt(before)))
            .execute(tx)
            .await?,
    )
}
