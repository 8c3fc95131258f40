//! `media.verify_content`: the digest of a file of which the store does not know it.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_kit::jobs::{Job, Running, TaskFailure, Work};
use serde_json::{Value, json};

use super::{Digester, storage_failure};
use crate::{
    app::{
        Media,
        blob::{self, Outcome, VerifyContent},
    },
    config::MIB,
    db::blob::Findings,
    kinds::BlobState,
};

/// Bytes that are in memory at a time.
const CHUNK: u64 = 8 * MIB;

/// Reads a whole file, a bounded piece at a time.
pub struct ContentVerifier {
    media: Media,
}

impl ContentVerifier {
    /// A handler with these surroundings.
    pub fn new(media: Media) -> Self {
        Self { media }
    }
}

#[async_trait]
impl Work<VerifyContent> for ContentVerifier {
    async fn work(&self, job: VerifyContent, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        let found = blob::find(&self.media, job.blob).await?;
        let Some(row) = found.filter(|row| row.state == BlobState::Processing) else {
            return Ok(json!({ "skipped": true }));
        };
        let size = u64::try_from(row.byte_size).unwrap_or(0);
        let (mut digester, mut read) = (Digester::default(), 0);
        while read < size {
            let chunk = tokio::select! {
                chunk = self.media.storage.get_range(&row.storage_key, read, CHUNK) => chunk.map_err(storage_failure)?,
                () = task.stopped() => return Err(TaskFailure::Cancelled),
            };
            read += chunk.len() as u64;
            // Eight MiB take some milliseconds: other work of this thread should not wait for them.
            digester = tokio::task::spawn_blocking(move || {
                digester.update(&chunk);
                digester
            })
            .await?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "a share of the work, not a size"
            )]
            task.progress(read as f64 / size as f64, Some(VerifyContent::STEPS[0]));
        }
        let outcome = Outcome {
            sha256: digester.finish(),
            findings: Findings::default(),
            derivatives: Vec::new(),
        };
        blob::finish(&self.media, row.id, &outcome).await?;
        Ok(json!({ "sha256": hex::encode(&outcome.sha256) }))
    }
}
