//! Uploads.

use atelier_kit::{
    db::Connection,
    error::Error,
    id::{Asset, Id, Task, User},
    page::PageRequest,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::state::{QuotaState, Strategy, UploadStatus};
use crate::{
    Upload,
    tables::{doomed_object, upload},
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
    pub strategy: Strategy,
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

/// The sort key of lists of uploads: newest first.
pub type UploadKey = (DateTime<Utc>, Id<Upload>);

/// Adds an upload. `false` if its owner has used the idempotency key before.
pub async fn insert(connection: &mut Connection, row: &UploadRow) -> Result<bool, Error> {
    let added = diesel::insert_into(upload::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(connection)
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
pub async fn lock(connection: &mut Connection, id: Id<Upload>) -> Result<Option<UploadRow>, Error> {
    Ok(upload::table
        .find(id)
        .select(UploadRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?)
}

/// The uploads with these ids.
pub async fn by_ids(
    connection: &mut Connection,
    ids: &[Id<Upload>],
) -> Result<Vec<UploadRow>, Error> {
    let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    Ok(upload::table
        .filter(upload::id.eq_any(uuids))
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
    request: &PageRequest<UploadKey>,
) -> Result<Vec<UploadRow>, Error> {
    let mut query = upload::table
        .filter(upload::owner_id.eq(owner))
        .select(UploadRow::as_select())
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(upload::status.eq(status));
    }
    if let Some((at, id)) = request.after {
        query = query.filter(
            upload::created_at
                .lt(at)
                .or(upload::created_at.eq(at).and(upload::id.lt(id))),
        );
    }
    if let Some((at, id)) = request.before {
        query = query.filter(
            upload::created_at
                .gt(at)
                .or(upload::created_at.eq(at).and(upload::id.gt(id))),
        );
    }
    query = if request.backward {
        query.order((upload::created_at.asc(), upload::id.asc()))
    } else {
        query.order((upload::created_at.desc(), upload::id.desc()))
    };
    Ok(query.limit(request.fetch()).load(connection).await?)
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
pub async fn delete_unprepared(connection: &mut Connection, id: Id<Upload>) -> Result<(), Error> {
    diesel::delete(
        upload::table
            .find(id)
            .filter(upload::status.eq(UploadStatus::Preparing)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens an upload that was in preparation. `None` if somebody else did.
pub async fn open(
    connection: &mut Connection,
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
    .get_result(connection)
    .await
    .optional()?)
}

/// Takes or gives back the right to complete an upload; the caller holds its lock.
pub async fn set_claim(
    connection: &mut Connection,
    id: Id<Upload>,
    until: Option<DateTime<Utc>>,
    key: Option<&str>,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id))
        .set((upload::claimed_until.eq(until), upload::claim_key.eq(key)))
        .execute(connection)
        .await?;
    Ok(())
}

/// How an upload ends.
#[derive(Debug, Clone, Copy)]
pub struct Closing {
    pub status: UploadStatus,
    pub quota_state: QuotaState,
    pub asset_id: Option<Id<Asset>>,
    pub task_id: Option<Id<Task>>,
    pub at: DateTime<Utc>,
}

/// Ends an upload; the caller holds its lock.
pub async fn close(
    connection: &mut Connection,
    id: Id<Upload>,
    closing: Closing,
) -> Result<UploadRow, Error> {
    Ok(diesel::update(upload::table.find(id))
        .set((
            upload::status.eq(closing.status),
            upload::quota_state.eq(closing.quota_state),
            upload::asset_id.eq(closing.asset_id),
            upload::task_id.eq(closing.task_id),
            upload::closed_at.eq(closing.at),
            upload::claimed_until.eq(None::<DateTime<Utc>>),
            upload::claim_key.eq(None::<String>),
        ))
        .returning(UploadRow::as_returning())
        .get_result(connection)
        .await?)
}

/// Counts a wrong proof.
pub async fn count_proof_attempt(
    connection: &mut Connection,
    id: Id<Upload>,
) -> Result<i16, Error> {
    Ok(diesel::update(upload::table.find(id))
        .set(upload::proof_attempts.eq(upload::proof_attempts + 1))
        .returning(upload::proof_attempts)
        .get_result(connection)
        .await?)
}

/// Up to `limit` uploads that should have been completed by `now`, locked.
pub async fn lock_expired(
    connection: &mut Connection,
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
        .load(connection)
        .await?)
}

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
    connection: &mut Connection,
    id: Id<Upload>,
    from: QuotaState,
    to: QuotaState,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id).filter(upload::quota_state.eq(from)))
        .set(upload::quota_state.eq(to))
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the held quota of those of these uploads due for release for which the store takes no more
/// bytes, and tells which they are.
pub async fn release_held(
    connection: &mut Connection,
    uploads: &[Id<Upload>],
) -> Result<Vec<UploadRow>, Error> {
    if uploads.is_empty() {
        return Ok(Vec::new());
    }
    let uuids: Vec<_> = uploads.iter().map(|id| id.uuid()).collect();
    let open = doomed_object::table.filter(doomed_object::upload_id.eq(upload::id.nullable()));
    let held = upload::table
        .filter(upload::id.eq_any(uuids))
        .filter(upload::quota_state.eq(QuotaState::Held))
        .filter(diesel::dsl::not(diesel::dsl::exists(open)));
    Ok(diesel::update(held)
        .set(upload::quota_state.eq(QuotaState::ReleaseDue))
        .returning(UploadRow::as_returning())
        .get_results(connection)
        .await?)
}

/// Makes the quota of purged assets due for release, and tells which uploads that are.
pub async fn release_for_assets(
    connection: &mut Connection,
    assets: &[Id<Asset>],
) -> Result<Vec<UploadRow>, Error> {
    let uuids: Vec<_> = assets.iter().map(|id| id.uuid()).collect();
    Ok(
        diesel::update(upload::table.filter(upload::asset_id.eq_any(uuids)))
            .set(upload::quota_state.eq(QuotaState::ReleaseDue))
            .returning(UploadRow::as_returning())
            .get_results(connection)
            .await?,
    )
}

/// Forgets up to `limit` uploads that ended before `before` and left nothing behind.
pub async fn forget_closed(
    connection: &mut Connection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<usize, Error> {
    let old = upload::table
        .filter(upload::closed_at.lt(before))
        .filter(upload::asset_id.is_null())
        .filter(upload::quota_state.eq(QuotaState::Released))
        .limit(limit)
        .select(upload::id);
    let ids: Vec<Id<Upload>> = old.load(connection).await?;
    let uuids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    Ok(
        diesel::delete(upload::table.filter(upload::id.eq_any(uuids)))
            .execute(connection)
            .await?,
    )
}

/// Keeps the right to complete an upload, if it is still held.
pub async fn renew_claim(
    connection: &mut Connection,
    id: Id<Upload>,
    key: Option<&str>,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::update(upload::table.find(id).filter(upload::claim_key.eq(key)))
        .set(upload::claimed_until.eq(until))
        .execute(connection)
        .await?;
    Ok(())
}
