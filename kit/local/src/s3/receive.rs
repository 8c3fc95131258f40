//! Taking a body in: to a temporary file, hashed on the way, with at most one megabyte in memory.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use s3s::dto::StreamingBlob;
use tempfile::NamedTempFile;

use super::checksum::{Digest, Expected, Hasher};
use super::error::StoreError;

/// Bytes gathered before they are written: one hop to a blocking thread each. No thread waits for
/// a slow sender.
const BATCH: usize = 1024 * 1024;
/// The largest object or part in one request, as in S3.
const MAX_BODY: u64 = 5 * 1024 * 1024 * 1024;

/// A body that was received whole and verified, in a file that disappears unless it is kept.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) file: NamedTempFile,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// How long a sender may be silent; S3 gives it about as long.
const PATIENCE: Duration = Duration::from_secs(30);

struct Sink {
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
}

impl Sink {
    fn write(&mut self, batch: &[Bytes]) -> Result<(), StoreError> {
        let file: &mut File = self.file.as_file_mut();
        for bytes in batch {
            self.hasher.update(bytes);
            file.write_all(bytes)?;
            self.size += bytes.len() as u64;
        }
        Ok(())
    }
}

/// Reads `body` to its end into a file in `directory`. Whatever goes wrong, nothing is left there.
pub(super) async fn receive(
    directory: PathBuf,
    body: Option<StreamingBlob>,
    expected: Expected,
) -> Result<Received, StoreError> {
    let hasher = expected.hasher();
    let mut sink: Option<Sink> = None;
    let mut hasher = Some(hasher);
    let mut batch: Vec<Bytes> = Vec::new();
    let mut gathered = 0_usize;
    let mut total = 0_u64;
    let mut body = body;
    loop {
        let next = match body.as_mut() {
            Some(body) => tokio::time::timeout(PATIENCE, body.next())
                .await
                .map_err(|_| StoreError::Stalled)?
                .transpose()
                .map_err(|_| StoreError::IncompleteBody)?,
            None => None,
        };
        let ended = next.is_none();
        if let Some(bytes) = next {
            total += bytes.len() as u64;
            if total > MAX_BODY {
                return Err(StoreError::TooLarge);
            }
            gathered += bytes.len();
            batch.push(bytes);
        }
        if !ended && gathered < BATCH {
            continue;
        }
        gathered = 0;
        let written = std::mem::take(&mut batch);
        let directory = directory.clone();
        let (previous, fresh) = (sink.take(), hasher.take());
        let next_sink = blocking(move || {
            let mut sink = match (previous, fresh) {
                (Some(sink), _) => sink,
                (None, Some(hasher)) => Sink {
                    file: NamedTempFile::new_in(directory)?,
                    hasher,
                    size: 0,
                },
                (None, None) => return Err(StoreError::Damaged("no sink")),
            };
            sink.write(&written)?;
            Ok(sink)
        })
        .await?;
        if ended {
            let Sink { file, hasher, size } = next_sink;
            let digest = hasher.finish();
            expected.verify(&digest)?;
            return Ok(Received { file, size, digest });
        }
        sink = Some(next_sink);
    }
}

/// Runs file work where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Io(std::io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_falls_silent_is_given_up_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let first =
            futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; 2 * BATCH]))]);
        let body = StreamingBlob::wrap(first.chain(futures::stream::pending()));
        let received = receive(scratch.path().to_owned(), Some(body), Expected::default()).await;
        assert!(matches!(received, Err(StoreError::Stalled)));
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
