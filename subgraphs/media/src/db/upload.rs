//! Uploads.

use atelier_contracts::media::{Asset, Upload, UploadStatus};
use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Id, Task, User},
    newest_first,
    page::{Listed, PageRequest},
    transaction::Tx,
};
use chrono::{DateTime, Utc};
use diesel::{dsl::case_when, prelude::*, sql_types::Text};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    kinds::{QuotaState, UploadStrategy},
    tables::upload,
};

/// An upload's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = upload)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub struct UploadRow {
    pub id: Id<Upload>,
    pub owner_id: Id<User>,
    pub filename: String,
    pub content_type: String,
    pub byte_size: i64,
    pub declared_sha256: Option<Vec<u8>>,
    pub purpose: Option<String>,
    pub strategy: UploadStrategy,
    pub status: UploadStatus,
    pub storage_key: Option<String>,
    pub multipart_id: Option<String>,
    pub part_size: i64,
    pub part_count: i32,
    pub checksum_parts: bool,
    pub challenge: Option<Value>,
    pub proof_attempts: i16,
    pub quota_state: QuotaState,
    pub idempotency_key: Option<String>,
    pub request_hash: Option<Vec<u8>>,
    pub claimed_until: Option<DateTime<Utc>>,
    pub claim_key: Option<String>,
    pub asset_id: Option<Id<Asset>>,
    pub task_id: Option<Id<Task>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

impl Listed for UploadRow {
    const LIST: &'static str = "media.uploads";
    type Key = (DateTime<Utc>, Id<Upload>);

    fn key(&self) -> Self::Key {
        (self.created_at, self.id)
    }
}

/// Adds an upload. `false` if its owner has used the idempotency key before.
pub async fn insert(tx: &mut Tx, row: &UploadRow) -> Result<bool, Error> {
    let added = diesel::insert_into(upload::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(tx)
        .await?;
    Ok(added == 1)
}

/// The upload with an id.
pub async fn find(connection: &mut Connection, id: Id<Upload>) -> Result<Option<UploadRow>, Error> {
    Ok(upload::table
        .find(id)
        .select(UploadRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// The upload with an id, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: Id<Upload>) -> Result<Option<UploadRow>, Error> {
    Ok(upload::table
        .find(id)
        .select(UploadRow::as_select())
        .for_update()
        .first(tx)
        .await
        .optional()?)
}

/// The uploads with these ids.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<Upload>],
) -> Result<Vec<UploadRow>, Error> {
    Ok(upload::table
        .filter(upload::id.eq_any(ids))
        .select(UploadRow::as_select())
        .load(connection)
        .await?)
}

/// The upload that was created with an idempotency key.
pub async fn by_idempotency_key(
    connection: &mut Connection,
    owner: Id<User>,
    key: &str,
) -> Result<Option<UploadRow>, Error> {
    Ok(upload::table
        .filter(
            upload::owner_id
                .eq(owner)
                .and(upload::idempotency_key.eq(key)),
        )
        .select(UploadRow::as_select())
        .first(connection)
        .await
        .optional()?)
}

/// A page of somebody's uploads, newest first.
pub async fn page(
    connection: &mut Connection,
    owner: Id<User>,
    status: Option<UploadStatus>,
    request: &PageRequest<<UploadRow as Listed>::Key>,
) -> Result<Vec<UploadRow>, Error> {
    let mut query = upload::table
        .filter(upload::owner_id.eq(owner))
        .select(UploadRow::as_select())
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(upload::status.eq(status));
    }
    Ok(
        newest_first!(query, request, upload::created_at, upload::id)
            .load(connection)
            .await?,
    )
}

/// How many uploads somebody has.
pub async fn count(
    connection: &mut Connection,
    owner: Id<User>,
    status: Option<UploadStatus>,
) -> Result<i64, Error> {
    let mut query = upload::table
        .filter(upload::owner_id.eq(owner))
        .count()
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(upload::status.eq(status));
    }
    Ok(query.get_result(connection).await?)
}

/// Forgets an upload that never began.
pub async fn delete_unprepared(tx: &mut Tx, id: Id<Upload>) -> Result<(), Error> {
    diesel::delete(
        upload::table
            .find(id)
            .filter(upload::status.eq(UploadStatus::Preparing)),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Opens an upload that was in preparation. `None` if somebody else did.
pub async fn open(
    tx: &mut Tx,
    id: Id<Upload>,
    multipart_id: Option<&str>,
) -> Result<Option<UploadRow>, Error> {
    Ok(diesel::update(
        upload::table
            .find(id)
            .filter(upload::status.eq(UploadStatus::Preparing)),
    )
    .set((
        upload::status.eq(UploadStatus::Open),
        upload::multipart_id.eq(multipart_id),
    ))
    .returning(UploadRow::as_returning())
    .get_result(tx)
    .await
    .optional()?)
}

/// Takes or gives back the right to complete an upload; the caller holds its lock.
pub async fn set_claim(
    tx: &mut Tx,
    id: Id<Upload>,
    until: Option<DateTime<Utc>>,
    key: Option<&str>,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id))
        .set((upload::claimed_until.eq(until), upload::claim_key.eq(key)))
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends an upload with a file; the caller holds its lock.
pub async fn complete(
    tx: &mut Tx,
    id: Id<Upload>,
    asset: Id<Asset>,
    task: Option<Id<Task>>,
    at: DateTime<Utc>,
) -> Result<UploadRow, Error> {
    Ok(diesel::update(upload::table.find(id))
        .set((
            upload::status.eq(UploadStatus::Completed),
            upload::quota_state.eq(QuotaState::CommitDue),
            upload::asset_id.eq(asset),
            upload::task_id.eq(task),
            upload::closed_at.eq(at),
            upload::claimed_until.eq(None::<DateTime<Utc>>),
            upload::claim_key.eq(None::<String>),
        ))
        .returning(UploadRow::as_returning())
        .get_result(tx)
        .await?)
}

/// Ends uploads without a file; the caller holds their locks. Quota for which the store may still take
/// bytes is held, the other is due for release.
pub async fn close(
    tx: &mut Tx,
    ids: &[Id<Upload>],
    status: UploadStatus,
    at: DateTime<Utc>,
) -> Result<Vec<UploadRow>, Error> {
    let quota_state = case_when(
        upload::multipart_id.is_null(),
        QuotaState::ReleaseDue.into_sql::<Text>(),
    )
    .otherwise(QuotaState::Held.into_sql::<Text>());
    Ok(diesel::update(upload::table.filter(upload::id.eq_any(ids)))
        .set((
            upload::status.eq(status),
            upload::quota_state.eq(quota_state),
            upload::closed_at.eq(at),
            upload::claimed_until.eq(None::<DateTime<Utc>>),
            upload::claim_key.eq(None::<String>),
        ))
        .returning(UploadRow::as_returning())
        .get_results(tx)
        .await?)
}

/// Counts a wrong proof.
pub async fn count_proof_attempt(tx: &mut Tx, id: Id<Upload>) -> Result<i16, Error> {
    Ok(diesel::update(upload::table.find(id))
        .set(upload::proof_attempts.eq(upload::proof_attempts + 1))
        .returning(upload::proof_attempts)
        .get_result(tx)
        .await?)
}

/// Up to `limit` uploads that should have been completed by `now`, locked.
pub async fn lock_expired(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UploadRow>, Error> {
    Ok(upload::table
        .filter(upload::status.eq_any([UploadStatus::Preparing, UploadStatus::Open]))
        .filter(upload::expires_at.le(now))
        .filter(
            upload::claimed_until
                .is_null()
                .or(upload::claimed_until.le(now)),
        )
        .order(upload::expires_at)
        .limit(limit)
        .select(UploadRow::as_select())
        .for_update()
        .skip_locked()
        .load(tx)
        .await?)
}

/// Up to `limit` of somebody's uploads that have not ended and that nobody is completing, locked.
pub async fn lock_unfinished(
    tx: &mut Tx,
    owner: Id<User>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UploadRow>, Error> {
    Ok(upload::table
        .filter(upload::owner_id.eq(owner))
        .filter(upload::status.eq_any([UploadStatus::Preparing, UploadStatus::Open]))
        .filter(
            upload::claimed_until
                .is_null()
                .or(upload::claimed_until.le(now)),
        )
        .order(upload::id)
        .limit(limit)
        .select(UploadRow::as_select())
        .for_update()
        .load(tx)
        .await?)
}

/// Forgets up to `limit` uploads, of everybody or of `owner`, that ended before `before` and left
/// nothing behind.
pub async fn delete_settled(
    tx: &mut Tx,
    owner: Option<Id<User>>,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, Error> {
    let mut settled = upload::table
        .filter(upload::closed_at.lt(before))
        .filter(upload::asset_id.is_null())
        .filter(upload::quota_state.eq(QuotaState::Released))
        .limit(limit)
        .select(upload::id)
        .into_boxed();
    if let Some(owner) = owner {
        settled = settled.filter(upload::owner_id.eq(owner));
    }
    let ids: Vec<Id<Upload>> = settled.load(tx).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(
        diesel::delete(upload::table.filter(upload::id.eq_any(&ids)))
            .execute(tx)
            .await?,
    )
}

/// Whether somebody has any upload.
pub async fn any_of_owner(connection: &mut Connection, owner: Id<User>) -> Result<bool, Error> {
    let owned = upload::table.filter(upload::owner_id.eq(owner));
    Ok(diesel::select(diesel::dsl::exists(owned))
        .get_result(connection)
        .await?)
}

/// Keeps the right to complete an upload, if it is still held.
pub async fn renew_claim(
    tx: &mut Tx,
    id: Id<Upload>,
    key: Option<&str>,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id).filter(upload::claim_key.eq(key)))
        .set(upload::claimed_until.eq(until))
        .execute(tx)
        .await?;
    Ok(())
}
