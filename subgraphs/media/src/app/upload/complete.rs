//! Completing an upload: from bytes in the store to a file.

use std::time::Duration;

use atelier_kit::{
    actor::Actor,
    db::Connection,
    error::Error,
    id::{Asset, Id, Task},
    jobs,
};
use chrono::TimeDelta;
use diesel_async::AsyncConnection;

use super::{
    super::{Media, fact, objects_of, quota, sweep},
    abort::discard,
    demand_open, lock,
    receive::{Object, Refused, receive},
    wrong_strategy,
};
use crate::{
    Blob, UploadId,
    db::{
        asset::{self, AssetRow},
        blob::{self, BlobRow},
        doomed,
        state::{BlobState, QuotaState, Strategy, UploadStatus},
        upload::{self, Closing, UploadRow},
    },
    error::{Fail, MediaErrorCode},
    jobs as work, sniff,
};

/// How long a completion that died keeps others from trying.
const CLAIM: TimeDelta = TimeDelta::seconds(30);
/// How often a living completion renews its claim.
const RENEW: Duration = Duration::from_secs(10);

/// A completed upload.
#[derive(Debug, Clone)]
pub struct Completed {
    pub upload: UploadRow,
    /// The task that processes the file, where one is needed.
    pub task: Option<Id<Task>>,
}

impl Completed {
    fn of(upload: UploadRow) -> Self {
        Self {
            task: upload.task_id,
            upload,
        }
    }
}

/// Completes an upload. May be repeated: what is completed stays so.
pub async fn complete(media: &Media, actor: &Actor, id: UploadId) -> Result<Completed, Fail> {
    let claimed = match claim(media, actor, id).await? {
        Claim::Done(row) => return Ok(Completed::of(*row)),
        Claim::Mine(row) => *row,
    };
    let received = renewing(media, &claimed, receive(media, &claimed)).await;
    let row = match received {
        Ok(object) => settle(media, &claimed, object).await?,
        Err(refused) => return Err(give_back(media, &claimed, refused).await?),
    };
    quota::settle(media, &row).await;
    Ok(Completed::of(row))
}

enum Claim {
    Done(Box<UploadRow>),
    Mine(Box<UploadRow>),
}

/// Takes the right to complete an upload, under a name that no other completion has.
async fn claim(media: &Media, actor: &Actor, id: UploadId) -> Result<Claim, Fail> {
    let mut connection = media.deps.db.read().await?;
    connection
        .transaction(async |connection| {
            let mut row = lock(connection, actor, id).await?;
            if row.status == UploadStatus::Completed {
                return Ok(Claim::Done(Box::new(row)));
            }
            demand_open(&row)?;
            if row.strategy == Strategy::Instant {
                return Err(wrong_strategy(&row));
            }
            let now = media.deps.clock.now();
            if row.claimed_until.is_some_and(|until| until > now) {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            }
            row.claim_key = Some(media.deps.new_id::<Blob>().uuid().simple().to_string());
            row.claimed_until = Some(now + CLAIM);
            upload::set_claim(connection, id, row.claimed_until, row.claim_key.as_deref()).await?;
            Ok(Claim::Mine(Box::new(row)))
        })
        .await
}

/// Runs `work` and keeps the claim meanwhile: joining many parts takes the store a while.
async fn renewing<T>(media: &Media, row: &UploadRow, work: impl Future<Output = T>) -> T {
    let mut renewals = tokio::time::interval(RENEW);
    renewals.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = renewals.tick() => {
                if let Err(error) = renew(media, row).await {
                    tracing::warn!(target: "upload", upload = %row.id, cause = error.cause_chain(), "a claim could not be renewed");
                }
            }
        }
    }
}

async fn renew(media: &Media, row: &UploadRow) -> Result<(), Error> {
    let mut connection = media.deps.db.read().await?;
    upload::renew_claim(
        &mut connection,
        row.id,
        row.claim_key.as_deref(),
        media.deps.clock.now() + CLAIM,
    )
    .await
}

/// Gives the claim back after a refusal; what cannot come to anything ends here.
async fn give_back(media: &Media, claimed: &UploadRow, refused: Refused) -> Result<Fail, Error> {
    let mut connection = media.deps.db.write().await?;
    let (fail, closed) = connection
        .transaction(async |connection| {
            let mine = upload::lock(connection, claimed.id)
                .await?
                .filter(|row| row.claim_key == claimed.claim_key && !row.status.is_closed());
            let closed = match (&mine, &refused) {
                (Some(row), Refused::ForGood(_)) => {
                    Some(discard(connection, media, row, UploadStatus::Rejected).await?)
                }
                (Some(row), _) => {
                    upload::set_claim(connection, row.id, None, None).await?;
                    None
                }
                (None, _) => None,
            };
            let fail = match refused {
                Refused::Again(refusal) | Refused::ForGood(refusal) => Fail::from(refusal),
                Refused::Failed(error) => Fail::from(error),
            };
            Ok::<_, Error>((fail, closed))
        })
        .await?;
    drop(connection);
    if closed.is_some() {
        sweep::clean_up(media).await;
    }
    Ok(fail)
}

/// Makes the file, asks for its processing and tells of it: all or nothing.
async fn settle(media: &Media, claimed: &UploadRow, object: Object) -> Result<UploadRow, Fail> {
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let current = upload::lock(connection, claimed.id).await?;
            let Some(row) = current.filter(|row| {
                row.status == UploadStatus::Open && row.claim_key == claimed.claim_key
            }) else {
                return Err(Fail::refused(MediaErrorCode::UploadBusy, "input.uploadId"));
            };
            let content_type = object.content_type.clone();
            let (blob, fresh) = keep(connection, media, &row, object).await?;
            let task = if fresh {
                ask_for_processing(connection, media, &row, &blob).await?
            } else {
                None
            };
            Ok(finish(connection, media, &row, &blob, File { content_type, task }).await?)
        })
        .await
}

/// The blob of an object: a new one, or the one that has the same content already.
async fn keep(
    connection: &mut Connection,
    media: &Media,
    row: &UploadRow,
    object: Object,
) -> Result<(BlobRow, bool), Error> {
    let now = media.deps.clock.now();
    let id = media.deps.new_id::<Blob>();
    let blob = BlobRow {
        id,
        sha256: object.sha256.clone(),
        declared_sha256: row.declared_sha256.clone(),
        byte_size: row.byte_size,
        kind: sniff::kind_of(&object.content_type),
        state: work::first_state(&object),
        content_type: object.content_type,
        storage_key: object.key,
        reference_count: 1,
        failure: None,
        metadata: None,
        blurhash: None,
        dominant_color: None,
        created_at: now,
        processed_at: None,
    };
    if blob::insert(connection, &blob).await? {
        return Ok((blob, true));
    }
    let known =
        blob::refer_by_sha256(connection, blob.sha256.as_deref().unwrap_or_default()).await?;
    let known = known
        .ok_or_else(|| Error::internal("the blob with the same content went away meanwhile"))?;
    doomed::doom(connection, &objects_of(id, &blob.storage_key, now)).await?;
    Ok((known, false))
}

async fn ask_for_processing(
    connection: &mut Connection,
    media: &Media,
    row: &UploadRow,
    blob: &BlobRow,
) -> Result<Option<Id<Task>>, Error> {
    let Some(task) = work::task_for(&media.deps, blob, row.owner_id) else {
        return Ok(None);
    };
    jobs::enqueue(connection, &media.deps, std::slice::from_ref(&task)).await?;
    Ok(Some(task.id))
}

/// What a file is to be, besides what was announced.
pub struct File {
    pub content_type: String,
    pub task: Option<Id<Task>>,
}

/// Adds the file and ends the upload, in the caller's transaction.
pub async fn finish(
    connection: &mut Connection,
    media: &Media,
    row: &UploadRow,
    blob: &BlobRow,
    found: File,
) -> Result<UploadRow, Error> {
    let now = media.deps.clock.now();
    let file = AssetRow {
        id: media.deps.new_id::<Asset>(),
        owner_id: row.owner_id,
        blob_id: blob.id,
        filename: row.filename.clone(),
        content_type: found.content_type,
        purpose: row.purpose.clone(),
        created_at: now,
        updated_at: now,
        trashed_at: None,
    };
    asset::insert(connection, &file).await?;
    let closing = Closing {
        status: UploadStatus::Completed,
        quota_state: QuotaState::CommitDue,
        asset_id: Some(file.id),
        task_id: found.task,
        at: now,
    };
    let closed = upload::close(connection, row.id, closing).await?;
    let about = [(file.id, file.owner_id)];
    fact::tell_assets(connection, &media.deps, fact::ASSET_CREATED, &about, None).await?;
    if blob.state != BlobState::Processing {
        fact::tell_assets(connection, &media.deps, fact::ASSET_READY, &about, None).await?;
    }
    fact::tell_upload(connection, &media.deps, &closed).await?;
    Ok(closed)
}
