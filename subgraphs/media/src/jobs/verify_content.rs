//! `media.verify_content`: the digest of a file of which the store does not know it.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_kit::jobs::{Handler, Running, TaskFailure};
use serde_json::{Value, json};

use super::{
    Digester, Payload, QUEUE,
    finish::{Outcome, finish},
    storage_failure,
};
use crate::{
    app::Media,
    config::MIB,
    db::{
        blob::{self, Findings},
        state::BlobState,
    },
};

/// The name of this kind of task.
pub const TASK_TYPE: &str = "media.verify_content";
/// Its steps.
pub const STEPS: [&str; 1] = ["verify"];
/// Bytes that are in memory at a time.
const CHUNK: u64 = 8 * MIB;

/// Reads a whole file, a bounded piece at a time.
pub struct VerifyContent {
    media: Media,
}

impl VerifyContent {
    /// A handler with these surroundings.
    pub fn new(media: Media) -> Self {
        Self { media }
    }
}

#[async_trait]
impl Handler for VerifyContent {
    fn task_type(&self) -> &'static str {
        TASK_TYPE
    }

    fn queue(&self) -> &'static str {
        QUEUE
    }

    async fn run(&self, task: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        let payload: Payload = serde_json::from_value(task.payload().clone())?;
        let mut connection = self.media.deps.db.read().await?;
        let found = blob::find(&mut connection, payload.blob).await?;
        drop(connection);
        let Some(blob) = found.filter(|blob| blob.state == BlobState::Processing) else {
            return Ok(json!({ "skipped": true }));
        };
        let size = u64::try_from(blob.byte_size).unwrap_or(0);
        let (mut digester, mut read) = (Digester::default(), 0);
        while read < size {
            let chunk = tokio::select! {
                chunk = self.media.storage.get_range(&blob.storage_key, read, CHUNK) => chunk.map_err(storage_failure)?,
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
            task.progress(read as f64 / size as f64, Some(STEPS[0]));
        }
        let outcome = Outcome {
            sha256: digester.finish(),
            findings: Findings::default(),
            derivatives: Vec::new(),
        };
        finish(&self.media, blob.id, &outcome).await?;
        Ok(json!({ "sha256": hex::encode(outcome.sha256) }))
    }
}
