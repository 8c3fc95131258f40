//! Writing down what a worker has found out about a blob.

use atelier_kit::{db::Connection, error::Error};
use diesel_async::AsyncConnection;

use crate::{
    app::{Media, fact, objects_of},
    db::{
        asset,
        blob::{self, BlobRow, Findings},
        derivative::{self, DerivativeRow},
        doomed,
        state::BlobState,
    },
};

/// What came of looking at a blob.
pub struct Outcome {
    /// The digest of all its bytes.
    pub sha256: Vec<u8>,
    /// What is in it, or why that could not be found out.
    pub findings: Findings,
    /// What was made of it, in the store already.
    pub derivatives: Vec<DerivativeRow>,
}

/// The words for a file whose bytes are not those that were announced.
pub const NOT_AS_ANNOUNCED: &str = "The file does not match the SHA-256 that was announced for it.";

/// Writes an outcome down; doing so again changes nothing.
pub async fn finish(media: &Media, id: crate::BlobId, outcome: &Outcome) -> Result<(), Error> {
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let now = media.deps.clock.now();
            let Some(blob) = blob::lock(connection, id).await? else {
                // Purged meanwhile: what was just written must not stay.
                let keys = outcome.derivatives.iter().map(|row| doomed::NewDoomed {
                    storage_key: row.storage_key.clone(),
                    multipart_id: None,
                    due_at: now,
                    upload_id: None,
                });
                return doomed::doom(connection, &keys.collect::<Vec<_>>()).await;
            };
            if blob.state != BlobState::Processing {
                return Ok(());
            }
            if blob
                .declared_sha256
                .as_ref()
                .is_some_and(|declared| *declared != outcome.sha256)
            {
                return quarantine(connection, media, &blob).await;
            }
            match blob::by_sha256(connection, &outcome.sha256).await? {
                Some(twin) if twin.id != blob.id => merge(connection, media, &blob, &twin).await,
                _ => settle(connection, media, &blob, outcome).await,
            }
        })
        .await
}

async fn settle(
    connection: &mut Connection,
    media: &Media,
    blob: &BlobRow,
    outcome: &Outcome,
) -> Result<(), Error> {
    let reason = outcome.findings.failure.as_deref();
    let (state, topic) = match reason {
        None => (BlobState::Ready, fact::ASSET_READY),
        Some(_) => (BlobState::Failed, fact::ASSET_PROCESSING_FAILED),
    };
    blob::finish(
        connection,
        blob.id,
        state,
        Some(&outcome.sha256),
        &outcome.findings,
        media.deps.clock.now(),
    )
    .await?;
    derivative::replace(connection, blob.id, &outcome.derivatives).await?;
    let about = asset::owners_of_blob(connection, blob.id).await?;
    fact::tell_assets(connection, &media.deps, topic, &about, reason).await
}

async fn quarantine(
    connection: &mut Connection,
    media: &Media,
    blob: &BlobRow,
) -> Result<(), Error> {
    let findings = Findings {
        failure: Some(NOT_AS_ANNOUNCED.to_owned()),
        ..Findings::default()
    };
    // Without a digest nobody else can refer to it.
    blob::finish(
        connection,
        blob.id,
        BlobState::Quarantined,
        None,
        &findings,
        media.deps.clock.now(),
    )
    .await?;
    let about = asset::owners_of_blob(connection, blob.id).await?;
    fact::tell_assets(
        connection,
        &media.deps,
        fact::ASSET_QUARANTINED,
        &about,
        Some(NOT_AS_ANNOUNCED),
    )
    .await
}

/// The same content was there already: its files take over the other blob, and this one goes.
async fn merge(
    connection: &mut Connection,
    media: &Media,
    blob: &BlobRow,
    twin: &BlobRow,
) -> Result<(), Error> {
    let about = asset::owners_of_blob(connection, blob.id).await?;
    blob::merge(connection, blob.id, twin.id).await?;
    doomed::doom(
        connection,
        &objects_of(blob.id, &blob.storage_key, media.deps.clock.now()),
    )
    .await?;
    blob::delete(connection, blob.id).await?;
    match twin.state {
        // It will be told when the other one is done.
        BlobState::Processing => Ok(()),
        BlobState::Failed => {
            fact::tell_assets(
                connection,
                &media.deps,
                fact::ASSET_PROCESSING_FAILED,
                &about,
                twin.failure.as_deref(),
            )
            .await
        }
        BlobState::Ready | BlobState::Quarantined => {
            fact::tell_assets(connection, &media.deps, fact::ASSET_READY, &about, None).await
        }
    }
}

/// A picture that is not even read; its digest stays unknown.
pub async fn fail_unread(media: &Media, id: crate::BlobId, failure: &str) -> Result<(), Error> {
    let mut connection = media.deps.db.write().await?;
    connection
        .transaction(async |connection| {
            let Some(blob) = blob::lock(connection, id)
                .await?
                .filter(|blob| blob.state == BlobState::Processing)
            else {
                return Ok(());
            };
            let findings = Findings {
                failure: Some(failure.to_owned()),
                ..Findings::default()
            };
            blob::finish(
                connection,
                id,
                BlobState::Failed,
                blob.sha256.as_deref(),
                &findings,
                media.deps.clock.now(),
            )
            .await?;
            let about = asset::owners_of_blob(connection, id).await?;
            fact::tell_assets(
                connection,
                &media.deps,
                fact::ASSET_PROCESSING_FAILED,
                &about,
                Some(failure),
            )
            .await
        })
        .await
}
